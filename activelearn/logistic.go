package activelearn

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
)

// Logistic is a linear classifier over embeddings: softmax or, for multi-label data, a sigmoid for each class.
type Logistic struct {
	Weights Matrix    // classes x dimensions
	Bias    []float32 // one for each class; -Inf for a class never seen, +Inf for a label that every item has
	Multi   bool      // classes are judged each by itself
}

// FitLogistic fits multinomial logistic regression to rows of x and their classes y (0 <= y[i] < classes). It minimises
//
//	c * sum of the rows' cross-entropies + 1/2 * squared norm of the weights (the bias is not penalised)
//
// by L-BFGS, as scikit-learn's LogisticRegression does: with two classes the penalty falls on the difference of their
// weights, and a class without rows gets probability 0. Where start, a fit of the same shape, is given, the search begins
// there; the minimum is the same.
func FitLogistic(x Matrix, y []int, classes int, c float64, start *Logistic) (*Logistic, error) {
	sets := make([][]int, len(y))
	for i := range y {
		sets[i] = y[i : i+1]
	}
	return fitLogistic(x, sets, c, fitTolerance, start, newLogistic(classes, x.Cols, false))
}

// FitLogisticMulti fits, for each class by itself, whether it is among a row's classes y[i]: one-vs-rest with the sum of
// the classes' objectives, each as in FitLogistic. A class that all rows agree on gets probability 0 or 1.
func FitLogisticMulti(x Matrix, y [][]int, classes int, c float64, start *Logistic) (*Logistic, error) {
	return fitLogistic(x, y, c, fitTolerance, start, newLogistic(classes, x.Cols, true))
}

// newLogistic gives a classifier that has seen nothing, and gives every class probability 0.
func newLogistic(classes, dimensions int, multi bool) *Logistic {
	bias := make([]float32, classes)
	for i := range bias {
		bias[i] = float32(math.Inf(-1))
	}
	return &Logistic{Weights: NewMatrix(classes, dimensions), Bias: bias, Multi: multi}
}

// Probs gives the probabilities, rows x classes, of the rows of x: softmax rows that sum to 1, or sigmoids.
func (l *Logistic) Probs(x Matrix) Matrix {
	probs := NewMatrix(x.Rows, len(l.Bias))
	if len(probs.Data) == 0 {
		return probs
	}
	weights := newGeneral(len(l.Bias), x.Cols)
	widen(weights.Data, l.Weights.Data)
	parallelRuns(x.Rows, cached, func(from, to int) {
		points, logits := newGeneral(to-from, x.Cols), newGeneral(to-from, len(l.Bias))
		widen(points.Data, x.Data[from*x.Cols:to*x.Cols])
		for i := range logits.Rows {
			widen(logits.Data[i*logits.Stride:(i+1)*logits.Stride], l.Bias)
		}
		product(points, weights, 1, logits)
		for i := range logits.Rows {
			l.judge(probs.Row(from+i), logits.Data[i*logits.Stride:(i+1)*logits.Stride])
		}
	})
	return probs
}

// judge turns a row of logits into probabilities; the logits are overwritten.
func (l *Logistic) judge(probs []float32, logits []float64) {
	if l.Multi {
		for j, z := range logits {
			probs[j] = float32(1 / (1 + math.Exp(-z)))
		}
		return
	}
	top, sum := slices.Max(logits), 0.0
	for j, z := range logits {
		logits[j] = math.Exp(z - top)
		sum += logits[j]
	}
	for j, e := range logits {
		probs[j] = float32(e / sum)
	}
}

func newGeneral(rows, cols int) blas64.General {
	return blas64.General{Rows: rows, Cols: cols, Stride: max(cols, 1), Data: make([]float64, rows*cols)}
}

// widen copies float32 values as float64.
func widen(to []float64, from []float32) {
	for i, v := range from {
		to[i] = float64(v)
	}
}

const (
	// fitTolerance is how far from 0 the gradient of the mean cross-entropy may be, by features of variance 1 in all. Accuracy
	// does not change below it.
	fitTolerance = 1e-5
	// biasScale is the bias's feature; it makes the objective about as steep along the bias as along the leading features.
	biasScale = 0.25
)

// fitLogistic fits the parameters of fit, which has seen nothing.
func fitLogistic(x Matrix, y [][]int, c, tolerance float64, start, fit *Logistic) (*Logistic, error) {
	return Regression{C: c, Tolerance: tolerance, Start: start}.fit(x, y, fit)
}

