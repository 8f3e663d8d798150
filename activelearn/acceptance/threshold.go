package acceptance

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Audit is the outcome for an item of the random sample.
type Audit struct {
	Confidence float64 // by the model whose labels are to be accepted
	Wrong      bool    // a person gave another label
}

// Threshold is what can be accepted, and what that rests on.
type Threshold struct {
	Bound      Bound   `json:"bound"`
	Confidence float64 `json:"confidence"` // accept from here; of no meaning while Coverage is 0
	Coverage   float64 `json:"coverage"`   // share of the pool that is accepted; 0: nothing can be
	Audits     int     `json:"audits"`     // audits in all
	Over       int     `json:"over"`       // audits of this confidence or more
	Wrong      int     `json:"wrong"`      // of those, the wrong ones
	Anytime    bool    `json:"anytime"`    // the bound holds however often, and whenever, one looks
}

// Accepts tells whether a label of the given confidence can be accepted.
func (t Threshold) Accepts(confidence float64) bool {
	return t.Coverage > 0 && confidence >= t.Confidence
}

// Fixed gives the lowest threshold for audits that are looked at once, when their number is reached: a number that was
// set before, or that depends on anything but the outcomes.
//
// At a threshold that accepts the share c of the pool, the wrong ones among the accepted are a share of the pool of at most
// c * epsilon, or the bound does not hold. How many of n audits are both accepted and wrong is binomial, so the test of
// that is exact; and since c is known, it can prove more than one that looks at the accepted audits alone. Thresholds are
// tested in the plan's order from its start, each at level delta, until one fails: fixed-sequence testing (Angelopoulos,
// Bates, Candès, Jordan, Lei: "Learn then Test", 2021).
func (p Plan) Fixed(audits []Audit) Threshold {
	wrong := p.wrong(audits)
	last := p.descend(func(i int) float64 { return indicator(i == p.Start) }, func(i int, alpha float64) bool {
		return p.chance(i, len(audits), wrong[i]) <= alpha
	})
	return p.threshold(last, audits, false)
}

// chance is the greatest probability, where the bound does not hold at a step, of no more wrong answers among those that
// it would accept.
func (p Plan) chance(step, audits, wrong int) float64 {
	return distuv.Binomial{N: float64(audits), P: p.limit(step)}.CDF(float64(wrong))
}

// strictShare is the part of delta that Anytime puts on the plan's first step, which needs more audits than were planned
// but may hold where the plan's start does not.
const strictShare = 0.2

// Anytime gives the lowest threshold that was shown at any time up to now, for audits in the order in which they were
// answered. The bound holds for all the times of looking together, so a person may look after each answer and stop when
// the result pleases; a threshold that was shown once stays.
//
// At each threshold a capital of 1 is bet against the hypothesis that the bound does not hold there; when it has grown to
// 1 / alpha, the hypothesis is rejected at level alpha (Ville's inequality; Waudby-Smith and Ramdas: "Estimating means of
// bounded random variables by betting", JRSS B 2023). Delta is put on two starts; a rejected hypothesis hands its level
// to the next (the fallback procedure of Wiens, 2003, of which fixed-sequence testing is the case of one start). Until the
// first false rejection the levels of the true hypotheses add up to delta at most, at every time, so the bound is kept.
func (p Plan) Anytime(audits []Audit) Threshold {
	return p.threshold(p.descend(p.weight, p.anytime(audits)), audits, true)
}

// anytime gives the test whether the capital at a step ever reached 1 / alpha.
func (p Plan) anytime(audits []Audit) func(step int, alpha float64) bool {
	return func(step int, alpha float64) bool {
		c := p.capital(step)
		wrong := 0
		for i, a := range audits {
			if a.Wrong && a.Confidence >= p.Steps[step].Confidence {
				wrong++ // and the capital fell
			} else if c.log(float64(i+1), float64(wrong)) >= -math.Log(alpha) {
				return true
			}
		}
		return false
	}
}

func (p Plan) capital(step int) capital { return newCapital(p.limit(step)) }

// limit is the share of the pool that may be wrong and accepted at a step.
func (p Plan) limit(step int) float64 { return p.Steps[step].Coverage * p.Bound.Epsilon }

// descend walks down the steps and gives the last that is rejected, or -1. The level at a step is its own weight of delta
// and what the rejected steps right before it handed on.
func (p Plan) descend(weight func(step int) float64, rejects func(step int, alpha float64) bool) int {
	last, carried := -1, 0.0
	for i := range p.Steps {
		carried += weight(i)
		switch {
		case carried == 0:
		case rejects(i, carried*p.Bound.Delta):
			last = i
		default:
			carried = 0
		}
	}
	return last
}

// weight is the share of delta that Anytime starts with at a step.
func (p Plan) weight(i int) float64 {
	return strictShare*indicator(i == 0) + (1-strictShare)*indicator(i == p.Start)
}

// wrong counts, for each step, the wrong answers that it would accept.
func (p Plan) wrong(audits []Audit) []int {
	wrong := make([]int, len(p.Steps))
	for i, step := range p.Steps {
		for _, a := range audits {
			if a.Wrong && a.Confidence >= step.Confidence {
				wrong[i]++
			}
		}
	}
	return wrong
}

func (p Plan) threshold(step int, audits []Audit, anytime bool) Threshold {
	t := Threshold{Bound: p.Bound, Audits: len(audits), Anytime: anytime}
	if step < 0 {
		return t
	}
	t.Confidence, t.Coverage = p.Steps[step].Confidence, p.Steps[step].Coverage
	for _, a := range audits {
		if a.Confidence >= t.Confidence {
			t.Over++
			if a.Wrong {
				t.Wrong++
			}
		}
	}
	return t
}

func indicator(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
