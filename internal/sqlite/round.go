package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/labelloop/labelloop/internal/label"
)

// Rounds gives all rounds in the order in which they were begun.
func (s *Store) Rounds(ctx context.Context) ([]label.Round, error) {
	var list []label.Round
	err := s.read(ctx, "read the rounds of", func(tx *sql.Tx) error {
		return each(ctx, tx, func(rows *sql.Rows) error {
			var r label.Round
			var seed, started int64
			var parameters, metrics []byte
			err := rows.Scan(&r.ID, &r.Strategy, &r.N, &seed, &r.Model, &parameters, &metrics, &started)
			r.Seed, r.Parameters, r.Metrics, r.Started = uint64(seed), parameters, metrics, moment(started)
			list = append(list, r)
			return err
		}, "SELECT id, strategy, n, seed, coalesce(model_id, 0), parameters, metrics, started FROM rounds ORDER BY id")
	})
	return list, err
}

// SetMetrics keeps what was measured after a round.
func (s *Store) SetMetrics(ctx context.Context, round int64, metrics json.RawMessage) error {
	return s.write(ctx, "keep metrics in", func(tx *sql.Tx) error {
		res, err := tx.Exec("UPDATE rounds SET metrics = ? WHERE id = ?", raw(metrics), round)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return label.Errorf(label.ErrNotFound, "round %d: there is no such round", round)
		}
		return nil
	})
}
