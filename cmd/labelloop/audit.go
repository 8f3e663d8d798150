package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/labelloop/labelloop/activelearn"
	"github.com/labelloop/labelloop/activelearn/acceptance"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// plannedAudits is what a plan of acceptance is made for. It may not depend on the answers, nor change while they come in.
const plannedAudits = 500

// audit is the random sample of a project's pool by which its labels are judged.
//
// The pool has one random order, which depends on the items' numbers alone. The sample is its beginning, up to the first
// item that nobody has answered: whoever labels that part, and why, it is a uniform sample of the pool. Items that are
// imported later fall into the order at random, so the sample stays one of the larger pool once they are answered.
type audit struct {
	model    label.Model
	project  label.Project
	ids      []int64            // label of each of the model's classes, 0 where the set has none
	items    []int64            // of the pool that have a prediction, ascending
	probs    activelearn.Matrix // a row for each
	truths   map[int64][]int64  // labels of the items that have a person's
	answered []int64            // items of the sample
	answers  []acceptance.Audit // what came out for each
	pending  []int64            // items after the sample that wait for an answer, in the random order
}

// randomly is the order of items in a project's random sample: by a keyed hash of their numbers (splitmix64).
func randomly(p label.Project, items []int64) []int64 {
	type keyed struct {
		key  uint64
		item int64
	}
	seed := uint64(p.Created.UnixMilli())
	order := make([]keyed, len(items))
	for i, item := range items {
		x := seed + uint64(item)*0x9e3779b97f4a7c15
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		order[i] = keyed{x ^ x>>31, item}
	}
	slices.SortFunc(order, func(a, b keyed) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.item, b.item)) })
	out := make([]int64, len(order))
	for i, o := range order {
		out[i] = o.item
	}
	return out
}

// openAudit reads what a model said of the pool and what people did.
func openAudit(ctx context.Context, s *sqlite.Store, m label.Model) (*audit, error) {
	items, probs, err := s.Probabilities(ctx, m, label.Pool, label.AnyState)
	if err != nil {
		return nil, err
	}
	a := &audit{model: m, project: s.Project(), items: items}
	a.probs = activelearn.Matrix{Rows: len(items), Cols: len(m.Labels), Data: probs}
	if a.ids, err = s.ModelLabels(ctx, m.ID); err != nil {
		return nil, err
	}
	truths, err := s.Truths(ctx, label.Pool)
	if err != nil {
		return nil, err
	}
	a.truths = make(map[int64][]int64, len(truths))
	for _, t := range truths {
		a.truths[t.Item] = t.Labels
	}
	wrong, err := refused(ctx, s)
	if err != nil {
		return nil, err
	}
	sampling := true
	for _, item := range randomly(a.project, items) {
		labels, known := a.truths[item]
		if !known && !wrong[item] {
			sampling = false
			a.pending = append(a.pending, item)
		}
		if !sampling {
			continue
		}
		given, confidence, _ := a.decide(item)
		a.answered = append(a.answered, item)
		a.answers = append(a.answers, acceptance.Audit{Confidence: confidence, Wrong: !known || !sameSet(labels, given)})
	}
	return a, nil
}

// row is where the model's probabilities of an item stand, -1 where it said nothing.
func (a *audit) row(item int64) int {
	if i, ok := slices.BinarySearch(a.items, item); ok {
		return i
	}
	return -1
}

// decide gives the model's labels of an item, by their IDs, and its confidence: the most probable label, or with several
// each that is more likely than not.
func (a *audit) decide(item int64) (labels []int64, confidence float64, ok bool) {
	row := a.row(item)
	if row < 0 {
		return nil, 0, false
	}
	probs := a.probs.Row(row)
	top, c := label.Probabilities{Probs: probs}.Top(a.project.MultiLabel)
	if !a.project.MultiLabel {
		return []int64{a.ids[top]}, float64(c), true
	}
	for i, q := range probs {
		if q >= 0.5 {
			labels = append(labels, a.ids[i])
		}
	}
	return labels, float64(c), true
}

// refused gives the items of the pool that somebody looked at and gave no label: the suggestion was wrong, or the item is
// one that no label fits. A sample that left them out would be too good.
func refused(ctx context.Context, s *sqlite.Store) (map[int64]bool, error) {
	items := map[int64]bool{}
	for _, state := range []label.State{label.StateRejected, label.StateFlagged, label.StateSkipped} {
		numbers, err := s.Numbers(ctx, label.Pool, state)
		if err != nil {
			return nil, err
		}
		for _, n := range numbers {
			items[n] = true
		}
	}
	return items, nil
}

func sameSet(a, b []int64) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// plan is the plan of acceptance for the pool; nil where the pool is empty.
func (a *audit) plan(bound acceptance.Bound) (*acceptance.Plan, error) {
	if len(a.items) == 0 {
		return nil, nil
	}
	pool := make([]float64, len(a.items))
	for i := range a.items {
		_, confidence := label.Probabilities{Probs: a.probs.Row(i)}.Top(a.project.MultiLabel)
		pool[i] = float64(confidence)
	}
	plan, err := acceptance.NewPlan(pool, bound, plannedAudits)
	if err != nil {
		return nil, label.Errorf(label.ErrUsage, "%w", err)
	}
	return &plan, nil
}

// accuracy counts the answers that agree with the model.
func (a *audit) accuracy() (right, of int) {
	for _, answer := range a.answers {
		if !answer.Wrong {
			right++
		}
	}
	return right, len(a.answers)
}

// goal is the next round share of the pool that is worth telling of.
func goal(coverage float64) float64 {
	for _, to := range []float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95} {
		if coverage < to-0.02 {
			return to
		}
	}
	return 1
}

// sentence says in words what can be accepted, and what more audits would bring.
func sentence(plan *acceptance.Plan, answers []acceptance.Audit, t acceptance.Threshold) string {
	promise := fmt.Sprintf("At most %g %% wrong (%g %% sure)", 100*t.Bound.Epsilon, 100*(1-t.Bound.Delta))
	if t.Coverage >= 1 {
		return promise + ": the whole pool can be accepted now."
	}
	now := "nothing can be accepted yet"
	if t.Coverage > 0 {
		now = fmt.Sprintf("%.0f %% of the pool can be accepted now", math.Floor(100*t.Coverage))
	}
	to := goal(t.Coverage)
	more, reachable := plan.Further(answers, to)
	switch {
	case reachable && more > 0:
		return fmt.Sprintf("%s: %s; about %s more audits would make it %.0f %%.", promise, now, thousands(round2(more)), 100*to)
	case !reachable && len(answers) > 0:
		return fmt.Sprintf("%s: %s; the answers so far say that %.0f %% is out of this model's reach.", promise, now, 100*to)
	}
	return promise + ": " + now + "."
}

// round2 rounds up to two digits: an estimate has no more.
func round2(n int) int {
	unit := 1
	for n/unit >= 100 {
		unit *= 10
	}
	return (n + unit - 1) / unit * unit
}

// errNoModel tells the verbs that do without predictions from those that can't.
func errNoModel(err error) bool { return errors.Is(err, label.ErrNotFound) }
