package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/labelloop/labelloop/internal/label"
)

// Undo takes back the newest annotation of a person that stands, and all that the person decided in one with it
// (label.Annotation.Group), in one transaction. It gives them, the newest first; what the person said of the items before
// stands again, and their entries of the queue are open again. Sent again with the same key it changes nothing and gives the
// same. Where there is nothing to take back the error is of kind label.ErrNotFound. What an import took over as the person's
// stays.
func (s *Store) Undo(ctx context.Context, annotator, key string) (back []label.Annotation, err error) {
	if key == "" {
		return nil, label.Errorf(label.ErrUsage, "undo: no key that makes it safe to send it twice")
	}
	err = s.write(ctx, "undo in", func(tx *sql.Tx) error {
		p, err := newAppender(tx, s.project)
		if err != nil {
			return err
		}
		if back, err = p.undone(ctx, annotator, key); err != nil || back != nil {
			return err
		}
		if back, err = p.newest(ctx, annotator); err != nil {
			return err
		}
		for i, a := range back {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			undo := label.Annotation{Key: undoKey(key, i), Item: a.Item, Annotator: annotator, At: moment(now()), Verdict: label.Undone, Undoes: a.ID}
			if _, err := p.append(undo); err != nil {
				return err
			}
			if err := p.reopen(a); err != nil {
				return err
			}
		}
		return p.settle(ctx)
	})
	if err != nil {
		return nil, err
	}
	return back, nil
}

// undoKey is the key of the undo of the annotation at place i of those that go with one another.
func undoKey(key string, i int) string {
	if i == 0 {
		return key
	}
	return fmt.Sprintf("%s/%d", key, i)
}

// undone gives what an undo of this key took back before, nil where there was none.
func (p *appender) undone(ctx context.Context, annotator, key string) (back []label.Annotation, err error) {
	for i := 0; ; i++ {
		undo, err := byKey(ctx, p.tx, undoKey(key, i))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return back, nil
		case err != nil:
			return nil, err
		case undo.Verdict != label.Undone || undo.Annotator != annotator:
			return nil, label.Errorf(label.ErrConflict, "undo: the key %q is that of another annotation", undo.Key)
		}
		a, err := byID(ctx, p.tx, undo.Undoes)
		if err != nil {
			return nil, err
		}
		back = append(back, a)
	}
}

// newest gives the newest annotation of a person that was not taken back, and those that were made in one with it, the
// newest first.
func (p *appender) newest(ctx context.Context, annotator string) ([]label.Annotation, error) {
	var id int64
	err := p.tx.QueryRow(newest, annotator).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, label.Errorf(label.ErrNotFound, "undo: nothing of %s's is left to take back", annotator)
	}
	if err != nil {
		return nil, err
	}
	a, err := byID(ctx, p.tx, id)
	switch {
	case err != nil:
		return nil, err
	case strings.HasPrefix(a.Key, importKey):
		return nil, label.Errorf(label.ErrNotFound, "undo: nothing of %s's is left to take back", annotator)
	case a.Group == "":
		return []label.Annotation{a}, nil
	}
	return annotationsWhere(ctx, p.tx, `a.id IN (SELECT annotation_id FROM annotation_groups WHERE name = ?) AND n.name = ?
		AND NOT EXISTS (SELECT 1 FROM annotations u WHERE u.undoes = a.id) ORDER BY a.id DESC`, a.Group, annotator)
}

// newest is the newest annotation of a person that was not taken back.
const newest = `
	SELECT a.id FROM annotations a INDEXED BY annotations_by_annotator
	WHERE a.annotator_id = (SELECT id FROM annotators WHERE name = ?) AND a.verdict <> 'undone'
		AND NOT EXISTS (SELECT 1 FROM annotations u WHERE u.undoes = a.id)
	ORDER BY a.id DESC LIMIT 1`
