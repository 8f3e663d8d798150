package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/labelloop/labelloop/internal/label"
)

// Search gives the numbers of the items that are wanted, in the order that is asked for. Labels that are not in the set are an
// error of kind label.ErrNotFound.
func (s *Store) Search(ctx context.Context, q label.Search) (found []int64, err error) {
	err = s.read(ctx, "search", func(tx *sql.Tx) error {
		var enough bool
		if q.Text != "" {
			if found, enough, err = parseText(q.Text).scan(ctx, tx, q); err != nil || enough {
				return err
			}
			if err = indexed(ctx, tx); err != nil {
				return err
			}
		}
		found, err = find(ctx, tx, q)
		return err
	})
	if !errors.Is(err, errNotIndexed) {
		return found, err
	}
	if err := s.IndexWords(ctx); err != nil {
		return nil, err
	}
	return s.Search(ctx, q)
}

// find gives what one query does.
func find(ctx context.Context, tx *sql.Tx, q label.Search) ([]int64, error) {
	b := search{Search: q, ctx: ctx, tx: tx}
	query, possible, err := b.query()
	if err != nil || !possible {
		return nil, err
	}
	return integers(ctx, tx, query, b.args...)
}

// search makes one query. It reads the index that promises the fewest items (its driver), and looks the others up; it
// touches no row of items, whose texts may be long.
type search struct {
	label.Search
	ctx    context.Context
	tx     *sql.Tx
	driver driver
	where  []string // conditions; the driver's is the first
	args   []any    // numbered parameters

	version int64  // ID of the model registered last, where it is asked for
	model   string // its parameter
}

// driver is a table, or a query, under a name that the look-ups do not use.
type driver struct {
	from string
	id   string // the item's number
	row  string // column that is in the order of the numbers
	to   string // makes what row holds of a number, %s
}

// numbered is a driver that holds the items' numbers in a column.
func numbered(from, column string) driver { return driver{from, column, column, "%s"} }

// bind gives the parameter of a value.
func (b *search) bind(value any) string {
	b.args = append(b.args, value)
	return fmt.Sprintf("?%d", len(b.args))
}

// want adds a condition: with a driver where there is none yet; else as a look-up, in which %s is the item's number.
func (b *search) want(d driver, where, lookup string) {
	if b.driver.from != "" {
		where = fmt.Sprintf(lookup, b.driver.id)
	} else {
		b.driver = d
	}
	b.where = append(b.where, where)
}

// query writes the query. It tells false where nothing can be found.
func (b *search) query() (query string, possible bool, err error) {
	rare, err := b.rare()
	if err != nil {
		return "", false, err
	}
	for _, part := range []func() (bool, error){
		b.words, b.labelled, b.disputed, b.annotator, b.queued,
		func() (bool, error) { return b.inState(rare) }, b.changed, b.predicted, func() (bool, error) { return b.inState(!rare) },
	} {
		if possible, err := part(); err != nil || !possible {
			return "", false, err
		}
	}
	if b.driver.from == "" {
		b.driver = numbered("items x", "x.id")
	}
	if b.driver.from == "items x" && b.Sort == label.AtRandom && !rare {
		b.driver.from += " INDEXED BY items_at_random" // SQLite would rather sort all items of a state
	}
	order := []string{b.driver.row}
	after := b.bind(b.After)
	behind := []string{fmt.Sprintf(b.driver.to, after)}
	if key := b.key(b.driver.id); key != "" {
		order, behind = append([]string{key}, order...), append([]string{b.key(after)}, behind...)
		if column := sorted[b.Sort]; b.driver.from == column.from {
			order[0] = column.name
		}
	}
	if b.After != 0 {
		b.where = append(b.where, "("+strings.Join(order, ", ")+") > ("+strings.Join(behind, ", ")+")")
	}
	query = "SELECT " + b.driver.id + " FROM " + b.driver.from
	if len(b.where) > 0 {
		query += " WHERE " + strings.Join(b.where, " AND ")
	}
	return query + " ORDER BY " + strings.Join(order, ", ") + " LIMIT " + b.bind(b.N), true, nil
}

// key is what an item is sorted by before its number; "": nothing.
func (b *search) key(item string) string {
	switch b.Sort {
	case label.AtRandom:
		return strings.ReplaceAll("(N * 2654435761 % 4294967291 * (N * 40503 % 65521 + 1) % 4294967291)", "N", item)
	case label.ByConfidence:
		return "(SELECT confidence FROM predictions WHERE id = (" + b.model + " << 40 | " + item + "))"
	case label.ByVersions:
		return "(SELECT overlap FROM model_disputes WHERE id = (" + b.model + " << 40 | " + item + "))"
	case label.ByPeople:
		return "(SELECT agreement FROM disputes WHERE item_id = " + item + ")"
	case label.ByQueue: // the entries of a round have their numbers in the order of their positions
		return "(SELECT max(id) FROM queue WHERE item_id = " + item + ")"
	}
	return ""
}

// sorted holds the columns of drivers that are in the order of a search, so that an index gives it.
var sorted = map[label.SearchOrder]struct{ from, name string }{
	label.ByConfidence: {predictions, "p.confidence"},
	label.ByVersions:   {"model_disputes x", "x.overlap"},
	label.ByPeople:     {"disputes x", "x.agreement"},
	label.ByQueue:      {"queue x", "x.id"},
}

func (b *search) words() (bool, error) {
	if b.Text == "" {
		return true, nil
	}
	words := parseText(b.Text)
	if len(words) == 0 {
		return false, nil
	}
	b.want(numbered("item_words x", "x.docid"), "x.item_words MATCH "+b.bind(words.match()), "")
	return true, nil
}