// fit fits the parameters of fit, which has seen nothing.
func (r Regression) fit(x Matrix, y [][]int, fit *Logistic) (*Logistic, error) {
	classes := len(fit.Bias)
	if err := errors.Join(checkLogistic(x, y, classes, r.C), r.check(x, classes)); err != nil {
		return nil, fmt.Errorf("fit logistic regression: %w", err)
	}
	rows := make([][]int, classes) // of each class
	for i, set := range y {
		for _, class := range set {
			rows[class] = append(rows[class], i)
		}
	}
	var seen []int // classes that there is something to learn about
	for class, of := range rows {
		switch {
		case len(of) == x.Rows && fit.Multi:
			fit.Bias[class] = float32(math.Inf(1))
		case len(of) == x.Rows:
			fit.Bias[class] = 0 // the only one
		case len(of) > 0:
			seen = append(seen, class)
		}
	}
	if len(seen) == 0 {
		return fit, nil
	}
	o := newLogisticObjective(x, r)
	o.multi = fit.Multi
	if len(seen) == 2 && !fit.Multi && r.Prior == nil {
		// Of two classes the weights are w and -w, with a penalty of |w|^2; scikit-learn's is 1/2 |2w|^2, of the difference.
		o.penalty *= 2
	}
	for at, class := range seen {
		for _, i := range rows[class] {
			o.positive = append(o.positive, at*x.Rows+i)
		}
	}
	o.logits = newGeneral(len(seen), x.Rows)
	params := make([]float64, len(seen)*o.points.Cols)
	load := func(to []float64, from *Logistic) {
		for at, class := range seen {
			o.load(to[at*o.points.Cols:], from.Weights.Row(class), from.Bias[class])
		}
	}
	if r.Prior != nil {
		load(params, r.Prior)
		o.prior = slices.Clone(params)
	}
	if start := r.Start; start != nil && start.Weights.Rows == classes && start.Weights.Cols == x.Cols {
		load(params, start)
	}
	params, err := minimise(o.at, params, cmp.Or(r.Tolerance, fitTolerance))
	if err != nil {
		return nil, fmt.Errorf("fit logistic regression to %d rows of %d classes: %w", x.Rows, len(seen), err)
	}
	for at, class := range seen {
		fit.Bias[class] = o.store(fit.Weights.Row(class), params[at*o.points.Cols:])
	}
	return fit, nil
}

func checkLogistic(x Matrix, y [][]int, classes int, c float64) error {
	if err := x.Check(); err != nil {
		return err
	}
	if x.Rows == 0 || x.Rows != len(y) {
		return fmt.Errorf("%d rows with %d labels: give as many labels as rows, at least one", x.Rows, len(y))
	}
	if !(c > 0) {
		return fmt.Errorf("c is %g, must be above 0", c)
	}
	for i, set := range y {
		for _, class := range set {
			if class < 0 || class >= classes {
				return fmt.Errorf("row %d has class %d of %d", i, class, classes)
			}
		}
	}
	for i, v := range x.Data {
		if d := float64(v) - float64(v); d != 0 {
			return fmt.Errorf("row %d holds %v", i/x.Cols, v)
		}
	}
	return nil
}

// logisticObjective is the mean cross-entropy and the penalty as a function of the weights (seen classes x (features and
// bias)). Features are centred and scaled, which moves no minimum (the bias is free) but makes the search short.
type logisticObjective struct {
	multi    bool
	penalty  float64        // of half the squared norm
	prior    []float64      // that the norm is taken from; nil: 0
	weights  []float64      // of the rows; nil: 1
	total    float64        // sum of the weights
	centre   []float64      // mean of the features
	scale    float64        // what centred features are divided by
	points   blas64.General // rows x (features and bias)
	columns  blas64.General // points transposed: the kernels are fast along rows of both factors
	positive []int          // places in logits whose class applies
	logits   blas64.General // seen classes x rows; turned into the residuals
}

