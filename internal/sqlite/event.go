package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/labelloop/labelloop/internal/label"
)

// Log appends an event. data is kept as JSON; nil is none.
func (s *Store) Log(ctx context.Context, kind, by string, data any) error {
	var text json.RawMessage
	if data != nil {
		var err error
		if text, err = json.Marshal(data); err != nil {
			return err
		}
	}
	return s.write(ctx, "log an event in", func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO events (at, kind, author, data) VALUES (?, ?, ?, ?)", now(), kind, by, raw(text))
		return err
	})
}

// Events gives the first n events after the one of the given ID.
func (s *Store) Events(ctx context.Context, after int64, n int) ([]label.Event, error) {
	var list []label.Event
	err := s.read(ctx, "read the events of", func(tx *sql.Tx) error {
		return each(ctx, tx, func(rows *sql.Rows) error {
			var e label.Event
			var at int64
			var data []byte
			err := rows.Scan(&e.ID, &at, &e.Kind, &e.By, &data)
			e.At, e.Data = moment(at), data
			list = append(list, e)
			return err
		}, "SELECT id, at, kind, author, data FROM events WHERE id > ? ORDER BY id LIMIT ?", after, n)
	})
	return list, err
}
