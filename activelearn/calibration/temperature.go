package calibration

import (
	"fmt"
	"math"

	"github.com/labelloop/labelloop/activelearn"
)

// Temperatures outside these limits are not believed: the likelihood has its maximum at zero or infinity.
const (
	coldest = 1e-3
	hottest = 1e3
)

// fitTemperature divides the logits by the temperature of maximum likelihood (Guo, Pleiss, Sun, Weinberger: "On
// calibration of modern neural networks", ICML 2017, section 4.2). The likelihood is concave in 1/T, so its slope has one
// zero, which is found by bisection.
func (c *Calibration) fitTemperature(probs activelearn.Matrix, labels [][]int) error {
	sample := newSample(c.Link, probs, labels)
	low, high := 1/hottest, 1/coldest
	if sample.slope(low) <= 0 || sample.slope(high) >= 0 {
		return fmt.Errorf("no temperature from %g to %g fits: the probabilities say nothing of what is right", coldest, hottest)
	}
	for high-low > 1e-12*low {
		if middle := math.Sqrt(low * high); sample.slope(middle) > 0 {
			low = middle
		} else {
			high = middle
		}
	}
	c.Temperature = 1 / low
	return nil
}

// sample holds the logits of a sample and which classes apply.
type sample struct {
	link    Link
	classes int
	logits  [][]float64
	applies [][]bool
}

func newSample(link Link, probs activelearn.Matrix, labels [][]int) sample {
	s := sample{link: link, classes: probs.Cols}
	for i, row := range labels {
		z := make([]float64, probs.Cols)
		logits(link, probs.Row(i), z)
		applies := make([]bool, probs.Cols)
		for _, k := range row {
			applies[k] = true
		}
		s.logits, s.applies = append(s.logits, z), append(s.applies, applies)
	}
	return s
}

// slope is the derivative of the log-likelihood with respect to a factor on the logits, at the given factor.
func (s sample) slope(factor float64) float64 {
	sum := 0.0
	p := make([]float64, s.classes)
	for i, z := range s.logits {
		for k := range z {
			p[k] = factor * z[k]
		}
		probabilities(s.link, p)
		for k := range z {
			sum += z[k] * (one(s.applies[i][k]) - p[k])
		}
	}
	return sum
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
