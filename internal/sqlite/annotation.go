package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/labelloop/labelloop/internal/label"
)

// Annotate appends an annotation, brings the item's state up to date and answers the entry of the queue that it stands in,
// in one transaction. It gives the annotation as it is kept. Sent again with the same key, it changes nothing and gives
// the one that is kept; with the same key but another content it is an error of kind label.ErrConflict. Labels are looked
// up by the names that they had at a.Revision, so that a person may finish what was begun before a change of the label
// set; of labels that were split or deleted since, the item becomes stale.
func (s *Store) Annotate(ctx context.Context, a label.Annotation) (kept label.Annotation, err error) {
	err = s.write(ctx, "annotate in", func(tx *sql.Tx) error {
		p, err := newAppender(tx, s.project)
		if err == nil {
			kept, err = p.annotate(ctx, a)
		}
		if err == nil {
			err = p.settle(ctx)
		}
		return err
	})
	return kept, err
}

// AnnotateAll is Annotate for many at once, in one transaction. It gives the error of each annotation that can't be taken,
// which keeps none of the others back; nil for one that was, whose ID is set in the list.
func (s *Store) AnnotateAll(ctx context.Context, list []label.Annotation) ([]error, error) {
	refused := make([]error, len(list))
	err := s.write(ctx, "annotate in", func(tx *sql.Tx) error {
		p, err := newAppender(tx, s.project)
		if err != nil {
			return err
		}
		for i, a := range list {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			kept, err := p.annotate(ctx, a)
			told := advised(err)
			if list[i].ID = kept.ID; errors.Is(told, label.ErrUsage) || errors.Is(told, label.ErrNotFound) || errors.Is(told, label.ErrConflict) {
				refused[i] = told
			} else if err != nil {
				return err
			}
		}
		return p.settle(ctx)
	})
	return refused, err
}

// appender appends annotations in one transaction, at the end of which their items are settled.
type appender struct {
	tx       *sql.Tx
	project  label.Project
	revision int64            // of the present label set
	labels   map[string]int64 // of the present label set, as far as looked up
	people   map[string]int64
	touched  []int64 // items that are to be settled
}

func newAppender(tx *sql.Tx, project label.Project) (*appender, error) {
	a := &appender{tx: tx, project: project, labels: map[string]int64{}, people: map[string]int64{}}
	return a, tx.QueryRow(latestRevision).Scan(&a.revision)
}

// label finds a label by the name that it had at a revision.
func (p *appender) label(name string, revision int64) (int64, error) {
	id, known := p.labels[name]
	if known && revision == p.revision {
		return id, nil
	}
	err := p.tx.QueryRow(`SELECT label_id FROM label_names WHERE name = ?1 AND since <= ?2 AND (until IS NULL OR until > ?2)`,
		name, revision).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, label.Errorf(label.ErrNotFound, "the label set has no label %q; add it first", name)
	}
	if err == nil && revision == p.revision {
		p.labels[name] = id
	}
	return id, err
}

// annotator finds a person, or enters one who is new.
func (p *appender) annotator(name string) (int64, error) {
	id, known := p.people[name]
	if known {
		return id, nil
	}
	id, err := annotatorID(p.tx, name)
	if err == nil {
		p.people[name] = id
	}
	return id, err
}

func annotatorID(tx *sql.Tx, name string) (id int64, err error) {
	if _, err := tx.Exec("INSERT INTO annotators (name) VALUES (?) ON CONFLICT DO NOTHING", name); err != nil {
		return 0, err
	}
	err = tx.QueryRow("SELECT id FROM annotators WHERE name = ?", name).Scan(&id)
	return id, err
}

// annotate takes a person's annotation, unless it is there already. An error of a kind leaves no annotation behind.
func (p *appender) annotate(ctx context.Context, a label.Annotation) (label.Annotation, error) {
	if err := a.Check(p.project); err != nil {
		return a, err
	}
	there, err := byKey(ctx, p.tx, a.Key)
	switch {
	case err == nil && !there.Same(a):
		return a, label.Errorf(label.ErrConflict, "annotate item %d: the key %q is that of another annotation, of item %d by %s",
			a.Item, a.Key, there.Item, there.Annotator)
	case err == nil:
		return there, nil
	case !errors.Is(err, sql.ErrNoRows):
		return a, err
	}
	kept, err := p.append(a)
	if err != nil {
		return a, err
	}
	return kept, p.answer(kept)
}

