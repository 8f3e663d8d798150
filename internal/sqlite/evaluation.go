package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"

	"github.com/labelloop/labelloop/internal/label"
)

// Evaluated gives the numbers of the items that models were judged on, in ascending order.
func (s *Store) Evaluated(ctx context.Context) (items []int64, err error) {
	err = s.read(ctx, "read the evaluation set of", func(tx *sql.Tx) error {
		items, err = integers(ctx, tx, "SELECT item_id FROM evaluation_items ORDER BY item_id")
		return err
	})
	return items, err
}

// PutEvaluation keeps the evaluation set as it is now, and gives its version: the newest one where that has the same digest,
// else a new one. Items that are in it stay in it.
func (s *Store) PutEvaluation(ctx context.Context, digest string, items []int64) (e label.Evaluation, err error) {
	err = s.write(ctx, "keep the evaluation set of", func(tx *sql.Tx) error {
		e, err = lastEvaluation(tx)
		if err != nil || e.Digest == digest {
			return err
		}
		at := now()
		e = label.Evaluation{Version: e.Version + 1, Digest: digest, Items: len(items), At: moment(at)}
		err = tx.QueryRow("SELECT count(*) FROM json_each(?) WHERE value NOT IN (SELECT item_id FROM evaluation_items)", listed(items)).Scan(&e.Added)
		if err != nil {
			return err
		}
		_, err = tx.Exec("INSERT INTO evaluations (id, digest, items, added, at) VALUES (?, ?, ?, ?, ?)", e.Version, digest, e.Items, e.Added, at)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO evaluation_items (item_id, evaluation_id)
			SELECT value, ? FROM json_each(?) WHERE value NOT IN (SELECT item_id FROM evaluation_items)`, e.Version, listed(items))
		return err
	})
	return e, err
}

// lastEvaluation gives the newest version, the zero value where there is none.
func lastEvaluation(tx *sql.Tx) (e label.Evaluation, err error) {
	var at int64
	err = tx.QueryRow("SELECT id, digest, items, added, at FROM evaluations ORDER BY id DESC LIMIT 1").
		Scan(&e.Version, &e.Digest, &e.Items, &e.Added, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return label.Evaluation{}, nil
	}
	e.At = moment(at)
	return e, err
}

// Digests gives the SHA-256 of the content of items, in their order. It is an error of kind label.ErrNotFound if one isn't
// there.
func (s *Store) Digests(ctx context.Context, items []int64) ([][sha256.Size]byte, error) {
	list := make([][sha256.Size]byte, len(items))
	err := s.read(ctx, "read the items of", func(tx *sql.Tx) error {
		get, err := tx.PrepareContext(ctx, "SELECT digest FROM items WHERE id = ?")
		if err != nil {
			return err
		}
		var blob []byte
		for i, item := range items {
			err := get.QueryRowContext(ctx, item).Scan(&blob)
			if errors.Is(err, sql.ErrNoRows) {
				return label.Errorf(label.ErrNotFound, "item %d: there is no such item", item)
			}
			if err != nil {
				return err
			}
			if copy(list[i][:], blob) != sha256.Size {
				return fmt.Errorf("item %d: its digest has %d bytes", item, len(blob))
			}
		}
		return nil
	})
	return list, err
}

// Find gives the numbers of the items with the given SHA-256 of their content, in their order; 0 where there is none.
func (s *Store) Find(ctx context.Context, digests [][sha256.Size]byte) ([]int64, error) {
	list := make([]int64, len(digests))
	err := s.read(ctx, "read the items of", func(tx *sql.Tx) error {
		get, err := tx.PrepareContext(ctx, "SELECT id FROM items WHERE digest = ?")
		if err != nil {
			return err
		}
		for i := range digests {
			if err := get.QueryRowContext(ctx, digests[i][:]).Scan(&list[i]); err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		return nil
	})
	return list, err
}
