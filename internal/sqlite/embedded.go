package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/labelloop/labelloop/internal/label"
)

// Embedded gives the embeddings by an encoder of those of the given items that have one: their numbers, in the given order,
// and for each a row of e.Dims numbers.
func (s *Store) Embedded(ctx context.Context, e label.Encoder, items []int64) (have []int64, vectors []float32, err error) {
	err = s.read(ctx, "read the embeddings of", func(tx *sql.Tx) error {
		get, err := tx.PrepareContext(ctx, "SELECT vector FROM embeddings WHERE id = ?")
		if err != nil {
			return err
		}
		row := make([]float32, e.Dims)
		var blob []byte
		for _, item := range items {
			err := get.QueryRowContext(ctx, rowID(e.ID, item)).Scan(&blob)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err == nil {
				err = floats(row, blob)
			}
			if err != nil {
				return fmt.Errorf("embedding of item %d: %w", item, err)
			}
			have, vectors = append(have, item), append(vectors, row...)
		}
		return nil
	})
	return have, vectors, err
}
