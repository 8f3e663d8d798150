package calibration

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/labelloop/labelloop/activelearn"
)

// minPerClass is the number of examples for and, for sigmoids, against a class under which its scale and bias would be
// guesses.
const minPerClass = 5

// fitVector fits a scale and a bias for the logits of each class by maximum likelihood: vector scaling (Guo et al. 2017,
// section 4.2); for sigmoids that is Platt scaling of each class.
func (c *Calibration) fitVector(probs activelearn.Matrix, labels [][]int) error {
	s := newSample(c.Link, probs, labels)
	for k := range s.classes {
		n := 0
		for i := range s.applies {
			if s.applies[i][k] {
				n++
			}
		}
		if least := min(n, probs.Rows-n); n < minPerClass || least < minPerClass && c.Link == Sigmoid {
			return fmt.Errorf("class %d applies to %d of %d samples: vector scaling needs at least %d that it applies to (sigmoids: "+
				"and as many others); temperature does with fewer", k, n, probs.Rows, minPerClass)
		}
	}
	if c.Link == Softmax {
		x, err := s.newton()
		if err != nil {
			return err
		}
		c.Scale, c.Bias = x[:s.classes:s.classes], x[s.classes:]
		return nil
	}
	for k := range s.classes {
		x, err := s.class(k).newton()
		if err != nil {
			return fmt.Errorf("class %d: %w", k, err)
		}
		c.Scale, c.Bias = append(c.Scale, x[0]), append(c.Bias, x[1])
	}
	return nil
}

// class is the sample of one class alone.
func (s sample) class(k int) sample {
	one := sample{link: s.link, classes: 1}
	for i := range s.logits {
		one.logits = append(one.logits, s.logits[i][k:k+1])
		one.applies = append(one.applies, s.applies[i][k:k+1])
	}
	return one
}

const (
	newtonSteps = 100
	still       = 1e-9 // a step of less than this has arrived
	near        = 1e-5 // so has one of less than this, if the loss is too round to tell it from none
	leastShare  = 1e-9 // of a step
	damping     = 1e-9 // of the mean curvature: biases that all rise together change no softmax
)

var errSeparable = errors.New("the likelihood has no maximum: some classes can be told apart without error in this sample")

// newton gives the scales and, behind them, the biases of least loss, by Newton's method with halved steps. The loss is
// convex; where it has no minimum, the steps do not get smaller.
func (s sample) newton() ([]float64, error) {
	n := 2 * s.classes
	x, next := make([]float64, n), make([]float64, n)
	for k := range s.classes {
		x[k] = 1
	}
	loss := s.loss(x)
	for range newtonSteps {
		step, err := s.step(x)
		if err != nil {
			return nil, err
		}
		size, after := floats.Norm(step, math.Inf(1)), 0.0
		for share := 1.0; ; share /= 2 {
			floats.AddScaledTo(next, x, -share, step)
			if after = s.loss(next); after < loss {
				break
			}
			if share < leastShare { // no step is too small to help but at the minimum, or where the loss is flat
				if size < near {
					return x, nil
				}
				return nil, errSeparable
			}
		}
		x, next, loss = next, x, after
		if size < still {
			return x, nil
		}
	}
	return nil, errSeparable
}

// step is Newton's step uphill: the gradient divided by the second derivatives.
func (s sample) step(x []float64) ([]float64, error) {
	gradient, curvature := s.derivatives(x)
	n := len(x)
	ridge := damping * mat.Trace(curvature) / float64(n)
	for j := range n {
		curvature.SetSym(j, j, curvature.At(j, j)+ridge)
	}
	var factors mat.Cholesky
	if !factors.Factorize(curvature) {
		return nil, errSeparable
	}
	step := mat.NewVecDense(n, nil)
	if err := factors.SolveVecTo(step, mat.NewVecDense(n, gradient)); err != nil && !isCondition(err) {
		return nil, fmt.Errorf("solve for Newton's step: %w", err)
	}
	biases := step.RawVector().Data[s.classes:]
	if s.link == Softmax {
		floats.AddConst(-floats.Sum(biases)/float64(len(biases)), biases)
	}
	return step.RawVector().Data, nil
}

func isCondition(err error) bool {
	var c mat.Condition
	return errors.As(err, &c)
}

// scaled writes the logits of row i under scales and biases x to z.
func (s sample) scaled(z, x []float64, i int) {
	for k, logit := range s.logits[i] {
		z[k] = x[k]*logit + x[s.classes+k]
	}
}

// loss is the mean negative log-likelihood of a row.
func (s sample) loss(x []float64) float64 {
	sum := 0.0
	z := make([]float64, s.classes)
	for i, applies := range s.applies {
		s.scaled(z, x, i)
		norm := 0.0
		if s.link == Softmax {
			norm = floats.LogSumExp(z)
		}
		for k, v := range z {
			if s.link == Sigmoid {
				norm += max(v, 0) + math.Log1p(math.Exp(-math.Abs(v)))
			}
			if applies[k] {
				norm -= v
			}
		}
		sum += norm
	}
	return sum / float64(len(s.logits))
}

// derivatives gives the gradient of the loss and its second derivatives. With u the row's logits and ones behind them, the
// latter are the mean of (diag(p) - p p') * u u', entry by entry, for a softmax; a sigmoid is alone in its sample.
func (s sample) derivatives(x []float64) ([]float64, *mat.SymDense) {
	rows, n := len(s.logits), 2*s.classes
	gradient := make([]float64, n)
	outer := mat.NewDense(rows, n, nil) // p * u, row by row
	curvature := mat.NewSymDense(n, nil)
	p := make([]float64, s.classes)
	scale := 1 / float64(rows)
	for i, row := range s.logits {
		s.scaled(p, x, i)
		probabilities(s.link, p)
		pu := outer.RawRowView(i)
		for k, u := range row {
			bias := s.classes + k
			d := scale * (p[k] - one(s.applies[i][k]))
			gradient[k] += d * u
			gradient[bias] += d
			pu[k], pu[bias] = p[k]*u, p[k]
			w := scale * p[k]
			curvature.SetSym(k, k, curvature.At(k, k)+w*u*u)
			curvature.SetSym(k, bias, curvature.At(k, bias)+w*u)
			curvature.SetSym(bias, bias, curvature.At(bias, bias)+w)
		}
	}
	curvature.SymRankK(curvature, -scale, outer.T())
	return gradient, curvature
}
