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

// usualAudits is what a plan of acceptance is made for where no number was set. It may not depend on the answers, nor
// change while they come in.
const usualAudits = 500

// audit is the random sample of a project's pool by which its labels are judged.
//
// The pool has one random order, which depends on the items' numbers alone. The sample is its beginning, up to the first
// item that nobody has answered: whoever labels that part, and why, it is a uniform sample of the pool. Items that are
// imported later fall into the order at random, so the sample stays one of the larger pool once they are answered. It ends
// where the held-out part of the order ends (see holdout), so no model that the project trains has seen an item of it.
type audit struct {
	model    label.Model
	project  label.Project
	held     holdout
	ids      []int64            // label of each of the model's classes, 0 where the set has none
	pool     []float64          // confidence in the label of each item of the pool, in no order
	truths   map[int64][]int64  // labels of the items that have a person's
	answered []int64            // items of the sample
	answers  []acceptance.Audit // what came out for each

	// What openPool adds.
	items   []int64            // of the pool that have a prediction, ascending
	probs   activelearn.Matrix // a row for each
	pending []int64            // held-out items that wait for an answer, in the random order
}

// keyed is an item with its place in the random order: a keyed hash of its number (splitmix64).
type keyed struct {
	key  uint64
	item int64
}

func keyOf(p label.Project, item int64) keyed {
	x := uint64(p.Created.UnixMilli()) + uint64(item)*0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return keyed{x ^ x>>31, item}
}

// ordered gives items in the random order.
func ordered(list []keyed) []int64 {
	slices.SortFunc(list, func(a, b keyed) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.item, b.item)) })
	out := make([]int64, len(list))
	for i, k := range list {
		out[i] = k.item
	}
	return out
}

// openAudit reads how a model did on the random sample, and how sure it is of the pool's labels.
func openAudit(ctx context.Context, s *sqlite.Store, m label.Model) (*audit, error) {
	a := &audit{model: m, project: s.Project()}
	var err error
	if a.ids, err = s.ModelLabels(ctx, m.ID); err != nil {
		return nil, err
	}
	if a.pool, err = s.Confidences(ctx, m, label.Pool); err != nil {
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
	if a.held, err = heldOut(ctx, s); err != nil {
		return nil, err
	}
	err = a.held.sample(ctx, s, m, func(item int64, said label.Probabilities) {
		given, confidence := a.labels(said.Probs)
		truth, known := a.truths[item]
		a.answered = append(a.answered, item)
		a.answers = append(a.answers, acceptance.Audit{Confidence: confidence, Wrong: !known || !sameSet(truth, given)})
	})
	return a, err
}

// openPool reads all that a model said of the pool, too.
func openPool(ctx context.Context, s *sqlite.Store, m label.Model) (*audit, error) {
	a, err := openAudit(ctx, s, m)
	if err != nil {
		return nil, err
	}
	items, probs, err := s.Probabilities(ctx, m, label.Pool, label.AnyState)
	if err != nil {
		return nil, err
	}
	a.items, a.probs = items, activelearn.Matrix{Rows: len(items), Cols: len(m.Labels), Data: probs}
	var open []int64
	for _, state := range []label.State{label.Unlabelled, label.Stale} {
		list, err := s.Numbers(ctx, label.Pool, state)
		if err != nil {
			return nil, err
		}
		open = append(open, list...)
	}
	a.pending = slices.DeleteFunc(a.held.next(open), func(item int64) bool { return a.row(item) < 0 })
	return a, nil
}

// row is where the model's probabilities of an item stand, -1 where it said nothing.
func (a *audit) row(item int64) int {
	if i, ok := slices.BinarySearch(a.items, item); ok {
		return i
	}
	return -1
}

// decide gives the model's labels of an item, by their IDs, and its confidence.
func (a *audit) decide(item int64) (labels []int64, confidence float64, ok bool) {
	row := a.row(item)
	if row < 0 {
		return nil, 0, false
	}
	labels, confidence = a.labels(a.probs.Row(row))
	return labels, confidence, true
}

// labels turns probabilities into labels: the most probable, or with several each that is more likely than not.
func (a *audit) labels(probs []float32) (labels []int64, confidence float64) {
	top, c := label.Probabilities{Probs: probs}.Top(a.project.MultiLabel)
	if !a.project.MultiLabel {
		return []int64{a.ids[top]}, float64(c)
	}
	for i, q := range probs {
		if q >= 0.5 {
			labels = append(labels, a.ids[i])
		}
	}
	return labels, float64(c)
}

func sameSet(a, b []int64) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// plan is the plan of acceptance for the pool; nil where the pool is empty.
func (a *audit) plan(bound acceptance.Bound, audits int) (*acceptance.Plan, error) {
	if len(a.pool) == 0 {
		return nil, nil
	}
	plan, err := acceptance.NewPlan(a.pool, bound, audits)
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

// promise says in words what can be accepted.
func promise(t acceptance.Threshold) string {
	bound := fmt.Sprintf("At most %g %% wrong (%g %% sure): ", 100*t.Bound.Epsilon, 100*(1-t.Bound.Delta))
	switch {
	case t.Coverage >= 1:
		return bound + "the whole pool can be accepted"
	case t.Coverage > 0:
		return bound + fmt.Sprintf("%.0f %% of the pool can be accepted now", math.Floor(100*t.Coverage))
	}
	return bound + "nothing can be accepted yet"
}

// outlook says in words what more audits would bring.
func outlook(plan *acceptance.Plan, answers []acceptance.Audit, t acceptance.Threshold) string {
	to := goal(t.Coverage)
	more, reachable := plan.Further(answers, to)
	switch {
	case t.Coverage >= 1:
	case reachable && more > 0:
		return fmt.Sprintf("; about %s more audits would make it %.0f %%.", thousands(round2(more)), 100*to)
	case !reachable && len(answers) > 0:
		return fmt.Sprintf("; the answers so far say that %.0f %% is out of this model's reach.", 100*to)
	}
	return "."
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
