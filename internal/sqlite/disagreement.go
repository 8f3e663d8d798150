package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/labelloop/labelloop/internal/label"
)

// rivals are two model versions that were registered one after the other.
type rivals struct {
	owner        int64 // the later one
	other        int64 // the one whose predictions are looked up
	labels, then []int64
	multi        bool
}

// dispute notes on which of the items a model version, whose predictions these are, and its neighbours give other labels.
func (s *Store) dispute(ctx context.Context, tx *sql.Tx, m label.Model, predictions []label.Probabilities) error {
	for _, query := range []string{"SELECT max(id) FROM models WHERE id < ?", "SELECT min(id) FROM models WHERE id > ?"} {
		var other sql.NullInt64
		if err := tx.QueryRow(query, m.ID).Scan(&other); err != nil {
			return err
		}
		if !other.Valid {
			continue
		}
		r := rivals{owner: max(m.ID, other.Int64), other: other.Int64, multi: s.project.MultiLabel}
		var err error
		if r.labels, err = modelLabels(ctx, tx, m.ID); err != nil {
			return err
		}
		if r.then, err = modelLabels(ctx, tx, r.other); err != nil {
			return err
		}
		if err := r.note(ctx, tx, predictions); err != nil {
			return err
		}
	}
	return nil
}

func (r rivals) note(ctx context.Context, tx *sql.Tx, predictions []label.Probabilities) error {
	get, err := tx.Prepare("SELECT probs FROM predictions WHERE id = ?")
	if err != nil {
		return err
	}
	put, err := tx.Prepare("INSERT INTO model_disputes VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET overlap = excluded.overlap")
	if err != nil {
		return err
	}
	remove, err := tx.Prepare("DELETE FROM model_disputes WHERE id = ?")
	if err != nil {
		return err
	}
	said := make([]float32, len(r.then))
	var blob []byte
	for _, p := range predictions {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err := get.QueryRow(rowID(r.other, p.Item)).Scan(&blob)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err == nil && blob != nil {
			err = floats(said, blob)
		}
		if err != nil {
			return fmt.Errorf("item %d: %w", p.Item, err)
		}
		row := rowID(r.owner, p.Item)
		if overlap, differ := r.compare(p.Probs, said); differ && blob != nil {
			_, err = put.Exec(row, r.owner, overlap)
		} else {
			_, err = remove.Exec(row)
		}
		if err != nil {
			return fmt.Errorf("item %d: %w", p.Item, err)
		}
	}
	return nil
}

// compare tells whether the labels by two versions' probabilities differ, of what the label set has now, and how far the
// probabilities overlap: 1 less the total variation distance; with several labels an item, 1 less the largest difference.
func (r rivals) compare(now, then []float32) (overlap float64, differ bool) {
	first, second := r.given(r.labels, now), r.given(r.then, then)
	if first == nil || second == nil || slices.Equal(first, second) {
		return 0, false
	}
	before := make(map[int64]float64, len(r.then))
	for i, id := range r.then {
		before[id] += float64(then[i])
	}
	apart := 0.0
	for i, id := range r.labels {
		q, shared := float64(now[i]), before[id]
		switch {
		case id == 0: // no label of the set
		case r.multi:
			apart = max(apart, math.Abs(q-shared))
		default:
			overlap += min(q, shared)
			before[id] = max(0, shared-q) // of merged labels what is left
		}
	}
	if r.multi {
		overlap = 1 - apart
	}
	return min(1, max(0, overlap)), true
}

// given gives the labels by probabilities, in ascending order; nil where there are none, or the label that is meant is no
// longer in the set.
func (r rivals) given(ids []int64, probs []float32) []int64 {
	if len(probs) == 0 {
		return nil
	}
	if !r.multi {
		top, _ := label.Probabilities{Probs: probs}.Top(false)
		if ids[top] == 0 {
			return nil
		}
		return ids[top : top+1]
	}
	list := []int64{}
	for i, q := range probs {
		if q >= 0.5 && ids[i] != 0 {
			list = append(list, ids[i])
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
