package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"

	"github.com/labelloop/labelloop/internal/label"
)

// Enqueue enters a round and puts its entries into the queue behind those of earlier rounds, in one transaction. Items that
// are in the open queue already stay where they are. It gives the round with its ID, and how many entries were added.
func (s *Store) Enqueue(ctx context.Context, r label.Round, entries []label.Entry) (label.Round, int, error) {
	added := 0
	err := s.write(ctx, "fill the queue of", func(tx *sql.Tx) error {
		at := now()
		r.Started = moment(at)
		res, err := tx.Exec("INSERT INTO rounds (strategy, n, seed, model_id, parameters, metrics, started) VALUES (?, ?, ?, ?, ?, ?, ?)",
			r.Strategy, r.N, int64(r.Seed), optional(r.Model), raw(r.Parameters), raw(r.Metrics), at)
		if err != nil {
			return err
		}
		if r.ID, err = res.LastInsertId(); err != nil {
			return err
		}
		put, err := tx.Prepare("INSERT INTO queue (round_id, item_id, position, reason, score, people) VALUES (?, ?, ?, ?, ?, ?) " +
			"ON CONFLICT (item_id) WHERE state = 'open' DO NOTHING")
		if err != nil {
			return err
		}
		for i, e := range entries {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			var score any
			if !math.IsNaN(e.Score) {
				score = e.Score
			}
			res, err := put.Exec(r.ID, e.Item, i, e.Reason, score, max(1, e.People))
			if err != nil {
				return fmt.Errorf("item %d: %w", e.Item, err)
			}
			n, err := res.RowsAffected()
			if err != nil {
				return err
			}
			added += int(n)
		}
		return nil
	})
	return r, added, err
}

// Queued gives the numbers of the items in the open queue, in ascending order.
func (s *Store) Queued(ctx context.Context) (list []int64, err error) {
	err = s.read(ctx, "read the queue of", func(tx *sql.Tx) error {
		list, err = integers(ctx, tx, "SELECT item_id FROM queue WHERE state = 'open' ORDER BY item_id")
		return err
	})
	return list, err
}

