package calibration

import (
	"math"
	"slices"

	"github.com/labelloop/labelloop/activelearn"
)

// TopLabel gives, for each row, the probability of the most probable class and whether it is the row's label, as the
// reliability diagram and the risk-coverage curve of a softmax take them.
func TopLabel(probs activelearn.Matrix, labels []int) (confidence []float64, right []bool) {
	for i, label := range labels {
		row := probs.Row(i)
		top := activelearn.Argmax(row)
		confidence, right = append(confidence, float64(row[top])), append(right, top == label)
	}
	return confidence, right
}

// NLL is the mean negative log-likelihood (log loss), in nats: of a row for softmax, of a decision (row and class) for
// sigmoids. Probabilities are kept 2^-52 away from 0 and 1.
func NLL(link Link, probs activelearn.Matrix, labels [][]int) float64 {
	return mean(link, probs, labels, func(p float64, applies bool) float64 {
		switch {
		case applies:
			return -math.Log(clip(p))
		case link == Sigmoid:
			return -math.Log1p(-clip(p))
		}
		return 0
	})
}

// Brier is the mean squared distance of probabilities from what applies (Brier 1950): summed over the classes of a row for
// softmax, so that it lies between 0 and 2; of a decision (row and class) for sigmoids, between 0 and 1.
func Brier(link Link, probs activelearn.Matrix, labels [][]int) float64 {
	return mean(link, probs, labels, func(p float64, applies bool) float64 {
		d := p - one(applies)
		return d * d
	})
}

// mean sums a loss over all rows and classes and divides by the rows (softmax) or by the decisions (sigmoids).
func mean(link Link, probs activelearn.Matrix, labels [][]int, loss func(p float64, applies bool) float64) float64 {
	sum, n := 0.0, probs.Rows
	if link == Sigmoid {
		n *= probs.Cols
	}
	for i := range probs.Rows {
		for k, p := range probs.Row(i) {
			sum += loss(float64(p), slices.Contains(labels[i], k))
		}
	}
	return sum / float64(max(n, 1))
}