func (b *search) labelled() (bool, error) {
	if b.Label == "" {
		return true, nil
	}
	id, err := b.labelID(b.Label)
	if err != nil {
		return false, err
	}
	at := b.bind(id)
	b.want(numbered("item_labels x", "x.item_id"), "x.label_id = "+at,
		"EXISTS (SELECT 1 FROM item_labels WHERE label_id = "+at+" AND item_id = %s)")
	return true, nil
}

func (b *search) labelID(name string) (id int64, err error) {
	err = b.tx.QueryRowContext(b.ctx, "SELECT label_id FROM label_names WHERE name = ? AND until IS NULL", name).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = label.Errorf(label.ErrNotFound, "search: the label set has no label %q", name)
	}
	return id, err
}

func (b *search) disputed() (bool, error) {
	if b.Disputed {
		b.want(numbered("disputes x", "x.item_id"), "x.open", "EXISTS (SELECT 1 FROM disputes WHERE item_id = %s AND open)")
	}
	if b.Sort == label.ByPeople {
		b.want(numbered("disputes x", "x.item_id"), "true", "EXISTS (SELECT 1 FROM disputes WHERE item_id = %s)")
	}
	return true, nil
}

func (b *search) annotator() (bool, error) {
	if b.Annotator == "" {
		return true, nil
	}
	var id int64
	err := b.tx.QueryRowContext(b.ctx, "SELECT id FROM annotators WHERE name = ?", b.Annotator).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	at := b.bind(id)
	const kept = "a.verdict <> 'undone' AND NOT EXISTS (SELECT 1 FROM annotations u WHERE u.undoes = a.id)"
	b.want(numbered("(SELECT DISTINCT item_id FROM annotations a WHERE a.annotator_id = "+at+" AND "+kept+") x", "x.item_id"), "true",
		"EXISTS (SELECT 1 FROM annotations a WHERE a.item_id = %s AND a.annotator_id = "+at+" AND "+kept+")")
	return true, nil
}

func (b *search) queued() (bool, error) {
	if b.Reason != "" || b.Sort == label.ByQueue {
		reason := ""
		if b.Reason != "" {
			reason = " AND reason = " + b.bind(b.Reason)
		}
		b.want(numbered("queue x", "x.item_id"), "x.state = 'open'"+reason,
			"EXISTS (SELECT 1 FROM queue WHERE item_id = %s AND state = 'open'"+reason+")")
	}
	return true, nil
}

// changed are the items to which the model registered last and the one before it give other labels.
func (b *search) changed() (bool, error) {
	if !b.Changed && b.Sort != label.ByVersions {
		return true, nil
	}
	possible, err := b.newest()
	where := "x.id BETWEEN " + b.model + " << 40 AND (" + b.model + " + 1) << 40" // in the order of the numbers
	if b.Sort == label.ByVersions {
		where = "x.model_id = " + b.model
	}
	b.want(driver{"model_disputes x", fmt.Sprintf("(x.id & %d)", 1<<itemBits-1), "x.id", "(" + b.model + " << 40 | %s)"}, where,
		"EXISTS (SELECT 1 FROM model_disputes WHERE id = ("+b.model+" << 40 | %s))")
	return possible, err
}

// newest binds the model registered last, if there is one.
func (b *search) newest() (bool, error) {
	if b.model != "" {
		return true, nil
	}
	var model int64
	err := b.tx.QueryRowContext(b.ctx, "SELECT coalesce(max(id), 0) FROM models").Scan(&model)
	b.model, b.version = b.bind(model), model
	return model != 0, err
}

// few is how many items are sorted within some tens of milliseconds.
var few = 20_000 // but for tests

// rare tells whether few items have the state that is asked for.
func (b *search) rare() (bool, error) {
	if b.State == label.AnyState {
		return false, nil
	}
	var n int
	err := b.tx.QueryRowContext(b.ctx, "SELECT count(*) FROM (SELECT 1 FROM items WHERE state = ? LIMIT ?)", b.State, few+1).Scan(&n)
	return n <= few, err
}

func (b *search) inState(now bool) (bool, error) {
	if now && b.State != label.AnyState {
		at := b.bind(b.State)
		b.want(numbered("items x", "x.id"), "x.state = "+at, "(SELECT state FROM items WHERE id = %s) = "+at)
	}
	return true, nil
}

// predicted are the conditions on what the model says.
func (b *search) predicted() (bool, error) {
	ranged := b.Least > 0 || b.Most < 1
	if b.Predicted == "" && !ranged && b.Sort != label.ByConfidence {
		return true, nil
	}
	if possible, err := b.newest(); err != nil || !possible {
		return false, err
	}
	where := "p.confidence IS NOT NULL"
	if ranged {
		where = "p.confidence BETWEEN " + b.bind(b.Least) + " AND " + b.bind(b.Most)
	}
	if b.Predicted != "" {
		id, err := b.labelID(b.Predicted)
		if err != nil {
			return false, err
		}
		positions, err := integers(b.ctx, b.tx, "SELECT position FROM model_labels WHERE model_id = ? AND label_id = ?", b.version, id)
		if err != nil || len(positions) == 0 {
			return false, err
		}
		where += " AND p.position IN (" + strings.Join(strings.Fields(strings.Trim(fmt.Sprint(positions), "[]")), ", ") + ")"
	}
	b.want(driver{predictions, fmt.Sprintf("(p.id & %d)", 1<<itemBits-1), "p.id", "(" + b.model + " << 40 | %s)"},
		"p.model_id = "+b.model+" AND "+where,
		"EXISTS (SELECT 1 FROM predictions p WHERE p.id = ("+b.model+" << 40 | %s) AND "+where+")")
	return true, nil
}

// predictions is the driver of what the model says.
const predictions = "predictions p"
