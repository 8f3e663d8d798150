package sqlite

import (
	"context"
	"database/sql"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labelloop/labelloop/internal/label"
)

// textQuery are the words that are looked for: all of them, in any order.
type textQuery []queryWord

type queryWord struct {
	text  string
	begun bool // it may go on
}

// shortestBeginning is how many characters of a word must stand before its rest is guessed: shorter ones are those of too
// many words.
const shortestBeginning = 3

// parseText takes the words out of what a person wrote. The last one is perhaps begun only.
func parseText(text string) (q textQuery) {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '"' || r == '*' }) {
		if strings.ContainsFunc(word, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }) {
			q = append(q, queryWord{text: word})
		}
	}
	if n := len(q); n > 0 {
		q[n-1].begun = utf8.RuneCountInString(q[n-1].text) >= shortestBeginning
	}
	return q
}

// match is the expression of full-text search. Quoted, a word is no operator.
func (q textQuery) match() string {
	words := make([]string, len(q))
	for i, word := range q {
		if words[i] = word.text; word.begun {
			words[i] += "*"
		}
		words[i] = `"` + words[i] + `"`
	}
	return strings.Join(words, " ")
}

// scanned is how many items are looked at for each that is wanted. Where fewer have the words, the index of words gives
// them all sooner than they would turn up.
const scanned = 20

// scan looks for the words among the first items that pass the other conditions, in the order that is asked for. The index
// of words finds items in the order of their numbers alone: of a word that most items have it would give most items, to be
// sorted for the few that are wanted. It tells false where the items that were looked at do not suffice.
func (q textQuery) scan(ctx context.Context, tx *sql.Tx, s label.Search) (found []int64, enough bool, err error) {
	var conditions []string
	args := []any{nil}
	for _, word := range q {
		list, err := tokens(ctx, tx, word.text)
		if err != nil || len(list) != 1 {
			return nil, false, err // a phrase, such as e-mail
		}
		is := "token = ?"
		if word.begun {
			is = "token GLOB ? || '*'" // a token holds no character that GLOB knows
		}
		args = append(args, list[0])
		conditions = append(conditions, "EXISTS (SELECT 1 FROM words_of WHERE input = i.text || ' ' || i.pair || ' ' || i.image AND "+is+")")
	}
	others := s
	others.Text, others.N = "", scanned*s.N
	candidates, err := find(ctx, tx, others)
	if err != nil || len(q) == 0 {
		return nil, false, err
	}
	args[0] = listed(candidates)
	found, err = integers(ctx, tx, "SELECT i.id FROM json_each(?1) c CROSS JOIN items i ON i.id = c.value WHERE "+
		strings.Join(conditions, " AND ")+" LIMIT ?", append(args, s.N)...)
	return found, len(found) == s.N || len(candidates) < others.N, err
}

// tokens gives the words of a text as the index has them: in small letters, without diacritics.
func tokens(ctx context.Context, tx *sql.Tx, text string) (list []string, err error) {
	err = each(ctx, tx, func(rows *sql.Rows) error {
		list = append(list, "")
		return rows.Scan(&list[len(list)-1])
	}, "SELECT token FROM words_of WHERE input = ?", text)
	return list, err
}
