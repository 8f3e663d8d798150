package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/labelloop/labelloop/internal/label"
)

// itemBits is how many bits of a row's number tell the item; those above tell the model version or the encoder.
const itemBits = 40

func rowID(owner, item int64) int64 { return owner<<itemBits | item }

// span gives the first and the last number that rows of a model version or an encoder can have.
func span(owner int64) (first, last int64) { return rowID(owner, 0), rowID(owner, 1<<itemBits-1) }

// PutPredictions keeps what a model version says of items, in one transaction. What it said of an item before is replaced.
func (s *Store) PutPredictions(ctx context.Context, m label.Model, predictions []label.Probabilities) error {
	for _, p := range predictions {
		if err := checkProbs(m, p); err != nil {
			return fmt.Errorf("put predictions: %w", err)
		}
	}
	return s.write(ctx, "put predictions into", func(tx *sql.Tx) error {
		put, err := tx.Prepare(`
			INSERT INTO predictions (id, model_id, item_id, probs, position, confidence, error) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET
				probs = excluded.probs, position = excluded.position, confidence = excluded.confidence, error = excluded.error`)
		if err != nil {
			return err
		}
		var blob []byte
		for _, p := range predictions {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if p.Err != "" {
				_, err = put.Exec(rowID(m.ID, p.Item), m.ID, p.Item, nil, nil, nil, p.Err)
			} else {
				blob = appendFloats(blob[:0], p.Probs)
				position, confidence := p.Top(s.project.MultiLabel)
				_, err = put.Exec(rowID(m.ID, p.Item), m.ID, p.Item, blob, position, confidence, nil)
			}
			if err != nil {
				return fmt.Errorf("item %d: %w", p.Item, err)
			}
		}
		return s.dispute(ctx, tx, m, predictions)
	})
}

func checkProbs(m label.Model, p label.Probabilities) error {
	if p.Err != "" {
		return nil
	}
	if len(p.Probs) != len(m.Labels) {
		return fmt.Errorf("item %d: %d probabilities of model %s, which has %d labels", p.Item, len(p.Probs), m, len(m.Labels))
	}
	for i, q := range p.Probs {
		if !(q >= 0 && q <= 1) {
			return fmt.Errorf("item %d: model %s gives label %q the probability %v", p.Item, m, m.Labels[i], q)
		}
	}
	return nil
}

// Predictions gives what a model version says of the items of the given numbers, in their order; of items that it said
// nothing of there are neither probabilities nor an error.
func (s *Store) Predictions(ctx context.Context, m label.Model, items []int64) ([]label.Probabilities, error) {
	list := make([]label.Probabilities, len(items))
	err := s.read(ctx, "read the predictions of", func(tx *sql.Tx) error {
		get, err := tx.PrepareContext(ctx, "SELECT probs, coalesce(error, '') FROM predictions WHERE id = ?")
		if err != nil {
			return err
		}
		for i, item := range items {
			list[i].Item = item
			var blob []byte
			err := get.QueryRowContext(ctx, rowID(m.ID, item)).Scan(&blob, &list[i].Err)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			if blob != nil {
				list[i].Probs = make([]float32, len(m.Labels))
				if err := floats(list[i].Probs, blob); err != nil {
					return fmt.Errorf("prediction of item %d: %w", item, err)
				}
			}
		}
		return nil
	})
	return list, err
}

// Probabilities gives all that a model version says of the items of a split and a state (label.AnyState: all): their
// numbers in ascending order, and for each a row of len(m.Labels) probabilities. Items that it said nothing of, or failed
// on, are left out.
func (s *Store) Probabilities(ctx context.Context, m label.Model, split label.Split, state label.State) (items []int64, probs []float32, err error) {
	first, last := span(m.ID)
	return s.gather(ctx, split, state, len(m.Labels),
		"SELECT item_id, probs FROM predictions WHERE id BETWEEN ? AND ? AND probs IS NOT NULL", first, last)
}

// Grid is what Confidences are rounded down to.
const Grid = 1.0 / (1 << 20)

// Confidences gives a model version's confidence in its labels of the items of a split, in no order, each rounded down to
// a multiple of Grid. SQLite joins them to one text, since a million rows handed over one by one take ten times as long.
func (s *Store) Confidences(ctx context.Context, m label.Model, split label.Split) ([]float64, error) {
	all := map[int64]int{}
	err := s.read(ctx, "read the confidences of", func(tx *sql.Tx) error {
		const steps = `CAST(p.confidence * 1048576 AS INTEGER)`
		return errors.Join(
			tally(ctx, tx, all, 1, "SELECT group_concat("+steps+") FROM predictions p WHERE p.model_id = ? AND p.confidence IS NOT NULL", m.ID),
			tally(ctx, tx, all, -1, "SELECT group_concat("+steps+") FROM items i JOIN predictions p ON p.id = (? << 40 | i.id) "+
				"WHERE i.split <> ? AND p.confidence IS NOT NULL", m.ID, split))
	})
	var list []float64
	for step, n := range all {
		for range n {
			list = append(list, float64(step)*Grid)
		}
	}
	return list, err
}

// tally adds what a query for a list of numbers gives to counts.
func tally(ctx context.Context, tx *sql.Tx, counts map[int64]int, by int, query string, args ...any) error {
	var text sql.RawBytes
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&text); err != nil {
			return err
		}
		var n int64
		for i, c := range text {
			if c != ',' {
				n = 10*n + int64(c-'0')
			}
			if c == ',' || i == len(text)-1 {
				counts[n] += by
				n = 0
			}
		}
	}
	return rows.Err()
}

// gather gives rows of width numbers for the items of a split and a state, out of a query for numbers of items in ascending
// order and blobs. The two are merged here: a join would look every item up.
func (s *Store) gather(ctx context.Context, split label.Split, state label.State, width int, query string, args ...any) (items []int64, values []float32, err error) {
	err = s.read(ctx, "read the numbers of", func(tx *sql.Tx) error {
		wanted, err := numbers(ctx, tx, split, state)
		if err != nil {
			return err
		}
		items, values = wanted[:0], make([]float32, 0, len(wanted)*width) // items[i] is written when wanted[i] has been read
		var item int64
		var blob sql.RawBytes
		return each(ctx, tx, func(rows *sql.Rows) error {
			if err := rows.Scan(&item, &blob); err != nil {
				return err
			}
			for len(wanted) > 0 && wanted[0] < item {
				wanted = wanted[1:]
			}
			if len(wanted) == 0 || wanted[0] != item {
				return nil
			}
			wanted = wanted[1:]
			items, values = append(items, item), values[:len(values)+width]
			if err := floats(values[len(values)-width:], blob); err != nil {
				return fmt.Errorf("item %d: %w", item, err)
			}
			return nil
		}, query, args...)
	})
	return items, values, err
}

// appendFloats appends numbers as a blob holds them.
func appendFloats(to []byte, values []float32) []byte {
	for _, v := range values {
		to = binary.LittleEndian.AppendUint32(to, math.Float32bits(v))
	}
	return to
}

// floats reads the numbers of a blob.
func floats(to []float32, blob []byte) error {
	if len(blob) != 4*len(to) {
		return fmt.Errorf("%d bytes where %d numbers should be", len(blob), len(to))
	}
	for i := range to {
		to[i] = math.Float32frombits(binary.LittleEndian.Uint32(blob[4*i:]))
	}
	return nil
}
