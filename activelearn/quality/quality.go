// Package quality tells which labels can be trusted: label issues by confident learning, outliers and near duplicates
// among embeddings, agreement among annotators, and the consensus of several. Numbers in, indexes and numbers out, and
// nothing is drawn at random: of equals, the lower index goes first.
package quality

import (
	"fmt"
	"math"

	"github.com/labelloop/labelloop/activelearn"
)

// table gives rows of probabilities in float64: those of a matrix, or what is derived from them.
type table struct {
	rows, cols int
	fill       func(i int, row []float64) // writes row i, of cols values
}

// of gives the rows of m as they are.
func of(m activelearn.Matrix) table {
	return table{m.Rows, m.Cols, func(i int, row []float64) {
		for c, p := range m.Row(i) {
			row[c] = float64(p)
		}
	}}
}

// each calls f for all rows in order; row is valid until f returns.
func (t table) each(f func(i int, row []float64)) {
	row := make([]float64, t.cols)
	for i := range t.rows {
		t.fill(i, row)
		f(i, row)
	}
}

// checkProbs tells what is wrong with probabilities of n items.
func checkProbs(probs activelearn.Matrix, n int) error {
	if err := probs.Check(); err != nil {
		return fmt.Errorf("check probabilities: %w", err)
	}
	if probs.Rows != n {
		return fmt.Errorf("probabilities of %d items for labels of %d", probs.Rows, n)
	}
	if probs.Cols < 2 {
		return fmt.Errorf("probabilities of %d classes: two or more are needed", probs.Cols)
	}
	for at, p := range probs.Data {
		// A softmax in float32 may end a few units over 1.
		if !(p >= 0 && p <= 1+1e-5) {
			return fmt.Errorf("probability of class %d for item %d is %v, not from 0 to 1", at%probs.Cols, at/probs.Cols, p)
		}
	}
	return nil
}

// check tells what is wrong with labels and the probabilities of the same items.
func check(labels []int, probs activelearn.Matrix) error {
	if err := checkProbs(probs, len(labels)); err != nil {
		return err
	}
	for i, label := range labels {
		if label < 0 || label >= probs.Cols {
			return fmt.Errorf("label of item %d is class %d of %d", i, label, probs.Cols)
		}
	}
	return nil
}

// sum adds in pairs of halves, in the order of numpy's sum, which keeps the error at O(log n) roundings (Higham 1993).
// The order matters where a result is rounded to whole counts or compared for equality.
func sum(x []float64) float64 {
	const unroll, block = 8, 128
	switch n := len(x); {
	case n < unroll:
		total := 0.0
		for _, v := range x {
			total += v
		}
		return total
	case n <= block:
		r := [unroll]float64(x)
		at := unroll
		for ; at+unroll <= n; at += unroll {
			for j := range r {
				r[j] += x[at+j]
			}
		}
		total := ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]))
		for _, v := range x[at:] {
			total += v
		}
		return total
	default:
		half := n / 2
		half -= half % unroll
		return sum(x[:half]) + sum(x[half:])
	}
}

// mean is NaN where there are no values.
func mean(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	return sum(x) / float64(len(x))
}
