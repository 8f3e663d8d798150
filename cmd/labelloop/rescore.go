package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/labelloop/labelloop/activelearn"
	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
	"github.com/labelloop/labelloop/models"
)

// classifier gives probabilities, items x classes, for embeddings, items x dimensions, which it may change.
type classifier func(embeddings activelearn.Matrix) activelearn.Matrix

// rescore labels what a project holds embeddings of by an encoder: the queue and the items that models are judged by first,
// then the rest. It gives the number of items. What it is cut off at is done again.
func rescore(ctx context.Context, s *sqlite.Store, encoder string, classify classifier, known label.Model, log io.Writer) (int, error) {
	e, err := s.Encoder(ctx, encoder)
	if errNoModel(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	first, err := urgent(ctx, s)
	if err != nil {
		return 0, err
	}
	done := 0
	told := time.Now()
	for _, split := range []label.Split{label.Pool, label.Eval, label.Audit} {
		items, vectors, err := s.AllEmbeddings(ctx, e, split, label.AnyState)
		if err != nil {
			return done, err
		}
		all := activelearn.Matrix{Rows: len(items), Cols: e.Dims, Data: vectors}
		rows := make([]int, 0, len(items))
		for _, urgent := range []bool{true, false} {
			for row, item := range items {
				if _, is := slices.BinarySearch(first, item); is == urgent {
					rows = append(rows, row)
				}
			}
		}
		for part := range slices.Chunk(rows, windowTexts) {
			probs := classify(all.Gather(part))
			said := make([]label.Probabilities, len(part))
			for i, row := range part {
				said[i] = label.Probabilities{Item: items[row], Probs: probs.Row(i)}
			}
			if err := s.PutPredictions(ctx, known, said); err != nil {
				return done, err
			}
			done += len(part)
			if time.Since(told) > meterEvery {
				told = time.Now()
				fmt.Fprintf(log, "%s items labelled anew\n", thousands(done))
			}
		}
	}
	return done, nil
}

// urgent are the items that somebody will look at next: those of the queue, and those that models are judged by.
func urgent(ctx context.Context, s *sqlite.Store) ([]int64, error) {
	queued, err := s.Queued(ctx)
	if err != nil {
		return nil, err
	}
	held, err := heldOut(ctx, s)
	if err != nil {
		return nil, err
	}
	list := slices.Concat(queued, held.order())
	slices.Sort(list)
	return slices.Compact(list), nil
}

// nearestLabel labels as a comparison with the embeddings of labels does: that is a linear head over embeddings of length 1.
func nearestLabel(t *inference.Similarity) classifier {
	weights := activelearn.NewMatrix(len(t.Centers), len(t.Centers[0]))
	bias := make([]float32, len(t.Centers))
	for i, center := range t.Centers {
		for k, x := range center {
			weights.Row(i)[k] = float32(t.Scale * float64(x))
		}
		bias[i] = float32(t.Bias)
	}
	head := &activelearn.Logistic{Weights: weights, Bias: bias, Multi: t.Decision.MultiLabel}
	return func(x activelearn.Matrix) activelearn.Matrix {
		for i := range x.Rows {
			inference.Normalize(x.Row(i))
		}
		return head.Probs(x)
	}
}

// newLinear reads a model's head, with its temperature folded in.
func newLinear(m *models.Model) (*activelearn.Logistic, error) {
	h, err := m.Head()
	if err != nil {
		return nil, err
	}
	temperature := float32(1)
	if c := m.Manifest.Calibration; c != nil {
		temperature = float32(c.Temperature)
	}
	for _, values := range [][]float32{h.Weights, h.Bias} {
		for i := range values {
			values[i] /= temperature
		}
	}
	n := len(h.Labels)
	weights := activelearn.Matrix{Rows: n, Cols: len(h.Weights) / n, Data: h.Weights}
	return &activelearn.Logistic{Weights: weights, Bias: h.Bias, Multi: m.Manifest.MultiLabel}, nil
}