func newLogisticObjective(x Matrix, r Regression) *logisticObjective {
	n, d := x.Rows, x.Cols
	o := &logisticObjective{
		weights: r.Weights,
		total:   float64(n),
		centre:  make([]float64, d),
		points:  newGeneral(n, d+1),
		columns: newGeneral(d+1, n),
	}
	bias := biasScale
	if r.Unbiased {
		bias = 0
	} else { // a bias makes up for the centre
		for i := range n {
			for j, v := range x.Row(i) {
				o.centre[j] += float64(v) / float64(n)
			}
		}
	}
	for i := range n {
		for j, v := range x.Row(i) {
			v := float64(v) - o.centre[j]
			o.scale += v * v / float64(n)
			o.points.Data[i*(d+1)+j] = v
		}
	}
	o.scale = math.Sqrt(o.scale)
	if o.scale == 0 {
		o.scale = 1 // all rows alike
	}
	for i := range n {
		point := o.points.Data[i*(d+1) : (i+1)*(d+1)]
		floats.Scale(1/o.scale, point)
		point[d] = bias
		for j, v := range point {
			o.columns.Data[j*n+i] = v
		}
	}
	if r.Weights != nil {
		o.total = floats.Sum(r.Weights)
	}
	o.penalty = 1 / (r.C * o.total * o.scale * o.scale)
	return o
}

// load turns a class's weights and bias into parameters.
func (o *logisticObjective) load(params []float64, weights []float32, bias float32) {
	if math.IsInf(float64(bias), 0) {
		return
	}
	b := float64(bias)
	for j, w := range weights {
		params[j] = float64(w) * o.scale
		b += float64(w) * o.centre[j]
	}
	params[len(weights)] = b / biasScale
}

// store turns parameters into a class's weights and gives its bias.
func (o *logisticObjective) store(weights []float32, params []float64) (bias float32) {
	b := params[len(weights)] * biasScale
	for j := range weights {
		w := params[j] / o.scale
		weights[j] = float32(w)
		b -= w * o.centre[j]
	}
	return float32(b)
}

// at gives the objective, and fills in its gradient.
func (o *logisticObjective) at(params, gradient []float64) float64 {
	weights := blas64.General{Rows: o.logits.Rows, Cols: o.points.Cols, Stride: o.points.Cols, Data: params}
	slopes := weights
	slopes.Data = gradient
	product(weights, o.points, 0, o.logits)
	loss := 0.0
	for _, at := range o.positive {
		loss -= o.weigh(at) * o.logits.Data[at]
	}
	if o.multi {
		loss += o.sigmoids()
	} else {
		loss += o.softmaxes()
	}
	for _, at := range o.positive {
		o.logits.Data[at]--
	}
	if o.weights != nil {
		for class := range o.logits.Rows {
			floats.Mul(o.logits.Data[class*o.logits.Cols:(class+1)*o.logits.Cols], o.weights)
		}
	}
	product(o.logits, o.columns, 0, slopes)
	floats.Scale(1/o.total, gradient)
	loss /= o.total
	for class := range weights.Rows {
		at := class * weights.Stride
		w := params[at : at+weights.Cols-1]
		if o.prior != nil {
			w = floats.SubTo(make([]float64, len(w)), w, o.prior[at:at+len(w)])
		}
		loss += o.penalty / 2 * floats.Dot(w, w)
		floats.AddScaled(gradient[at:at+len(w)], o.penalty, w)
	}
	return loss
}

// weigh gives the weight of the row at a place of logits.
func (o *logisticObjective) weigh(at int) float64 {
	if o.weights == nil {
		return 1
	}
	return o.weights[at%o.logits.Cols]
}

// softmaxes turns logits (classes x rows) into probabilities and gives the weighted sum of the rows' log-sum-exps.
func (o *logisticObjective) softmaxes() (total float64) {
	logits, n := o.logits, o.logits.Cols
	top, sum := slices.Clone(logits.Data[:n]), make([]float64, n)
	for class := 1; class < logits.Rows; class++ {
		for i, z := range logits.Data[class*n : (class+1)*n] {
			top[i] = max(top[i], z)
		}
	}
	for class := range logits.Rows {
		row := logits.Data[class*n : (class+1)*n]
		for i, z := range row {
			row[i] = math.Exp(z - top[i])
			sum[i] += row[i]
		}
	}
	for class := range logits.Rows {
		floats.Div(logits.Data[class*n:(class+1)*n], sum)
	}
	for i, s := range sum {
		total += o.weigh(i) * (top[i] + math.Log(s))
	}
	return total
}

// sigmoids turns logits into probabilities and gives the weighted sum of log(1 + exp(logit)).
func (o *logisticObjective) sigmoids() (total float64) {
	logits := o.logits.Data
	for i, z := range logits {
		e := math.Exp(-math.Abs(z))
		total += o.weigh(i) * (max(z, 0) + math.Log1p(e))
		logits[i] = 1 / (1 + e)
		if z < 0 {
			logits[i] = e / (1 + e)
		}
	}
	return total
}
