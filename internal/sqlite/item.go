package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/labelloop/labelloop/internal/label"
)

// pageRows is how many rows a stream reads at a time. A stream holds no transaction between its pages: one that is slowly
// consumed would keep the write-ahead log from being folded into the database.
const pageRows = 1024

// paged streams what next gives after the last value, until it gives nothing.
func paged[T any](next func(last T) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var last T
		for {
			page, err := next(last)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			if len(page) == 0 {
				return
			}
			for _, value := range page {
				if !yield(value, nil) {
					return
				}
			}
			last = page[len(page)-1]
		}
	}
}

// Filter says which items are wanted.
type Filter struct {
	After       int64       // only items of a higher number
	Split       label.Split // "": all
	State       label.State // label.AnyState: all; the zero value is label.Unlabelled
	Unpredicted int64       // only items of which the model version of this ID has said nothing; 0: all
	Unembedded  int64       // only items that have no embedding by the encoder of this ID; 0: all
}

// Items streams items in the order of their numbers. Image items have no Load. Items that are added or changed meanwhile
// may or may not be seen.
func (s *Store) Items(ctx context.Context, f Filter) iter.Seq2[label.Record, error] {
	return paged(func(last label.Record) ([]label.Record, error) {
		f.After = max(f.After, last.Item.Number)
		return s.ItemPage(ctx, f, pageRows)
	})
}

// ItemPage gives the first n items that Items would.
func (s *Store) ItemPage(ctx context.Context, f Filter, n int) ([]label.Record, error) {
	where, args := "id > ?", []any{f.After}
	if f.Split != "" {
		where, args = where+" AND split = ?", append(args, f.Split)
	}
	if f.State != label.AnyState {
		where, args = where+" AND state = ?", append(args, f.State)
	}
	if f.Unpredicted != 0 {
		where += " AND NOT EXISTS (SELECT 1 FROM predictions p WHERE p.id = (? << 40 | items.id))"
		args = append(args, f.Unpredicted)
	}
	if f.Unembedded != 0 {
		where += " AND NOT EXISTS (SELECT 1 FROM embeddings e WHERE e.id = (? << 40 | items.id))"
		args = append(args, f.Unembedded)
	}
	return s.records(ctx, where+" ORDER BY id LIMIT ?", append(args, n)...)
}

// Item gives one item by its number.
func (s *Store) Item(ctx context.Context, number int64) (label.Record, error) {
	list, err := s.Records(ctx, []int64{number})
	if err != nil {
		return label.Record{}, err
	}
	return list[0], nil
}

// Records gives items by their numbers, in the order of these. It is an error of kind label.ErrNotFound if one isn't there.
func (s *Store) Records(ctx context.Context, numbers []int64) ([]label.Record, error) {
	found, err := s.records(ctx, "id IN (SELECT value FROM json_each(?))", listed(numbers))
	if err != nil {
		return nil, err
	}
	at := make(map[int64]int, len(found))
	for i, r := range found {
		at[r.Item.Number] = i
	}
	list := make([]label.Record, len(numbers))
	for i, number := range numbers {
		k, there := at[number]
		if !there {
			return nil, label.Errorf(label.ErrNotFound, "item %d: there is no such item", number)
		}
		list[i] = found[k]
	}
	return list, nil
}

// listed is a JSON list of numbers.
func listed(numbers []int64) string {
	return strings.Join(strings.Fields(fmt.Sprint(numbers)), ",")
}

func (s *Store) records(ctx context.Context, where string, args ...any) ([]label.Record, error) {
	var list []label.Record
	err := s.read(ctx, "read the items of", func(tx *sql.Tx) error {
		return each(ctx, tx, func(rows *sql.Rows) error {
			r, err := record(rows)
			list = append(list, r)
			return err
		}, `SELECT id, source_id, text, pair, image, meta, file, line, split, state,
				CASE state WHEN 'labelled' THEN (
					SELECT json_group_array(n.name ORDER BY n.label_id) FROM item_labels l
					JOIN label_names n ON n.label_id = l.label_id AND n.until IS NULL WHERE l.item_id = items.id)
				END
			FROM items WHERE `+where, args...)
	})
	return list, err
}

func record(rows *sql.Rows) (r label.Record, err error) {
	it := &r.Item
	var meta, labels sql.RawBytes
	err = rows.Scan(&it.Number, &it.ID, &it.Text, &it.Pair, &it.Image, &meta, &it.Place.File, &it.Place.Line, &it.Split, &r.State, &labels)
	if err != nil {
		return r, err
	}
	if meta != nil {
		d := json.NewDecoder(bytes.NewReader(meta))
		d.UseNumber() // digits are kept as they were read
		if err := d.Decode(&it.Meta); err != nil {
			return r, fmt.Errorf("metadata of item %d: %w", it.Number, err)
		}
	}
	if labels != nil {
		err = json.Unmarshal(labels, &r.Labels)
	}
	return r, err
}

// Last gives the highest number of an item, 0 where there is none.
func (s *Store) Last(ctx context.Context) (number int64, err error) {
	err = s.read(ctx, "read the items of", func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM items").Scan(&number)
	})
	return number, err
}

// Standings gives the split and the state of items; the split is "" where there is no such item.
func (s *Store) Standings(ctx context.Context, items []int64) (splits []label.Split, states []label.State, err error) {
	splits, states = make([]label.Split, len(items)), make([]label.State, len(items))
	err = s.read(ctx, "read the items of", func(tx *sql.Tx) error {
		get, err := tx.PrepareContext(ctx, "SELECT split, state FROM items WHERE id = ?")
		if err != nil {
			return err
		}
		for i, item := range items {
			if err := get.QueryRowContext(ctx, item).Scan(&splits[i], &states[i]); err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		return nil
	})
	return splits, states, err
}

// Numbers gives the numbers of the items of a split and a state (label.AnyState: all) in ascending order.
func (s *Store) Numbers(ctx context.Context, split label.Split, state label.State) (list []int64, err error) {
	err = s.read(ctx, "read the items of", func(tx *sql.Tx) error {
		list, err = numbers(ctx, tx, split, state)
		return err
	})
	return list, err
}

func numbers(ctx context.Context, tx *sql.Tx, split label.Split, state label.State) ([]int64, error) {
	if state == label.AnyState {
		return integers(ctx, tx, "SELECT id FROM items WHERE split = ? ORDER BY id", split)
	}
	return integers(ctx, tx, "SELECT id FROM items WHERE split = ? AND state = ? ORDER BY id", split, state)
}

func integers(ctx context.Context, tx *sql.Tx, query string, args ...any) ([]int64, error) {
	var list []int64
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var n int64
		err := rows.Scan(&n)
		list = append(list, n)
		return err
	}, query, args...)
	return list, err
}

// SetSplit moves items to a split.
func (s *Store) SetSplit(ctx context.Context, split label.Split, numbers ...int64) error {
	return s.write(ctx, "move items of", func(tx *sql.Tx) error {
		for _, n := range numbers {
			res, err := tx.Exec("UPDATE items SET split = ? WHERE id = ?", split, n)
			if err != nil {
				return err
			}
			if moved, err := res.RowsAffected(); err != nil {
				return err
			} else if moved == 0 {
				return label.Errorf(label.ErrNotFound, "item %d: there is no such item", n)
			}
		}
		return nil
	})
}
