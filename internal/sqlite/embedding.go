package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/labelloop/labelloop/internal/label"
)

// PutEmbeddings keeps the embeddings of items by an encoder, in one transaction: row i of vectors, of e.Dims numbers, is
// that of items[i]. What was there is replaced.
func (s *Store) PutEmbeddings(ctx context.Context, e label.Encoder, items []int64, vectors []float32) error {
	if len(vectors) != len(items)*e.Dims {
		return fmt.Errorf("put embeddings: %d numbers for %d items of %d dimensions", len(vectors), len(items), e.Dims)
	}
	return s.write(ctx, "put embeddings into", func(tx *sql.Tx) error {
		put, err := tx.Prepare("INSERT INTO embeddings (id, encoder_id, item_id, vector) VALUES (?, ?, ?, ?) " +
			"ON CONFLICT (id) DO UPDATE SET vector = excluded.vector")
		if err != nil {
			return err
		}
		var blob []byte
		for i, item := range items {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			blob = appendFloats(blob[:0], vectors[i*e.Dims:(i+1)*e.Dims])
			if _, err := put.Exec(rowID(e.ID, item), e.ID, item, blob); err != nil {
				return fmt.Errorf("item %d: %w", item, err)
			}
		}
		return nil
	})
}

// Embeddings gives the embeddings of items by an encoder: row i, of e.Dims numbers, is that of items[i]. It is an error of
// kind label.ErrNotFound if one isn't there.
func (s *Store) Embeddings(ctx context.Context, e label.Encoder, items []int64) ([]float32, error) {
	vectors := make([]float32, len(items)*e.Dims)
	err := s.read(ctx, "read the embeddings of", func(tx *sql.Tx) error {
		get, err := tx.PrepareContext(ctx, "SELECT vector FROM embeddings WHERE id = ?")
		if err != nil {
			return err
		}
		var blob []byte
		for i, item := range items {
			err := get.QueryRowContext(ctx, rowID(e.ID, item)).Scan(&blob)
			if errors.Is(err, sql.ErrNoRows) {
				return label.Errorf(label.ErrNotFound, "item %d has no embedding by %s", item, e.Name)
			}
			if err == nil {
				err = floats(vectors[i*e.Dims:(i+1)*e.Dims], blob)
			}
			if err != nil {
				return fmt.Errorf("embedding of item %d: %w", item, err)
			}
		}
		return nil
	})
	return vectors, err
}

// AllEmbeddings gives the embeddings by an encoder of the items of a split and a state (label.AnyState: all): their numbers
// in ascending order, and for each a row of e.Dims numbers. Items that have none are left out.
func (s *Store) AllEmbeddings(ctx context.Context, e label.Encoder, split label.Split, state label.State) (items []int64, vectors []float32, err error) {
	first, last := span(e.ID)
	return s.gather(ctx, split, state, e.Dims, "SELECT item_id, vector FROM embeddings WHERE id BETWEEN ? AND ?", first, last)
}