// append appends an annotation.
func (p *appender) append(a label.Annotation) (label.Annotation, error) {
	if a.Revision == 0 {
		a.Revision = p.revision
	}
	if a.Revision > p.revision {
		return a, label.Errorf(label.ErrUsage, "annotate item %d: the label set is at revision %d, not yet at %d", a.Item, p.revision, a.Revision)
	}
	if a.At.IsZero() {
		a.At = time.Now()
	}
	a.At, a.Took = moment(a.At.UnixMilli()), a.Took.Truncate(time.Millisecond)
	labels := make([]int64, len(a.Labels))
	for i, name := range a.Labels {
		var err error
		if labels[i], err = p.label(name, a.Revision); err != nil {
			return a, fmt.Errorf("annotate item %d: %w", a.Item, err)
		}
	}
	annotator, err := p.annotator(a.Annotator)
	if err != nil {
		return a, err
	}
	var suggestion any
	if a.Suggestion != nil {
		suggestion = list(a.Suggestion)
	}
	res, err := p.tx.Exec(`
		INSERT INTO annotations
			(key, item_id, annotator_id, at, took, verdict, note, suggestion, model_id, round_id, revision, undoes)
		SELECT ?, id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM items WHERE id = ?`,
		a.Key, annotator, a.At.UnixMilli(), a.Took.Milliseconds(), a.Verdict, a.Note, suggestion, optional(a.Model), optional(a.Round),
		a.Revision, optional(a.Undoes), a.Item)
	if err != nil {
		return a, err
	}
	if n, err := res.RowsAffected(); err != nil {
		return a, err
	} else if n == 0 {
		return a, label.Errorf(label.ErrNotFound, "annotate item %d: there is no such item", a.Item)
	}
	if a.ID, err = res.LastInsertId(); err != nil {
		return a, err
	}
	for i, name := range a.Labels {
		if _, err := p.tx.Exec("INSERT INTO annotation_labels VALUES (?, ?, ?, ?)", a.ID, i, labels[i], name); err != nil {
			return a, err
		}
	}
	if a.Group != "" {
		if _, err := p.tx.Exec("INSERT INTO annotation_groups VALUES (?, ?)", a.ID, a.Group); err != nil {
			return a, err
		}
	}
	p.touched = append(p.touched, a.Item)
	return a, nil
}

// settle brings the states and the labels that are kept with items up to date with their annotations. An item takes as long as
// it has annotations: once for each of them would be too long where many are of one item.
func (p *appender) settle(ctx context.Context) error {
	slices.Sort(p.touched)
	for _, item := range slices.Compact(p.touched) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := settle(p.tx, settling, item); err != nil {
			return err
		}
	}
	return nil
}

func settle(tx *sql.Tx, queries []string, item int64) error {
	for _, query := range queries {
		if _, err := tx.Exec(query, item); err != nil {
			return err
		}
	}
	return nil
}

// The number is no bare parameter where a view is asked: SQLite would make a new plan whenever another value is bound to
// one that it can't look up in an index, which takes longer than the query.
var settling = append([]string{
	`UPDATE items SET
		(state, annotation_id) = (SELECT coalesce(max(state), ''), max(annotation_id) FROM item_states WHERE item_id = ?1 + 0)
	 WHERE id = ?1`,
	`DELETE FROM item_labels WHERE item_id = ?`,
	`INSERT INTO item_labels SELECT label_id, item_id FROM item_label_states WHERE item_id = ? + 0`,
}, settlingDispute...)

// settlingDispute tells anew whether people agree on an item.
var settlingDispute = []string{
	`DELETE FROM disputes WHERE item_id = ?`,
	`INSERT INTO disputes ` + disputed("WHERE item_id = ? + 0"),
}

