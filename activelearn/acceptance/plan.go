// Package acceptance tells which labels can be accepted unseen: from a random sample that people audited, the lowest
// confidence from which at most a share epsilon of the labels is wrong, with probability 1 - delta.
//
// The bound rests on the audits alone, not on the model: whether its confidence is calibrated, or even rises with
// accuracy, decides how much can be accepted, never whether the bound holds. It holds for the pool, where
//   - the audited items are a uniform random sample, with replacement or without, of the pool whose confidences the plan
//     was made from, the audited ones included: neither chosen by a query strategy nor drawn from a part of the pool;
//   - the model, and a calibration that changes the order of the confidences, was not fitted on the audits;
//   - the plan was made without a look at the audits' outcomes.
//
// The model may change when the audits are in: a new plan with the new model's confidences, of the pool and of the audited
// items, is again independent of the outcomes, as long as the choice of the model was.
package acceptance

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Bound is a promise: at most a share Epsilon of the accepted labels is wrong, with probability 1 - Delta.
type Bound struct {
	Epsilon float64 `json:"epsilon"`
	Delta   float64 `json:"delta"`
}

// Step is a threshold that a plan tests.
type Step struct {
	Confidence float64 `json:"confidence"` // labels of this confidence or more would be accepted
	Coverage   float64 `json:"coverage"`   // share of the pool that they are
}

// Plan is the sequence of thresholds that is tested, the strictest first. It depends on the pool's confidences and on how
// many audits are planned, not on their outcomes, which is what makes it valid to walk down until a test fails.
type Plan struct {
	Bound Bound  `json:"bound"`
	Steps []Step `json:"steps"`
	Start int    `json:"start"` // step that the planned audits can carry; those before it serve when it fails
}

const (
	stride     = 0.01    // share of the pool from step to step
	startWrong = 2       // wrong answers that the first test should survive
	startShare = 2. / 3. // unless that takes more than this share of the pool
)

// NewPlan makes the plan for a pool, given the confidence of each item, and a number of audits. That number tunes the
// plan; the bound holds whatever number is audited in the end. The start is the strictest threshold at which two wrong
// answers among the audits would still let the test succeed. It is an error when the audits are too few to show the
// bound even if all of them were right.
func NewPlan(pool []float64, bound Bound, audits int) (Plan, error) {
	if !(bound.Epsilon > 0 && bound.Epsilon < 1 && bound.Delta > 0 && bound.Delta < 1) {
		return Plan{}, fmt.Errorf("plan acceptance: epsilon %v and delta %v must lie between 0 and 1", bound.Epsilon, bound.Delta)
	}
	if len(pool) == 0 {
		return Plan{}, fmt.Errorf("plan acceptance: the pool is empty")
	}
	if least := bound.leastAudits(); audits < least {
		return Plan{}, fmt.Errorf("plan acceptance: %d audits can't show that at most %g %% is wrong: at least %d are needed",
			audits, 100*bound.Epsilon, least)
	}
	sorted := slices.Clone(pool)
	slices.Sort(sorted)
	if math.IsNaN(sorted[0]) { // NaN sorts first
		return Plan{}, fmt.Errorf("plan acceptance: a confidence of the pool is not a number")
	}
	slices.Reverse(sorted)

	start := bound.provable(0, audits)
	for wrong := 1; wrong <= startWrong && bound.provable(wrong, audits) <= startShare; wrong++ {
		start = bound.provable(wrong, audits)
	}
	plan := Plan{Bound: bound}
	plan.add(sorted, start/2)
	for share := start; share < 1+stride; share += stride {
		plan.add(sorted, min(share, 1))
		if share == start {
			plan.Start = len(plan.Steps) - 1
		}
	}
	return plan, nil
}

// NewPlans makes a plan for each label, given the confidences of the items that the model gave it, so that the bounds of
// all labels hold together with probability 1 - delta: delta is shared equally (Bonferroni) among the labels whose part of
// the audits is enough. The pool decides which these are, so no outcome is looked at. Labels with too few get no steps
// and accept nothing. The bound over the union of what the labels accept holds then, too; a plan for the whole pool
// beside these needs a delta of its own.
func NewPlans(pools [][]float64, bound Bound, audits int) ([]Plan, error) {
	total := 0
	sizes := make([]int, len(pools))
	for i, pool := range pools {
		sizes[i] = len(pool)
		total += len(pool)
	}
	planned := func(size int) int { return int(float64(audits) * float64(size) / float64(max(total, 1))) }
	slices.SortFunc(sizes, func(a, b int) int { return b - a })
	shared := bound
	fit := 0
	for n, size := range sizes {
		split := Bound{bound.Epsilon, bound.Delta / float64(n+1)}
		if planned(size) >= split.leastAudits() {
			shared, fit = split, n+1
		}
	}
	plans := make([]Plan, len(pools))
	for i, pool := range pools {
		plans[i] = Plan{Bound: shared}
		if fit == 0 || planned(len(pool)) < shared.leastAudits() {
			continue
		}
		plan, err := NewPlan(pool, shared, planned(len(pool)))
		if err != nil {
			return nil, fmt.Errorf("label %d: %w", i, err)
		}
		plans[i] = plan
	}
	return plans, nil
}

// leastAudits is the number of audits, all right, that show the bound for the whole pool.
func (b Bound) leastAudits() int {
	return int(math.Ceil(math.Log(b.Delta) / math.Log1p(-b.Epsilon)))
}

// provable is the least coverage at which so many wrong answers among the audits let the exact test succeed: the upper
// confidence bound of Clopper and Pearson on the share of the pool that is wrong and accepted, over epsilon.
func (b Bound) provable(wrong, audits int) float64 {
	if wrong >= audits {
		return math.Inf(1)
	}
	upper := distuv.Beta{Alpha: float64(wrong + 1), Beta: float64(audits - wrong)}.Quantile(1 - b.Delta)
	return upper / b.Epsilon
}

// add appends the threshold that accepts the given share of the pool or, with ties, more.
func (p *Plan) add(sorted []float64, share float64) {
	n := len(sorted)
	confidence := sorted[min(max(int(math.Ceil(share*float64(n))), 1), n)-1]
	if len(p.Steps) > 0 && p.Steps[len(p.Steps)-1].Confidence == confidence {
		return
	}
	covered, _ := slices.BinarySearchFunc(sorted, confidence, func(c, t float64) int {
		if c >= t {
			return -1
		}
		return 1
	})
	p.Steps = append(p.Steps, Step{Confidence: confidence, Coverage: float64(covered) / float64(n)})
}
