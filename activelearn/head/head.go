// Package head trains a linear head over an encoder's embeddings, from few labels or many: logistic regression around what
// the labels' names and the unlabelled items say, so that few labels do better than none.
package head

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/labelloop/labelloop/activelearn"
)

// Data is what a head is trained on. Embeddings are rows of one length; those of texts and of pictures are usually scaled
// to Euclidean length 1, which the constants of this package suit.
type Data struct {
	X       activelearn.Matrix // embeddings of the labelled items
	Y       [][]int            // the classes that apply to each: exactly one, unless Multi
	Classes int
	Multi   bool
	Names   activelearn.Matrix // embeddings of the labels' names, one for each class, of length 1; no rows: there are none
	Pool    activelearn.Matrix // embeddings of unlabelled items; no rows: there are none
}

// Options of a training. The zero value is usable.
type Options struct {
	Seed     uint64 // of what is drawn at random: folds, and a sample of a large pool
	Balanced bool   // each class weighs the same, however many labels it has
}

// Head is a trained head.
type Head struct {
	activelearn.Logistic
	// Temperature is what logits are divided by, fitted on labels that the head was not trained on; 1 where there are too
	// few labels to tell.
	Temperature float64
	C           float64 // inverse strength of the penalty
	Accuracy    float64 // cross-validated share of items whose classes are all right, by heads trained on the other folds
	LogLoss     float64 // cross-validated, per item, at Temperature
}

// Settings, chosen on training queries of Banking77 and CLINC150 that were set aside, with seeds other than those reported.
const (
	fewLabels   = 4  // of each class, on average: under so many, usual
	manyLabels  = 32 // so many, or more: plain
	foldsAtMost = 5
	foldCells   = 360_000 // rows x classes that are fitted for each strength, in all folds together
	looseFit    = 1e-4    // tolerance of the gradient in cross-validation, which only compares
	fineFit     = 1e-5    // of a head's own
	// fitRows is up to how many rows tolerances hold. With more they shrink, as the penalty's part in the gradient of the mean
	// does: else a search that begins at the minimum of one strength would end right there for any other.
	fitRows = 1_000
)

// setting is what cross-validation chooses.
type setting struct {
	scale float64 // factor on cosines with the prototypes that is believed beforehand
	c     float64 // inverse strength of the penalty
}

// usual is for too few labels to choose by, plain for so many that nothing need be believed; settings are compared where there are
// some. With many, settings give the same accuracy but for chance, and the log loss of a fold would choose by chance, too.
var (
	usual    = setting{20, 100}
	settings = []setting{{20, 30}, {20, 100}, {20, 300}, {0, 30}}
	plain    = setting{0, 30}
)

// Fit trains a head.
//
// Of each class there is a prototype: the mean of its name's embedding, its labelled items and its share of the pool
// (prototypes.go). The regression is the maximum a posteriori estimate under a Gaussian prior around the zero-shot
// classifier of these prototypes, each of which counts as one more example, too. What is believed of it, and how strongly, is
// chosen by stratified cross-validation of the log loss where there are from 4 to 31 labels a class; with fewer it is what suited
// them best, with more there is no prior. The temperature (Guo et al., ICML 2017) is fitted to the same folds' answers. Multi-label data have names as examples, and a prior around 0.
func Fit(ctx context.Context, data Data, o Options) (Head, error) {
	if err := data.check(); err != nil {
		return Head{}, fmt.Errorf("train a head: %w", err)
	}
	t := &trainer{Data: data, Options: o, rng: rand.New(rand.NewPCG(o.Seed, 0x68656164))}
	t.prototypes = newPrototypes(&t.Data, t.rng)
	h, chosen, err := t.validate(ctx)
	if err != nil {
		return Head{}, fmt.Errorf("train a head: %w", err)
	}
	fit, err := t.train(ctx, chosen)
	if err != nil {
		return Head{}, fmt.Errorf("train a head: %w", err)
	}
	h.Logistic = *fit
	if !data.Multi {
		centre(&h.Logistic)
	}
	return h, nil
}

// centre takes from all classes what they have in common, which no softmax sees: small logits are rounded less.
func centre(l *activelearn.Logistic) {
	n, d := l.Weights.Rows, l.Weights.Cols
	mean := make([]float64, d+1)
	seen := 0.0
	for k := range n {
		if math.IsInf(float64(l.Bias[k]), 0) {
			continue
		}
		seen++
		for j, w := range l.Weights.Row(k) {
			mean[j] += float64(w)
		}
		mean[d] += float64(l.Bias[k])
	}
	for k := range n {
		for j, w := range l.Weights.Row(k) {
			l.Weights.Row(k)[j] = float32(float64(w) - mean[j]/max(seen, 1))
		}
		l.Bias[k] = float32(float64(l.Bias[k]) - mean[d]/max(seen, 1))
	}
}

