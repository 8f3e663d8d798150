package main

import (
	"context"
	"slices"
	"strings"

	"github.com/labelloop/labelloop/activelearn"
	"github.com/labelloop/labelloop/internal/label"
)

// byProbabilities are the strategies that read no embeddings.
var byProbabilities = []string{"random", "least-confidence", "prediction-entropy", "breaking-ties", "bald", "vote-entropy",
	"category-vector-inconsistency-and-ranking", "adaptive-active-learning"}

// judged gives the items that may be chosen, and those that are labelled, with what the model says of them; where there is
// no model, the items of the pool alone. Items that are in the queue are left out, and so are those that are held out.
func (s *selection) judged(ctx context.Context) (items []int64, pool activelearn.Pool, err error) {
	if s.audit == nil {
		fresh, err := s.store.Numbers(ctx, label.Pool, label.Unlabelled)
		items = slices.DeleteFunc(fresh, func(item int64) bool { return s.taken[item] || s.held.has(item) })
		pool.Labels = make([][]int, len(items))
		return items, pool, err
	}
	class := make(map[int64]int, len(s.audit.ids))
	for i, id := range s.audit.ids {
		class[id] = i
	}
	labels := make([][]int, len(s.audit.items))
	rows := make([]int, 0, len(labels))
	for i, item := range s.audit.items {
		truth, known := s.audit.truths[item]
		if !known && s.taken[item] || s.held.has(item) {
			continue
		}
		if known {
			labels[i] = []int{}
			for _, id := range truth {
				if k, ok := class[id]; ok {
					labels[i] = append(labels[i], k)
				}
			}
		}
		rows = append(rows, i)
	}
	items, pool = gather(s.audit.items, activelearn.Pool{Probs: s.audit.probs, Labels: labels}, rows)
	return items, pool, nil
}

// gather keeps the given rows of a pool.
func gather(items []int64, pool activelearn.Pool, rows []int) ([]int64, activelearn.Pool) {
	if len(rows) == len(items) {
		return items, pool
	}
	kept := make([]int64, len(rows))
	out := activelearn.Pool{Labels: make([][]int, len(rows))}
	for to, from := range rows {
		kept[to], out.Labels[to] = items[from], pool.Labels[from]
	}
	if pool.Probs.Rows > 0 {
		out.Probs = pool.Probs.Gather(rows)
	}
	for _, member := range pool.Committee {
		out.Committee = append(out.Committee, member.Gather(rows))
	}
	return kept, out
}

// pool gives what a strategy other than the default one goes by: embeddings where it reads them, and a committee.
func (s *selection) pool(ctx context.Context) (items []int64, pool activelearn.Pool, err error) {
	if items, pool, err = s.judged(ctx); err != nil {
		return nil, pool, err
	}
	base := s.strategy[strings.LastIndex(s.strategy, ":")+1:]
	if base == "bald" || base == "vote-entropy" {
		if pool.Committee, err = s.committee(ctx, items); err != nil {
			return nil, pool, err
		}
	}
	wrapped := strings.Contains(s.strategy, "seals:") || strings.Contains(s.strategy, "anchor")
	if slices.Contains(byProbabilities, base) && !wrapped {
		return items, pool, nil
	}
	return s.embedded(ctx, items, pool)
}

// noEmbeddings says how to get some.
func (s *selection) noEmbeddings() error {
	return label.Errorf(label.ErrUsage, "strategy %s needs embeddings; make them with `labelloop predict --task feature-extraction --model minilm` "+
		"(pictures: --task image-feature-extraction --model conse-lite0), or take --strategy breaking-ties", s.strategy)
}

// embedded adds embeddings to a pool, and leaves items out that have none.
func (s *selection) embedded(ctx context.Context, items []int64, pool activelearn.Pool) ([]int64, activelearn.Pool, error) {
	if s.encoder.ID == 0 {
		return nil, pool, s.noEmbeddings()
	}
	have, vectors, err := s.store.AllEmbeddings(ctx, s.encoder, label.Pool, label.AnyState)
	if err != nil {
		return nil, pool, err
	}
	var rows, at []int
	for i, item := range items {
		if j, ok := slices.BinarySearch(have, item); ok {
			rows, at = append(rows, i), append(at, j)
		}
	}
	items, pool = gather(items, pool, rows)
	pool.Embeddings = activelearn.Matrix{Rows: len(have), Cols: s.encoder.Dims, Data: vectors}
	if len(at) < len(have) {
		pool.Embeddings = pool.Embeddings.Gather(at)
	}
	return items, pool, nil
}

// committee gives what every model version of the same labels says of the items.
func (s *selection) committee(ctx context.Context, items []int64) ([]activelearn.Matrix, error) {
	models, err := s.store.Models(ctx)
	if err != nil {
		return nil, err
	}
	var members []activelearn.Matrix
	for _, m := range models {
		if !slices.Equal(m.Labels, s.audit.model.Labels) {
			continue
		}
		have, probs, err := s.store.Probabilities(ctx, m, label.Pool, label.AnyState)
		if err != nil {
			return nil, err
		}
		all := activelearn.Matrix{Rows: len(have), Cols: len(m.Labels), Data: probs}
		rows := make([]int, 0, len(items))
		for _, item := range items {
			if row, ok := slices.BinarySearch(have, item); ok {
				rows = append(rows, row)
			}
		}
		if len(rows) == len(items) { // it has seen all of them
			members = append(members, all.Gather(rows))
		}
	}
	return members, nil
}
