package sqlite

import (
	"context"
	"database/sql"

	"github.com/labelloop/labelloop/internal/label"
)

// PutPromotion appends to the record of promotions, and gives the entry with its ID.
func (s *Store) PutPromotion(ctx context.Context, p label.Promotion) (label.Promotion, error) {
	err := s.write(ctx, "record a promotion in", func(tx *sql.Tx) error {
		at := now()
		p.At = moment(at)
		var evaluation any
		if p.Evaluation != 0 {
			evaluation = p.Evaluation
		}
		res, err := tx.Exec(`INSERT INTO promotions (kind, name, version, before, author, reason, evaluation_id, verdict, at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, p.Kind, p.Name, p.Version, p.Before, p.By, p.Reason, evaluation, raw(p.Verdict), at)
		if err != nil {
			return err
		}
		p.ID, err = res.LastInsertId()
		return err
	})
	return p, err
}

// Promotions gives the record of promotions, the oldest first.
func (s *Store) Promotions(ctx context.Context) ([]label.Promotion, error) {
	var list []label.Promotion
	err := s.read(ctx, "read the promotions of", func(tx *sql.Tx) error {
		return each(ctx, tx, func(rows *sql.Rows) error {
			var p label.Promotion
			var verdict []byte
			var at int64
			err := rows.Scan(&p.ID, &p.Kind, &p.Name, &p.Version, &p.Before, &p.By, &p.Reason, &p.Evaluation, &verdict, &at)
			p.Verdict, p.At = verdict, moment(at)
			list = append(list, p)
			return err
		}, `SELECT id, kind, name, version, before, author, reason, coalesce(evaluation_id, 0), verdict, at FROM promotions ORDER BY id`)
	})
	return list, err
}