// Probs gives calibrated probabilities, rows x classes.
func (h Head) Probs(x activelearn.Matrix) activelearn.Matrix {
	cooled := h.Logistic
	cooled.Weights = activelearn.NewMatrix(h.Weights.Rows, h.Weights.Cols)
	cooled.Bias = make([]float32, len(h.Bias))
	for i, w := range h.Weights.Data {
		cooled.Weights.Data[i] = float32(float64(w) / h.Temperature)
	}
	for i, b := range h.Bias {
		cooled.Bias[i] = float32(float64(b) / h.Temperature)
	}
	return cooled.Probs(x)
}

func (d *Data) check() error {
	for _, part := range []struct {
		name string
		rows activelearn.Matrix
	}{{"labelled items", d.X}, {"names", d.Names}, {"pool", d.Pool}} {
		if err := part.rows.Check(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		if part.rows.Rows > 0 && part.rows.Cols != d.X.Cols {
			return fmt.Errorf("%s have %d dimensions, labelled items %d", part.name, part.rows.Cols, d.X.Cols)
		}
		for i, v := range part.rows.Data {
			if v-v != 0 {
				return fmt.Errorf("%s: row %d holds %v", part.name, i/part.rows.Cols, v)
			}
		}
	}
	if d.X.Rows == 0 || len(d.Y) != d.X.Rows {
		return fmt.Errorf("%d labelled items with %d labels: give as many, at least one", d.X.Rows, len(d.Y))
	}
	if d.Names.Rows != 0 && d.Names.Rows != d.Classes {
		return fmt.Errorf("%d names for %d classes: give one for each, or none", d.Names.Rows, d.Classes)
	}
	for i, classes := range d.Y {
		if !d.Multi && len(classes) != 1 {
			return fmt.Errorf("item %d has %d classes, want one", i, len(classes))
		}
		for _, k := range classes {
			if k < 0 || k >= d.Classes {
				return fmt.Errorf("item %d has class %d of %d", i, k, d.Classes)
			}
		}
	}
	return nil
}

// trainer is one training.
type trainer struct {
	Data
	Options
	rng        *rand.Rand
	prototypes prototypes
}

// train fits the head to all labels: once around the prototypes, and once more around those that the first fit's view of
// the pool makes.
func (t *trainer) train(ctx context.Context, with setting) (*activelearn.Logistic, error) {
	rows := make([]int, t.X.Rows)
	for i := range rows {
		rows[i] = i
	}
	centres := t.prototypes.of(rows)
	fit, err := t.fit(rows, centres, with, fineFit, nil)
	if err != nil || !t.prototypes.learns() {
		return fit, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return t.fit(rows, t.prototypes.refined(fit, rows), with, fineFit, fit)
}

// fit fits the regression to some rows and the prototypes.
func (t *trainer) fit(rows []int, centres activelearn.Matrix, with setting, tolerance float64, start *activelearn.Logistic) (*activelearn.Logistic, error) {
	x, y := t.X.Gather(rows), make([][]int, 0, len(rows)+centres.Rows)
	for _, row := range rows {
		y = append(y, t.Y[row])
	}
	r := activelearn.Regression{C: with.c, Start: start}
	if t.Balanced {
		r.Weights = balanced(y, t.Classes)
	}
	if centres.Rows > 0 {
		x = activelearn.Matrix{Rows: x.Rows + centres.Rows, Cols: x.Cols, Data: slices.Concat(x.Data, centres.Data)}
		for k := range centres.Rows {
			y = append(y, []int{k})
			if r.Weights != nil {
				r.Weights = append(r.Weights, 1)
			}
		}
		if !t.Multi {
			r.Unbiased = true // people were asked about what a strategy chose: how often they gave a label says little
			r.Prior = &activelearn.Logistic{Weights: activelearn.NewMatrix(t.Classes, x.Cols), Bias: make([]float32, t.Classes)}
			for i, v := range centres.Data {
				r.Prior.Weights.Data[i] = float32(with.scale) * v
			}
		}
	}
	r.Tolerance = tolerance * min(1, fitRows/float64(x.Rows))
	return r.Fit(x, y, t.Classes, t.Multi)
}

// balanced weighs rows so that all classes that occur weigh the same in sum, and all rows as much as there are rows. A row
// of several classes weighs the mean of theirs, one of none 1.
func balanced(y [][]int, classes int) []float64 {
	count := make([]float64, classes)
	for _, set := range y {
		for _, k := range set {
			count[k]++
		}
	}
	occur, all := 0.0, 0.0
	for _, n := range count {
		if all += n; n > 0 {
			occur++
		}
	}
	weights := make([]float64, len(y))
	for i, set := range y {
		weights[i] = 1
		for j, k := range set {
			weights[i] += (all/(occur*count[k]) - weights[i]) / float64(j+1)
		}
	}
	return weights
}
