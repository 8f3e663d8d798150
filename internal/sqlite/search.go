package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labelloop/labelloop/internal/label"
)

// Search gives the numbers of the items that are wanted, in the order that is asked for. Labels that are not in the set are an
// error of kind label.ErrNotFound.
func (s *Store) Search(ctx context.Context, q label.Search) (found []int64, err error) {
	if q.Text != "" {
		if all, err := s.wordsIndexed(ctx); err != nil {
			return nil, err
		} else if !all {
			if err := s.IndexWords(ctx); err != nil {
				return nil, err
			}
		}
	}
	err = s.read(ctx, "search", func(tx *sql.Tx) error {
		b := search{Search: q, ctx: ctx, tx: tx}
		query, possible, err := b.query()
		if err == nil && possible {
			found, err = integers(ctx, tx, query, b.args...)
		}
		return err
	})
	return found, err
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
	model  string   // parameter with the ID of the model registered last
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
	rare := b.State != label.Unlabelled // people bring about the other states: there are seldom many such items
	for _, part := range []func() (bool, error){
		b.words, b.labelled, b.disputed, b.annotator, b.reason,
		func() (bool, error) { return b.inState(rare) }, b.predicted, func() (bool, error) { return b.inState(!rare) },
	} {
		if possible, err := part(); err != nil || !possible {
			return "", false, err
		}
	}
	if b.driver.from == "" {
		b.driver = numbered("items x", "x.id")
	}
	order := []string{b.driver.row}
	after := b.bind(b.After)
	behind := []string{fmt.Sprintf(b.driver.to, after)}
	if key := b.key(b.driver.id); key != "" {
		order, behind = append([]string{key}, order...), append([]string{b.key(after)}, behind...)
		if b.driver.from == predictions && b.Sort == label.ByConfidence {
			order[0] = "p.confidence"
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
	}
	return ""
}

func (b *search) words() (bool, error) {
	if b.Text == "" {
		return true, nil
	}
	match := matching(b.Text)
	if match == "" {
		return false, nil
	}
	b.want(numbered("item_words x", "x.docid"), "x.item_words MATCH "+b.bind(match), "")
	return true, nil
}

// shortestBeginning is how many characters of a word must stand before its rest is guessed: shorter ones are those of too
// many words.
const shortestBeginning = 3

// matching makes an expression of full-text search for the words of a text: all of them, the last one perhaps begun only.
// Quoted, a word is no operator.
func matching(text string) string {
	var words []string
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '"' || r == '*' }) {
		if strings.ContainsFunc(word, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }) {
			words = append(words, word)
		}
	}
	if n := len(words); n > 0 && utf8.RuneCountInString(words[n-1]) >= shortestBeginning {
		words[n-1] += "*"
	}
	for i, word := range words {
		words[i] = `"` + word + `"`
	}
	return strings.Join(words, " ")
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

// contested gives the items on which people's standing answers differ, nobody shares the newest one, and who gave it had not
// answered before: to look again settles it. Who passes says nothing.
const contested = `
	SELECT item_id FROM (
		SELECT item_id, same, again, max(id), count(*) AS answers FROM (
			SELECT item_id, id, again, count(*) OVER (PARTITION BY item_id, said) AS same FROM (
				SELECT s.item_id, s.id,
					CASE WHEN s.verdict IN ('accepted', 'corrected')
						THEN (SELECT json_group_array(label_id ORDER BY label_id) FROM present_labels p WHERE p.annotation_id = s.id)
						ELSE s.verdict END AS said,
					EXISTS (SELECT 1 FROM annotations b
						WHERE b.item_id = s.item_id AND b.annotator_id = s.annotator_id AND b.id < s.id AND b.verdict NOT IN ('undone', 'skipped')
							AND NOT EXISTS (SELECT 1 FROM annotations u WHERE u.undoes = b.id)) AS again
				FROM standing s
				WHERE s.verdict <> 'skipped' AND s.item_id IN (
					SELECT item_id FROM annotations GROUP BY item_id HAVING min(annotator_id) <> max(annotator_id))))
		GROUP BY item_id)
	WHERE answers > 1 AND same = 1 AND NOT again`

func (b *search) disputed() (bool, error) {
	if b.Disputed {
		b.want(numbered("("+contested+") x", "x.item_id"), "true", "%s IN ("+contested+")")
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

func (b *search) reason() (bool, error) {
	if b.Reason != "" {
		at := b.bind(b.Reason)
		b.want(numbered("queue x", "x.item_id"), "x.state = 'open' AND x.reason = "+at,
			"EXISTS (SELECT 1 FROM queue WHERE item_id = %s AND state = 'open' AND reason = "+at+")")
	}
	return true, nil
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
	var model int64
	if err := b.tx.QueryRowContext(b.ctx, "SELECT coalesce(max(id), 0) FROM models").Scan(&model); err != nil || model == 0 {
		return false, err
	}
	b.model = b.bind(model)
	where := "p.confidence IS NOT NULL"
	if ranged {
		where = "p.confidence BETWEEN " + b.bind(b.Least) + " AND " + b.bind(b.Most)
	}
	if b.Predicted != "" {
		id, err := b.labelID(b.Predicted)
		if err != nil {
			return false, err
		}
		positions, err := integers(b.ctx, b.tx, "SELECT position FROM model_labels WHERE model_id = ? AND label_id = ?", model, id)
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

// predictions is the driver that is sorted by confidence, too.
const predictions = "predictions p"
