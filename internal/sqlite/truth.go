package sqlite

import (
	"context"
	"database/sql"

	"github.com/labelloop/labelloop/internal/label"
)

// Truths gives the items of a split that have a person's labels, in the order of their numbers.
func (s *Store) Truths(ctx context.Context, split label.Split) ([]label.Truth, error) {
	return s.truths(ctx, "i.split = ?", split)
}

// Reviewed gives the items that have a person's labels and were answered in the queue for a reason, in the order of their
// numbers: for label.Control and label.ForAudit these are random samples.
func (s *Store) Reviewed(ctx context.Context, reason label.Reason) ([]label.Truth, error) {
	return s.truths(ctx, "i.id IN (SELECT item_id FROM queue WHERE reason = ? AND answered > 0)", reason)
}

func (s *Store) truths(ctx context.Context, where string, args ...any) ([]label.Truth, error) {
	var truths []label.Truth
	err := s.read(ctx, "read the labels of", func(tx *sql.Tx) error {
		return each(ctx, tx, func(rows *sql.Rows) error {
			var t label.Truth
			var one sql.NullInt64
			if err := rows.Scan(&t.Item, &t.Annotation, &one); err != nil {
				return err
			}
			if n := len(truths); n == 0 || truths[n-1].Item != t.Item {
				truths = append(truths, t)
			}
			if one.Valid {
				last := &truths[len(truths)-1]
				last.Labels = append(last.Labels, one.Int64)
			}
			return nil
		}, `SELECT i.id, i.annotation_id, l.label_id FROM items i LEFT JOIN item_labels l ON l.item_id = i.id
			WHERE i.state = 'labelled' AND `+where+" ORDER BY i.id, l.label_id", args...)
	})
	return truths, err
}
