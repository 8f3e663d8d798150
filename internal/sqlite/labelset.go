package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/labelloop/labelloop/internal/label"
)

// LabelSet gives the labels at a revision, or the present ones where revision is 0.
func (s *Store) LabelSet(ctx context.Context, revision int64) (label.LabelSet, error) {
	set := label.LabelSet{Revision: revision}
	err := s.read(ctx, "read the labels of", func(tx *sql.Tx) error {
		if revision == 0 {
			if err := tx.QueryRowContext(ctx, latestRevision).Scan(&set.Revision); err != nil {
				return err
			}
		}
		return each(ctx, tx, func(rows *sql.Rows) error {
			var l label.Label
			err := rows.Scan(&l.ID, &l.Name)
			set.Labels = append(set.Labels, l)
			return err
		}, `SELECT label_id, name FROM label_names WHERE since <= ?1 AND (until IS NULL OR until > ?1) ORDER BY label_id`, set.Revision)
	})
	return set, err
}

const latestRevision = "SELECT coalesce(max(id), 0) FROM label_changes"

// LabelChanges gives the history of the label set, the oldest change first.
func (s *Store) LabelChanges(ctx context.Context) ([]label.LabelChange, error) {
	var changes []label.LabelChange
	err := s.read(ctx, "read the label changes of", func(tx *sql.Tx) error {
		return each(ctx, tx, func(rows *sql.Rows) error {
			var c label.LabelChange
			var before, after []byte
			var at int64
			if err := rows.Scan(&c.Revision, &c.Kind, &before, &after, &c.By, &at, &c.Items); err != nil {
				return err
			}
			c.At = moment(at)
			changes = append(changes, c)
			last := &changes[len(changes)-1]
			if err := json.Unmarshal(before, &last.Before); err != nil {
				return err
			}
			return json.Unmarshal(after, &last.After)
		}, "SELECT id, kind, before, after, author, at, items FROM label_changes ORDER BY id")
	})
	return changes, err
}

// AddLabels adds labels at the end of the set. Names that it holds already are left as they are; where it holds all of
// them there is no change, and the revision is 0.
func (s *Store) AddLabels(ctx context.Context, by string, names ...string) (label.LabelChange, error) {
	return s.change(ctx, label.AddLabels, by, nil, names, func(c *change) error {
		c.After = nil
		for _, name := range names {
			if _, err := c.find(name); err == nil || slices.Contains(c.After, name) {
				continue
			}
			c.After = append(c.After, name)
		}
		return c.add(c.After...)
	})
}

// RenameLabel gives a label another name. Annotations follow.
func (s *Store) RenameLabel(ctx context.Context, by, from, to string) (label.LabelChange, error) {
	return s.change(ctx, label.RenameLabel, by, []string{from}, []string{to}, func(c *change) error {
		id, err := c.find(from)
		if err != nil {
			return err
		}
		if _, err := c.find(to); err == nil {
			return label.Errorf(label.ErrConflict, "rename label %q: there is a label %q already; merge them instead", from, to)
		}
		if err := c.run("UPDATE label_names SET until = ?1 WHERE label_id = ?2 AND until IS NULL", c.Revision, id); err != nil {
			return err
		}
		if err := c.touch("SELECT count(*) FROM item_labels WHERE label_id = ?", id); err != nil {
			return err
		}
		return c.name(id, to)
	})
}

// MergeLabels makes labels one with another of the set: what had one of them has that one now.
func (s *Store) MergeLabels(ctx context.Context, by string, from []string, into string) (label.LabelChange, error) {
	return s.change(ctx, label.MergeLabels, by, from, []string{into}, func(c *change) error {
		to, err := c.find(into)
		if err != nil {
			return err
		}
		for _, name := range from {
			id, err := c.find(name)
			if err != nil {
				return err
			}
			if id == to {
				return label.Errorf(label.ErrUsage, "merge label %q: it can't become itself", name)
			}
			if err := c.retire(id, "merged", to); err != nil {
				return err
			}
			for _, query := range []string{
				"UPDATE labels SET becomes = ?1 WHERE becomes = ?2",
				"UPDATE model_labels SET label_id = ?1 WHERE label_id = ?2",
				"INSERT OR IGNORE INTO item_labels SELECT ?1, item_id FROM item_labels WHERE label_id = ?2",
				"DELETE FROM item_labels WHERE label_id <> ?1 AND label_id = ?2",
			} {
				if err := c.run(query, to, id); err != nil {
					return err
				}
			}
		}
		disputed, err := integers(ctx, c.tx, "SELECT item_id FROM disputes")
		if err != nil {
			return err
		}
		for _, item := range disputed { // the answers may agree now
			if err := settle(c.tx, settlingDispute, item); err != nil {
				return err
			}
		}
		return nil
	})
}

