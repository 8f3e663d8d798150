package sqlite

import (
	"context"
	"database/sql"
	"time"
)

// Clock gives a number that grows whenever somebody annotates, the label set is changed, or a round or a model is entered.
func (s *Store) Clock(ctx context.Context) (at int64, err error) {
	err = s.read(ctx, "read the clock of", func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT coalesce((SELECT max(id) FROM annotations), 0) + coalesce((SELECT max(id) FROM label_changes), 0)
			+ coalesce((SELECT max(id) FROM rounds), 0) + coalesce((SELECT max(id) FROM models), 0)`).Scan(&at)
	})
	return at, err
}

// Pace counts the answers of a person since a moment, less those that the person took back since then, and tells when the
// first of them was.
func (s *Store) Pace(ctx context.Context, annotator string, since time.Time) (answers int, first time.Time, err error) {
	var at sql.NullInt64
	err = s.read(ctx, "count in", func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `
			SELECT coalesce(sum(CASE verdict WHEN 'undone' THEN -1 ELSE 1 END), 0), min(at) FROM annotations INDEXED BY annotations_by_time
			WHERE annotator_id = (SELECT id FROM annotators WHERE name = ?) AND at >= ?`, annotator, since.UnixMilli()).Scan(&answers, &at)
	})
	return max(0, answers), moment(at.Int64), err
}
