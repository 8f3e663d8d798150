package calibration

import (
	"cmp"
	"slices"
	"sort"

	"github.com/labelloop/labelloop/activelearn"
)

// fitIsotonic fits the rising map of least squares (pool adjacent violators: Zadrozny and Elkan: "Transforming classifier
// scores into accurate multiclass probability estimates", KDD 2002): for softmax from the top label's probability to
// whether it is right, for sigmoids from each probability to whether the class applies, one map for all classes. Its
// values are kept 1/(n+2) away from 0 and 1: n successes in a row are no certainty (rule of succession).
func (c *Calibration) fitIsotonic(probs activelearn.Matrix, labels [][]int) {
	ds := decided(c.Link, probs, labels)
	slices.SortFunc(ds, func(a, b decision) int { return cmp.Compare(a.probability, b.probability) })

	// A block is a run of decisions that share one value; equal probabilities are one block from the start.
	type block struct{ low, high, sum, weight float64 }
	var blocks []block
	for _, d := range ds {
		n := len(blocks)
		if n > 0 && blocks[n-1].high == d.probability {
			blocks[n-1].sum += one(d.applies)
			blocks[n-1].weight++
			continue
		}
		blocks = append(blocks, block{d.probability, d.probability, one(d.applies), 1})
	}
	pooled := blocks[:0]
	for _, b := range blocks {
		for n := len(pooled); n > 0 && pooled[n-1].sum*b.weight >= b.sum*pooled[n-1].weight; n = len(pooled) {
			last := pooled[n-1]
			pooled = pooled[:n-1]
			b = block{last.low, b.high, last.sum + b.sum, last.weight + b.weight}
		}
		pooled = append(pooled, b)
	}
	margin := 1 / float64(len(ds)+2)
	for _, b := range pooled {
		value := min(max(b.sum/b.weight, margin), 1-margin)
		c.From, c.To = append(c.From, b.low), append(c.To, value)
		if b.high > b.low {
			c.From, c.To = append(c.From, b.high), append(c.To, value)
		}
	}
}

// mapped is the image of a probability.
func (c Calibration) mapped(p float64) float64 {
	i := sort.SearchFloat64s(c.From, p)
	switch {
	case i == 0:
		return c.To[0]
	case i == len(c.From):
		return c.To[i-1]
	}
	part := (p - c.From[i-1]) / (c.From[i] - c.From[i-1])
	return c.To[i-1] + part*(c.To[i]-c.To[i-1])
}

// applyToTop maps the top label's probability and scales the others to what is left.
func (c Calibration) applyToTop(row []float32) {
	top := activelearn.Argmax(row)
	p := c.mapped(float64(row[top]))
	rest := 0.0
	for k, q := range row {
		if k != top {
			rest += float64(q)
		}
	}
	for k := range row {
		switch {
		case k == top:
			row[k] = float32(p)
		case rest > 0:
			row[k] = float32(float64(row[k]) / rest * (1 - p))
		default:
			row[k] = float32((1 - p) / float64(len(row)-1))
		}
	}
}