// disputed gives the rows of the table disputes for the answers that a condition lets pass. SQLite hands no condition down
// through two levels of grouping, so this is no view. Of equal answers again is that of the newest.
func disputed(where string) string {
	return `SELECT item_id, 1.0 * max(same) / sum(same) AS agreement,
			coalesce(max(id) = max(CASE WHEN same = 1 AND NOT again THEN id END), 0) AS open
		FROM (SELECT item_id, count(*) AS same, again, max(id) AS id FROM answers ` + where + ` GROUP BY item_id, said)
		GROUP BY item_id HAVING count(*) > 1`
}

// optional is NULL for 0.
func optional(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

// Annotations gives all annotations in the order in which they were made, those that were taken back included, that come
// after the one of the given ID.
func (s *Store) Annotations(ctx context.Context, after int64) iter.Seq2[label.Annotation, error] {
	return paged(func(last label.Annotation) ([]label.Annotation, error) {
		return s.annotations(ctx, "a.id > ? ORDER BY a.id LIMIT ?", max(after, last.ID), pageRows)
	})
}

// AnnotationsOf gives the annotations of an item, the oldest first.
func (s *Store) AnnotationsOf(ctx context.Context, item int64) ([]label.Annotation, error) {
	return s.annotations(ctx, "a.item_id = ? ORDER BY a.id", item)
}

// StandingOf gives what Standing does, of some items.
func (s *Store) StandingOf(ctx context.Context, items []int64) ([]label.Annotation, error) {
	return s.annotations(ctx, `a.id IN (SELECT id FROM standing WHERE item_id IN (SELECT value FROM json_each(?)))
		ORDER BY a.item_id, a.annotator_id`, listed(items))
}

// Standing gives what stands of each person's word on each item: the newest annotation that was not taken back, in the
// order of items and of annotators' first appearance.
func (s *Store) Standing(ctx context.Context) ([]label.Annotation, error) {
	return s.annotations(ctx, "a.id IN (SELECT id FROM standing) ORDER BY a.item_id, a.annotator_id")
}

func (s *Store) annotations(ctx context.Context, where string, args ...any) (list []label.Annotation, err error) {
	err = s.read(ctx, "read the annotations of", func(tx *sql.Tx) error {
		list, err = annotationsWhere(ctx, tx, where, args...)
		return err
	})
	return list, err
}

func byKey(ctx context.Context, tx *sql.Tx, key string) (label.Annotation, error) {
	return one(annotationsWhere(ctx, tx, "a.key = ?", key))
}

func byID(ctx context.Context, tx *sql.Tx, id int64) (label.Annotation, error) {
	return one(annotationsWhere(ctx, tx, "a.id = ?", id))
}

func one(list []label.Annotation, err error) (label.Annotation, error) {
	if err == nil && len(list) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return label.Annotation{}, err
	}
	return list[0], nil
}

func annotationsWhere(ctx context.Context, tx *sql.Tx, where string, args ...any) ([]label.Annotation, error) {
	var list []label.Annotation
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var a label.Annotation
		var at, took int64
		var suggestion, labels []byte
		err := rows.Scan(&a.ID, &a.Key, &a.Item, &a.Annotator, &at, &took, &a.Verdict, &a.Note, &suggestion,
			&a.Model, &a.Round, &a.Revision, &a.Undoes, &labels, &a.Group)
		if err != nil {
			return err
		}
		a.At, a.Took = moment(at), time.Duration(took)*time.Millisecond
		if suggestion != nil {
			err = json.Unmarshal(suggestion, &a.Suggestion)
		}
		if err == nil && len(labels) > len("[]") {
			err = json.Unmarshal(labels, &a.Labels)
		}
		list = append(list, a)
		return err
	}, `SELECT a.id, a.key, a.item_id, n.name, a.at, a.took, a.verdict, a.note, a.suggestion,
			coalesce(a.model_id, 0), coalesce(a.round_id, 0), a.revision, coalesce(a.undoes, 0),
			(SELECT json_group_array(name ORDER BY position) FROM annotation_labels WHERE annotation_id = a.id),
			coalesce((SELECT name FROM annotation_groups WHERE annotation_id = a.id), '')
		FROM annotations a JOIN annotators n ON n.id = a.annotator_id WHERE `+where, args...)
	return list, err
}