// SplitLabel puts new labels in the place of one. Only a person can tell which of them an item has: what had the old one
// is stale.
func (s *Store) SplitLabel(ctx context.Context, by, from string, into ...string) (label.LabelChange, error) {
	return s.change(ctx, label.SplitLabel, by, []string{from}, into, func(c *change) error {
		id, err := c.find(from)
		if err != nil {
			return err
		}
		if err := c.drop(id, "split", true); err != nil {
			return err
		}
		return c.add(into...)
	})
}

// DeleteLabel takes a label out of the set. With several labels an item may keep others; where it had only this one, in a
// project of one label each, it is stale.
func (s *Store) DeleteLabel(ctx context.Context, by, name string) (label.LabelChange, error) {
	return s.change(ctx, label.DeleteLabel, by, []string{name}, nil, func(c *change) error {
		id, err := c.find(name)
		if err != nil {
			return err
		}
		return c.drop(id, "deleted", !s.project.MultiLabel)
	})
}

// change is a change of the label set under way.
type change struct {
	label.LabelChange
	tx *sql.Tx
}

// change makes a change and its record in one transaction.
func (s *Store) change(ctx context.Context, kind label.LabelChangeKind, by string, before, after []string, work func(*change) error) (label.LabelChange, error) {
	c := &change{LabelChange: label.LabelChange{Kind: kind, Before: before, After: after, By: by}}
	for _, name := range after {
		if name == "" || strings.TrimSpace(name) != name {
			return label.LabelChange{}, label.Errorf(label.ErrUsage, "label %q is empty or has spaces around it", name)
		}
	}
	if by == "" {
		return label.LabelChange{}, label.Errorf(label.ErrUsage, "%s labels: say who does it", kind)
	}
	err := s.write(ctx, string(kind)+" labels of", func(tx *sql.Tx) error {
		c.tx = tx
		at := now()
		c.At = moment(at)
		if err := tx.QueryRow(latestRevision).Scan(&c.Revision); err != nil {
			return err
		}
		c.Revision++
		if err := work(c); err != nil {
			return err
		}
		if len(c.Before)+len(c.After) == 0 {
			c.Revision = 0
			return nil
		}
		return c.run("INSERT INTO label_changes VALUES (?, ?, ?, ?, ?, ?, ?)",
			c.Revision, kind, list(c.Before), list(c.After), by, at, c.Items)
	})
	return c.LabelChange, err
}

func (c *change) run(query string, args ...any) error {
	_, err := c.tx.Exec(query, args...)
	return err
}

// touch adds to the number of items that the change touched.
func (c *change) touch(query string, args ...any) error {
	var n int
	err := c.tx.QueryRow(query, args...).Scan(&n)
	c.Items += n
	return err
}

func (c *change) find(name string) (int64, error) {
	var id int64
	err := c.tx.QueryRow("SELECT label_id FROM label_names WHERE name = ? AND until IS NULL", name).Scan(&id)
	if err == sql.ErrNoRows {
		return 0, label.Errorf(label.ErrNotFound, "the label set has no label %q", name)
	}
	return id, err
}

func (c *change) add(names ...string) error {
	for _, name := range names {
		if _, err := c.find(name); err == nil {
			return label.Errorf(label.ErrConflict, "add label %q: it is there already", name)
		}
		added, err := c.tx.Exec("INSERT INTO labels DEFAULT VALUES")
		if err != nil {
			return err
		}
		id, err := added.LastInsertId()
		if err != nil {
			return err
		}
		if err := c.name(id, name); err != nil {
			return err
		}
	}
	return nil
}

// name gives a label a name from this revision on.
func (c *change) name(id int64, name string) error {
	return c.run("INSERT INTO label_names (name, label_id, since) VALUES (?, ?, ?)", name, id, c.Revision)
}

// retire ends a label; its name is free again.
func (c *change) retire(id int64, state string, becomes any) error {
	if err := c.touch("SELECT count(*) FROM item_labels WHERE label_id = ?", id); err != nil {
		return err
	}
	if err := c.run("UPDATE labels SET state = ?, becomes = ? WHERE id = ?", state, becomes, id); err != nil {
		return err
	}
	return c.run("UPDATE label_names SET until = ? WHERE label_id = ? AND until IS NULL", c.Revision, id)
}

// drop retires a label that becomes no other one. Where stale is set its items need another look; they lose what other
// labels they have, for nobody said that these are all.
func (c *change) drop(id int64, state string, stale bool) error {
	if err := c.retire(id, state, nil); err != nil {
		return err
	}
	if !stale {
		return c.run("DELETE FROM item_labels WHERE label_id = ?", id)
	}
	err := c.run("UPDATE items SET state = 'stale' WHERE id IN (SELECT item_id FROM item_labels WHERE label_id = ?)", id)
	if err != nil {
		return err
	}
	return c.run("DELETE FROM item_labels WHERE item_id IN (SELECT item_id FROM item_labels WHERE label_id = ?)", id)
}

// list is a JSON list of names.
func list(names []string) string {
	if names == nil {
		names = []string{}
	}
	text, err := json.Marshal(names)
	if err != nil {
		panic(fmt.Sprintf("strings are no JSON: %v", err)) // they always are
	}
	return string(text)
}
