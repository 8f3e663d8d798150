package head

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/labelloop/labelloop/activelearn"
	"github.com/labelloop/labelloop/activelearn/calibration"
)

// validate chooses the strength of the penalty and fits the temperature.
func (t *trainer) validate(ctx context.Context) (Head, setting, error) {
	h, chosen := Head{Temperature: 1, C: usual.c, Accuracy: math.NaN(), LogLoss: math.NaN()}, usual
	if t.X.Rows < 2*foldsAtMost {
		return h, chosen, nil
	}
	try := settings
	switch {
	case t.X.Rows < fewLabels*t.Classes:
		try = []setting{usual}
	case t.Multi || t.Names.Rows == 0: // there is nothing to believe
		try = []setting{{0, 10}, {0, 30}, {0, 100}, {0, 300}}
	case t.X.Rows >= manyLabels*t.Classes:
		try = []setting{plain}
	}
	folds := foldsOf(t.Y, t.Classes, foldsAtMost, t.rng)
	folds = folds[:min(foldsAtMost, max(1, foldCells/(t.X.Rows*t.Classes)))]
	held := slices.Concat(folds...)
	said := make([]activelearn.Matrix, len(try))
	for i := range said {
		said[i] = activelearn.NewMatrix(0, t.Classes)
	}
	for _, fold := range folds {
		rows := without(t.X.Rows, fold)
		centres := t.prototypes.quick(rows)
		test := t.X.Gather(fold)
		var fit *activelearn.Logistic
		for i, with := range try {
			if ctx.Err() != nil {
				return h, chosen, context.Cause(ctx)
			}
			var err error
			if fit, err = t.fit(rows, centres, with, looseFit, fit); err != nil {
				return h, chosen, err
			}
			probs := fit.Probs(test)
			said[i].Rows, said[i].Data = said[i].Rows+probs.Rows, append(said[i].Data, probs.Data...)
		}
	}
	truth := make([][]int, len(held))
	for i, row := range held {
		truth[i] = t.Y[row]
	}
	link := calibration.Softmax
	if t.Multi {
		link = calibration.Sigmoid
	}
	h.LogLoss = math.Inf(1)
	for i, with := range try {
		loss, temperature, err := cooledLoss(link, said[i], truth)
		if err != nil {
			return h, chosen, err
		}
		if loss < h.LogLoss {
			h.LogLoss, h.Temperature, h.Accuracy = loss, temperature, right(said[i], truth, t.Multi)
			h.C, chosen = with.c, with
		}
	}
	return h, chosen, nil
}

// cooledLoss gives the log loss at the temperature that suits probabilities best; at 1 where none can be fitted.
func cooledLoss(link calibration.Link, probs activelearn.Matrix, truth [][]int) (loss, temperature float64, err error) {
	cal, err := calibration.Fit(calibration.Temperature, link, probs, truth)
	if err != nil {
		cal = calibration.Calibration{} // too few, or all right: what was said stands
	}
	cooled := activelearn.NewMatrix(probs.Rows, probs.Cols)
	for i := range probs.Rows {
		row, err := cal.Apply(probs.Row(i))
		if err != nil {
			return 0, 0, err
		}
		copy(cooled.Row(i), row)
	}
	return calibration.NLL(link, cooled, truth), cmp.Or(cal.Temperature, 1), nil
}

// right is the share of rows whose classes are all right.
func right(probs activelearn.Matrix, truth [][]int, multi bool) float64 {
	n := 0
	for i, set := range truth {
		row := probs.Row(i)
		ok := multi || row[set[0]] == slices.Max(row)
		if multi {
			for k, p := range row {
				ok = ok && (p >= 0.5) == slices.Contains(set, k)
			}
		}
		if ok {
			n++
		}
	}
	return float64(n) / float64(len(truth))
}

// foldsOf deals rows out to folds so that each has its share of each class. A row of several classes goes by its rarest.
func foldsOf(y [][]int, classes, n int, rng *rand.Rand) [][]int {
	count := make([]int, classes)
	for _, set := range y {
		for _, k := range set {
			count[k]++
		}
	}
	groups := make([][]int, classes+1) // the last one: of no class
	for _, i := range rng.Perm(len(y)) {
		group := classes
		for _, k := range y[i] {
			if group == classes || count[k] < count[group] {
				group = k
			}
		}
		groups[group] = append(groups[group], i)
	}
	folds := make([][]int, n)
	next := 0
	for _, group := range groups {
		for _, i := range group {
			folds[next%n] = append(folds[next%n], i)
			next++
		}
	}
	return folds
}

// without gives the numbers from 0 to n-1 that are not in a fold.
func without(n int, fold []int) []int {
	in := make([]bool, n)
	for _, i := range fold {
		in[i] = true
	}
	var rest []int
	for i := range n {
		if !in[i] {
			rest = append(rest, i)
		}
	}
	return rest
}
