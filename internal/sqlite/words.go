package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// wordsBatch is how many items one transaction indexes. It is short, and followed by a pause, wordsPause times as long as it
// took with its wait, since people may decide meanwhile.
const (
	wordsBatch = 100
	wordsPause = 3
)

// The index is a row of segments, which are merged from time to time. A little with each transaction takes longer in all
// than many at once, but nobody waits a second for it.
const mergeLittle = "INSERT INTO item_words (item_words) VALUES ('automerge=4')"

// IndexWords brings the index of words, which Search reads, up to the last item. Search does so itself; a server that
// begins with it spares its first reader the wait.
func (s *Store) IndexWords(ctx context.Context) error {
	for {
		begun := time.Now()
		left, err := s.indexSomeWords(ctx)
		if err != nil || !left {
			return err
		}
		select {
		case <-time.After(wordsPause * time.Since(begun)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// indexSomeWords indexes the next items, and tells whether there were any.
func (s *Store) indexSomeWords(ctx context.Context) (more bool, err error) {
	err = s.write(ctx, "index the words of", func(tx *sql.Tx) error {
		var from, to int64
		err := tx.QueryRow(`SELECT w.item, coalesce((SELECT max(id) FROM (SELECT id FROM items WHERE id > w.item ORDER BY id LIMIT ?)), w.item)
			FROM words_indexed w`, wordsBatch).Scan(&from, &to)
		if more = to > from; err != nil || !more {
			return err
		}
		if _, err := tx.Exec(mergeLittle); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO item_words (docid, text, pair, image)
			SELECT id, text, pair, image FROM items WHERE id > ? AND id <= ?`, from, to); err != nil {
			return err
		}
		_, err = tx.Exec("UPDATE words_indexed SET item = ?", to)
		return err
	})
	return more, err
}

// errNotIndexed tells that items wait to be indexed.
var errNotIndexed = errors.New("the index of words lacks items")

// indexed is an error unless the index of words holds every item.
func indexed(ctx context.Context, tx *sql.Tx) error {
	var all bool
	err := tx.QueryRowContext(ctx, "SELECT item >= (SELECT coalesce(max(id), 0) FROM items) FROM words_indexed").Scan(&all)
	if err == nil && !all {
		err = errNotIndexed
	}
	return err
}
