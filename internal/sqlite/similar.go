package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"

	"github.com/labelloop/labelloop/internal/label"
)

// Similar gives the n items that are nearest to one by the cosine of their embeddings, the nearest first, of the encoder that has
// embedded the most items. Where the item has no embedding the error is of kind label.ErrNotFound.
func (s *Store) Similar(ctx context.Context, item int64, n int) ([]int64, error) {
	type neighbour struct {
		item   int64
		cosine float64
	}
	var near []neighbour
	err := s.read(ctx, "search", func(tx *sql.Tx) error {
		var encoder int64
		var blob []byte
		err := tx.QueryRowContext(ctx, `SELECT encoder_id, vector FROM embeddings WHERE item_id = ?1 AND id IN (SELECT id << 40 | ?1 FROM encoders)
			ORDER BY (SELECT count(*) FROM embeddings o WHERE o.encoder_id = embeddings.encoder_id) DESC, encoder_id DESC LIMIT 1`, item).
			Scan(&encoder, &blob)
		if errors.Is(err, sql.ErrNoRows) {
			return label.Errorf(label.ErrNotFound, "item %d has no embedding to compare; make some with `labelloop predict --task feature-extraction`", item)
		}
		if err != nil {
			return err
		}
		center := make([]float32, len(blob)/4)
		if err := floats(center, blob); err != nil {
			return err
		}
		other := make([]float32, len(center))
		var at int64
		var raw sql.RawBytes
		first, last := span(encoder)
		return each(ctx, tx, func(rows *sql.Rows) error {
			if err := rows.Scan(&at, &raw); err != nil {
				return err
			}
			if err := floats(other, raw); err != nil || at == item {
				return err
			}
			var dot, square float64
			for i, v := range other {
				dot += float64(v) * float64(center[i])
				square += float64(v) * float64(v)
			}
			found := neighbour{at, dot / math.Sqrt(max(square, math.SmallestNonzeroFloat64))}
			place, _ := slices.BinarySearchFunc(near, found, func(a, b neighbour) int {
				return cmp.Or(cmp.Compare(b.cosine, a.cosine), cmp.Compare(a.item, b.item))
			})
			if place < n {
				near = slices.Insert(near, place, found)
				near = near[:min(len(near), n)]
			}
			return nil
		}, "SELECT item_id, vector FROM embeddings WHERE id BETWEEN ? AND ?", first, last)
	})
	items := make([]int64, len(near))
	for i, found := range near {
		items[i] = found.item
	}
	return items, err
}