// Withdraw takes the entries of a round (0: of all rounds) that nobody answered, and that nobody has before them, out of
// the queue, and tells how many these were.
func (s *Store) Withdraw(ctx context.Context, round int64) (int, error) {
	var n int64
	err := s.write(ctx, "withdraw from the queue of", func(tx *sql.Tx) error {
		res, err := tx.Exec(`UPDATE queue SET state = 'withdrawn' WHERE state = 'open' AND answered = 0 AND ?1 IN (0, round_id)
			AND NOT EXISTS (SELECT 1 FROM assignments a WHERE a.entry_id = queue.id AND a.annotation_id IS NULL AND a.expires > ?2)`,
			round, now())
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return int(n), err
}

// Lease puts up to n entries of the queue before a person for a time, in the order of the queue: first those that the
// person has already, which are kept for that time anew, then entries that the person has not answered and that enough
// others have neither answered nor before them.
func (s *Store) Lease(ctx context.Context, annotator string, n int, term time.Duration) ([]label.Entry, error) {
	var entries []label.Entry
	err := s.write(ctx, "lease from the queue of", func(tx *sql.Tx) error {
		person, err := annotatorID(tx, annotator)
		if err != nil {
			return err
		}
		at := time.Now()
		take := func(query string) error {
			return each(ctx, tx, func(rows *sql.Rows) error {
				e := label.Entry{Score: math.NaN(), Expires: moment(at.Add(term).UnixMilli())}
				var score sql.NullFloat64
				err := rows.Scan(&e.ID, &e.Round, &e.Item, &e.Position, &e.Reason, &score, &e.People)
				if score.Valid {
					e.Score = score.Float64
				}
				entries = append(entries, e)
				return err
			}, query, person, at.UnixMilli(), n-len(entries))
		}
		if err := take(leased); err != nil {
			return err
		}
		if len(entries) < n {
			if err := take(next); err != nil {
				return err
			}
		}
		for _, e := range entries {
			_, err := tx.Exec(`INSERT INTO assignments (entry_id, annotator_id, expires) VALUES (?, ?, ?)
				ON CONFLICT DO UPDATE SET expires = excluded.expires`, e.ID, person, e.Expires.UnixMilli())
			if err != nil {
				return err
			}
		}
		return nil
	})
	return entries, err
}

// SQLite would rather look for open entries by their state, and sort them all for the few that are wanted.
const (
	leased = `
		SELECT q.id, q.round_id, q.item_id, q.position, q.reason, q.score, q.people
		FROM assignments a CROSS JOIN queue q ON q.id = a.entry_id
		WHERE a.annotator_id = ?1 AND a.annotation_id IS NULL AND a.expires > ?2 AND q.state = 'open'
		ORDER BY q.round_id, q.position LIMIT ?3`
	next = `
		SELECT q.id, q.round_id, q.item_id, q.position, q.reason, q.score, q.people
		FROM queue q INDEXED BY queue_open
		WHERE q.state = 'open'
			AND NOT EXISTS (SELECT 1 FROM assignments a WHERE a.entry_id = q.id AND a.annotator_id = ?1
				AND (a.annotation_id IS NOT NULL OR a.expires > ?2))
			AND q.people > q.answered + (SELECT count(*) FROM assignments a
				WHERE a.entry_id = q.id AND a.annotator_id <> ?1 AND a.annotation_id IS NULL AND a.expires > ?2)
		ORDER BY q.round_id, q.position LIMIT ?3`
)

// Release gives back what a person has not answered, so that others get it at once.
func (s *Store) Release(ctx context.Context, annotator string) error {
	return s.write(ctx, "release leases of", func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM assignments WHERE annotation_id IS NULL
			AND annotator_id = (SELECT id FROM annotators WHERE name = ?)`, annotator)
		return err
	})
}

// answer tells the queue of an annotation: the open entry of its item, and any that the person had before them, are
// answered. A skipped entry stays for others.
func (p *appender) answer(a label.Annotation) error {
	person, err := p.annotator(a.Annotator)
	if err != nil {
		return err
	}
	_, err = p.tx.Exec(`
		INSERT INTO assignments (entry_id, annotator_id, expires, annotation_id)
		SELECT q.id, ?1, ?2, ?3 FROM queue q
		WHERE q.item_id = ?4 AND (q.state = 'open' OR EXISTS (
			SELECT 1 FROM assignments a WHERE a.entry_id = q.id AND a.annotator_id = ?1 AND a.annotation_id IS NULL))
		ON CONFLICT DO UPDATE SET annotation_id = excluded.annotation_id`, person, a.At.UnixMilli(), a.ID, a.Item)
	if err != nil {
		return err
	}
	return p.tally("id IN (SELECT entry_id FROM assignments WHERE annotation_id = ?)", a.ID)
}

// reopen takes an annotation that was undone out of the queue. Its entry is open again, before the same person if that
// lease has not expired.
func (p *appender) reopen(undone label.Annotation) error {
	entries, err := integers(context.Background(), p.tx, "SELECT entry_id FROM assignments WHERE annotation_id = ?", undone.ID)
	if err != nil {
		return err
	}
	if _, err := p.tx.Exec("UPDATE assignments SET annotation_id = NULL WHERE annotation_id = ?", undone.ID); err != nil {
		return err
	}
	for _, entry := range entries {
		if err := p.tally("id = ?", entry); err != nil {
			return err
		}
	}
	return nil
}

// tally counts the answers of entries, and opens or closes them by that. An entry whose item is in the queue again stays
// closed.
func (p *appender) tally(where string, args ...any) error {
	_, err := p.tx.Exec(`
		UPDATE queue SET answered = (
			SELECT count(*) FROM assignments a JOIN annotations n ON n.id = a.annotation_id
			WHERE a.entry_id = queue.id AND n.verdict <> 'skipped')
		WHERE `+where, args...)
	if err != nil {
		return err
	}
	_, err = p.tx.Exec(`
		UPDATE queue SET state = CASE
			WHEN answered >= people THEN 'done'
			WHEN EXISTS (SELECT 1 FROM queue other WHERE other.item_id = queue.item_id AND other.state = 'open') THEN state
			ELSE 'open' END
		WHERE state <> 'withdrawn' AND `+where, args...)
	return err
}
