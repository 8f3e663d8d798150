package main

import (
	"context"
	"slices"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
	"github.com/labelloop/labelloop/models"
)

// evaluation is what models are judged on: the items of the split eval that have a person's labels, and the audited sample of
// the pool. An item that models were once judged on stays in it for as long as it has labels, wherever the sample ends now.
type evaluation struct {
	label.Evaluation
	items  []int64   // ascending
	truths [][]int64 // their labels, as IDs
}

// evaluationSet reads the evaluation set as it is now, and keeps it as a version of its own where it is not the last one.
func evaluationSet(ctx context.Context, s *sqlite.Store) (*evaluation, error) {
	held, err := heldOut(ctx, s)
	if err != nil {
		return nil, err
	}
	m, err := currentModel(ctx, s, "")
	if err != nil && !errNoModel(err) {
		return nil, err
	}
	wanted := held.judged
	if err := held.sample(ctx, s, m, func(item int64, _ label.Probabilities) { wanted[item] = true }); err != nil {
		return nil, err
	}
	pool, err := s.Truths(ctx, label.Pool)
	if err != nil {
		return nil, err
	}
	truths, err := s.Truths(ctx, label.Eval)
	if err != nil {
		return nil, err
	}
	for _, t := range pool {
		if wanted[t.Item] {
			truths = append(truths, t)
		}
	}
	slices.SortFunc(truths, func(a, b label.Truth) int { return int(a.Item - b.Item) })
	e := &evaluation{}
	for _, t := range truths {
		e.items, e.truths = append(e.items, t.Item), append(e.truths, t.Labels)
	}
	if len(e.items) == 0 {
		return nil, label.Errorf(label.ErrNotFound, "project %s has no item to judge a model on: import some with labels by `labelloop import --split eval`, "+
			"or answer random ones: `labelloop select --strategy audit`, then review", s.Dir())
	}
	digest, err := e.digest(ctx, s)
	if err != nil {
		return nil, err
	}
	e.Evaluation, err = s.PutEvaluation(ctx, digest, e.items)
	return e, err
}

// digest names the items and their labels.
func (e *evaluation) digest(ctx context.Context, s *sqlite.Store) (string, error) {
	contents, err := s.Digests(ctx, e.items)
	if err != nil {
		return "", err
	}
	set, err := s.LabelSet(ctx, 0)
	if err != nil {
		return "", err
	}
	names := make(map[int64]string, len(set.Labels))
	for _, l := range set.Labels {
		names[l.ID] = l.Name
	}
	examples := make([]models.Example, len(e.items))
	for i, ids := range e.truths {
		examples[i].Digest = contents[i]
		for _, id := range ids {
			examples[i].Labels = append(examples[i].Labels, names[id])
		}
	}
	_, digest, err := models.EncodeTraining(examples)
	return digest, err
}
