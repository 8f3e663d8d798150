package activelearn

import (
	"fmt"
	"math"
)

// Regression is a logistic regression whose rows have weights and whose penalty is the distance from a classifier that is
// believed beforehand, as it is for maximum a posteriori estimates under a Gaussian prior. The zero value but for C is
// FitLogistic.
type Regression struct {
	C         float64   // inverse of the penalty, as in FitLogistic
	Weights   []float64 // of the rows' cross-entropies, not negative; nil: 1
	Prior     *Logistic // squared distances of the weights are taken from it (its bias is where the search begins); nil: from 0
	Unbiased  bool      // all classes have bias 0
	Start     *Logistic // where the search begins; nil: at Prior
	Tolerance float64   // how far the gradient of the mean cross-entropy may be from 0; 0: FitLogistic's
}

// Fit fits softmax regression, where exactly one of the classes y[i] applies to row i of x, or a sigmoid for each class.
func (r Regression) Fit(x Matrix, y [][]int, classes int, multi bool) (*Logistic, error) {
	if !multi {
		for i, set := range y {
			if len(set) != 1 {
				return nil, fmt.Errorf("fit logistic regression: row %d has %d classes, want one", i, len(set))
			}
		}
	}
	return r.fit(x, y, newLogistic(classes, x.Cols, multi))
}

func (r Regression) check(x Matrix, classes int) error {
	if r.Weights != nil && len(r.Weights) != x.Rows {
		return fmt.Errorf("%d weights of %d rows: give one for each", len(r.Weights), x.Rows)
	}
	total := 0.0
	for i, w := range r.Weights {
		if !(w >= 0) || math.IsInf(w, 1) {
			return fmt.Errorf("row %d has weight %g: give a number that is not negative", i, w)
		}
		total += w
	}
	if r.Weights != nil && total == 0 {
		return fmt.Errorf("all of %d rows have weight 0", x.Rows)
	}
	if p := r.Prior; p != nil && (p.Weights.Rows != classes || p.Weights.Cols != x.Cols || len(p.Bias) != classes) {
		return fmt.Errorf("the prior is of %d classes and %d dimensions, the rows of %d and %d", p.Weights.Rows, p.Weights.Cols, classes, x.Cols)
	}
	return nil
}
