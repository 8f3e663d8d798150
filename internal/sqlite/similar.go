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

// Of so many for each that is wanted, and of no fewer than leastCompared, all numbers are compared.
const (
	compared      = 20
	leastCompared = 500
)

// Similar gives the n items that are nearest to one by the cosine of their embeddings, the nearest first, of the encoder that
// has embedded the most items. Among many some of them may be missed: docs/benchmarks.md tells how few; those that were embedded
// within the last minute, too. Where the item has no embedding the error is of kind label.ErrNotFound.
func (s *Store) Similar(ctx context.Context, item int64, n int) ([]int64, error) {
	var near []neighbour
	err := s.read(ctx, "search", func(tx *sql.Tx) error {
		k, err := s.sketch(ctx, tx)
		if err != nil {
			return err
		}
		var blob []byte
		err = tx.QueryRowContext(ctx, "SELECT vector FROM embeddings WHERE id = ?", rowID(k.encoder, item)).Scan(&blob)
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
		near, err = compare(ctx, tx, k.encoder, center, k.nearest(center, max(compared*n, leastCompared)))
		return err
	})
	if err != nil {
		return nil, err
	}
	var items []int64
	for _, found := range near {
		if found.item != item && len(items) < n {
			items = append(items, found.item)
		}
	}
	return items, nil
}

// compare sorts items by the cosines of their embeddings with a vector, the nearest first.
func compare(ctx context.Context, tx *sql.Tx, encoder int64, center []float32, items []int64) ([]neighbour, error) {
	near := make([]neighbour, 0, len(items))
	other := make([]float32, len(center))
	get, err := tx.PrepareContext(ctx, "SELECT vector FROM embeddings WHERE id = ?")
	if err != nil {
		return nil, err
	}
	slices.Sort(items) // so that what lies together is read together
	var blob []byte
	for _, item := range items {
		err := get.QueryRowContext(ctx, rowID(encoder, item)).Scan(&blob)
		if errors.Is(err, sql.ErrNoRows) { // this moment's project has it not yet
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := floats(other, blob); err != nil {
			return nil, err
		}
		var dot, square float64
		for j, v := range other {
			dot += float64(v) * float64(center[j])
			square += float64(v) * float64(v)
		}
		near = append(near, neighbour{item, dot / math.Sqrt(max(square, math.SmallestNonzeroFloat64))})
	}
	slices.SortFunc(near, func(a, b neighbour) int { return cmp.Or(cmp.Compare(b.cosine, a.cosine), cmp.Compare(a.item, b.item)) })
	return near, nil
}

// SketchEmbeddings prepares what Similar needs in memory, which Similar does itself; a server that begins with it spares its
// first reader the wait. It does nothing where there are no embeddings.
func (s *Store) SketchEmbeddings(ctx context.Context) error {
	return s.read(ctx, "read the embeddings of", func(tx *sql.Tx) error {
		_, err := s.sketch(ctx, tx)
		return err
	})
}

// sketch gives the sketch of the encoder that has embedded the most items; of encoder 0 where there is none.
func (s *Store) sketch(ctx context.Context, tx *sql.Tx) (sketch, error) {
	if k, fresh := s.sketches.fresh(); fresh {
		return k, nil
	}
	var encoder int64
	var n, dims int
	err := tx.QueryRowContext(ctx, `SELECT encoder_id, count(*) AS n, (SELECT dims FROM encoders WHERE id = encoder_id)
		FROM embeddings GROUP BY encoder_id ORDER BY n DESC, encoder_id DESC LIMIT 1`).Scan(&encoder, &n, &dims)
	if errors.Is(err, sql.ErrNoRows) {
		return sketch{}, nil
	}
	if err != nil {
		return sketch{}, err
	}
	return s.sketches.upTo(ctx, tx, encoder, n, dims)
}
