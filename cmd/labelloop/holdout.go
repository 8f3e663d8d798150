package main

import (
	"context"
	"slices"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// How much of a pool is held out: so many items, but neither less nor more than these shares.
const (
	heldItems = 1000
	heldLeast = 0.10
	heldMost  = 0.25
)

// holdout is the part of a project that models are judged by: the beginning of the pool's random order, and what models
// were judged on before. None of it is ever trained on or chosen by a query strategy: people answer it in its order, as
// audits and control items. The beginning is a share of the order that only shrinks as items come in, so that no item which
// a model was trained on is held out later.
type holdout struct {
	project label.Project
	last    int64 // highest number of an item
	share   float64
	judged  map[int64]bool // models were judged on these
}

// heldOut tells which items are held out.
func heldOut(ctx context.Context, s *sqlite.Store) (holdout, error) {
	h := holdout{project: s.Project(), judged: map[int64]bool{}}
	var err error
	if h.last, err = s.Last(ctx); err != nil {
		return h, err
	}
	h.share = min(max(heldItems/float64(max(h.last, 1)), heldLeast), heldMost)
	judged, err := s.Evaluated(ctx)
	for _, item := range judged {
		h.judged[item] = true
	}
	return h, err
}

// has tells whether an item of the pool may not be trained on.
func (h holdout) has(item int64) bool { return h.begins(keyOf(h.project, item)) || h.judged[item] }

// begins tells whether an item is in the held-out beginning of the random order.
func (h holdout) begins(k keyed) bool { return float64(k.key) < h.share*(1<<64) }

// order gives the held-out beginning of the random order. Items of other splits are in it, too.
func (h holdout) order() []int64 {
	var list []keyed
	for item := int64(1); item <= h.last; item++ {
		if k := keyOf(h.project, item); h.begins(k) {
			list = append(list, k)
		}
	}
	return ordered(list)
}

// next gives those of the items that are in the held-out beginning, in the random order.
func (h holdout) next(items []int64) []int64 {
	var list []keyed
	for _, item := range items {
		if k := keyOf(h.project, item); h.begins(k) {
			list = append(list, k)
		}
	}
	return ordered(list)
}

// size counts the items of the pool that the audited sample can consist of.
func (h holdout) size(ctx context.Context, s *sqlite.Store) (n int, err error) {
	splits, _, err := s.Standings(ctx, h.order())
	for _, split := range splits {
		if split == label.Pool {
			n++
		}
	}
	return n, err
}

// sample visits the items of the pool that the audited sample consists of, with what a model says of them: the random order
// as far as every item was answered, but at most its held-out beginning. Items of which the model says nothing are left out;
// with the zero model none are.
func (h holdout) sample(ctx context.Context, s *sqlite.Store, m label.Model, visit func(item int64, said label.Probabilities)) error {
	const step = 256
	for part := range slices.Chunk(h.order(), step) {
		splits, states, err := s.Standings(ctx, part)
		if err != nil {
			return err
		}
		said := make([]label.Probabilities, len(part))
		if m.ID != 0 {
			if said, err = s.Predictions(ctx, m, part); err != nil {
				return err
			}
		}
		for i, item := range part {
			if splits[i] != label.Pool || m.ID != 0 && said[i].Probs == nil {
				continue
			}
			if waits(states[i]) {
				return nil
			}
			visit(item, said[i])
		}
	}
	return nil
}

// waits tells the states in which an item has not been answered. That somebody looked and gave no label is an answer: the
// suggestion was wrong, or no label fits. A sample that left such items out would be too good.
func waits(state label.State) bool { return state == label.Unlabelled || state == label.Stale }
