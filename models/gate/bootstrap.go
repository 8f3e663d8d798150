package gate

import (
	"math"
	"math/rand/v2"
	"slices"
)

const (
	resamples = 2000
	bins      = 15 // of the expected calibration error, of equal width
)

// measures are what is compared: of one model, or the difference of two.
type measures struct{ accuracy, macroF1, loss, ece float64 }

// counts is what the measures are made of.
type counts struct {
	items, right float64
	losses, loss float64 // items with a loss, and its sum
	hit, truth   []float64
	given        []float64
	excess       [bins]float64 // confidence minus right answers
}

func newCounts(labels int) *counts {
	return &counts{hit: make([]float64, labels), truth: make([]float64, labels), given: make([]float64, labels)}
}

func (c *counts) reset() {
	clear(c.hit)
	clear(c.truth)
	clear(c.given)
	*c = counts{hit: c.hit, truth: c.truth, given: c.given}
}

// add counts an item. Both models have to have answered for its loss to count.
func (c *counts) add(d *decisions, truth []int, i int, both bool) {
	c.items++
	if d.right[i] {
		c.right++
	}
	if both {
		c.losses++
		c.loss += d.loss[i]
	}
	for _, k := range truth {
		c.truth[k]++
	}
	for _, k := range d.given[i] {
		c.given[k]++
		if slices.Contains(truth, k) {
			c.hit[k]++
		}
	}
	if d.given[i] != nil {
		bin := min(int(d.sure[i]*bins), bins-1)
		c.excess[bin] += d.sure[i]
		if d.right[i] {
			c.excess[bin]--
		}
	}
}

// measures are those of the items that were counted. Macro-F1 is the mean over the labels that items have.
func (c *counts) measures() measures {
	m := measures{accuracy: c.right / c.items, loss: c.loss / max(c.losses, 1)}
	labels := 0.0
	for k, truth := range c.truth {
		if truth > 0 {
			m.macroF1 += 2 * c.hit[k] / (truth + c.given[k])
			labels++
		}
	}
	m.macroF1 /= max(labels, 1)
	for _, excess := range c.excess {
		m.ece += math.Abs(excess) / c.items
	}
	return m
}

// resampled is how the measures of the two models differ.
type resampled struct {
	before, after measures
	draws         [resamples]measures // after - before, on items drawn with replacement
}

// resample is the paired bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993): both models are measured on
// the same draws. The draws are always the same ones, so a verdict can be had again.
func (p paired) resample() *resampled {
	rng := rand.New(rand.NewPCG(1, uint64(len(p.truths))))
	before, after := newCounts(p.labels), newCounts(p.labels)
	add := func(i int) {
		both := p.before.given[i] != nil && p.after.given[i] != nil
		before.add(&p.before, p.truths[i], i, both)
		after.add(&p.after, p.truths[i], i, both)
	}
	for i := range p.truths {
		add(i)
	}
	r := &resampled{before: before.measures(), after: after.measures()}
	for draw := range r.draws {
		before.reset()
		after.reset()
		for range p.truths {
			add(rng.IntN(len(p.truths)))
		}
		a, b := after.measures(), before.measures()
		r.draws[draw] = measures{a.accuracy - b.accuracy, a.macroF1 - b.macroF1, a.loss - b.loss, a.ece - b.ece}
	}
	return r
}

// interval is the middle 1 - Alpha of what a difference came out as.
func (r *resampled) interval(of func(measures) float64) (low, high float64) {
	values := make([]float64, len(r.draws))
	for i, m := range r.draws {
		values[i] = of(m)
	}
	slices.Sort(values)
	cut := int(Alpha / 2 * resamples)
	return values[cut], values[resamples-1-cut]
}
