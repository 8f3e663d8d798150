package sqlite

import (
	"context"
	"database/sql"
)

// wordsBatch is how many items one transaction indexes: others may write in between.
const wordsBatch = 2_000

// IndexWords brings the index of words, which Search reads, up to the last item. Search does so itself; a server that
// begins with it spares its first reader the wait.
func (s *Store) IndexWords(ctx context.Context) error {
	for {
		var left bool
		err := s.write(ctx, "index the words of", func(tx *sql.Tx) error {
			var from, to int64
			err := tx.QueryRow(`SELECT w.item, coalesce((SELECT max(id) FROM (SELECT id FROM items WHERE id > w.item ORDER BY id LIMIT ?)), w.item)
				FROM words_indexed w`, wordsBatch).Scan(&from, &to)
			if left = to > from; err != nil || !left {
				return err
			}
			if _, err := tx.Exec(`INSERT INTO item_words (docid, text, pair, image)
				SELECT id, text, pair, image FROM items WHERE id > ? AND id <= ?`, from, to); err != nil {
				return err
			}
			_, err = tx.Exec("UPDATE words_indexed SET item = ?", to)
			return err
		})
		if err != nil || !left {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// wordsIndexed tells whether the index of words holds every item.
func (s *Store) wordsIndexed(ctx context.Context) (all bool, err error) {
	err = s.read(ctx, "read the index of words of", func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT item >= (SELECT coalesce(max(id), 0) FROM items) FROM words_indexed").Scan(&all)
	})
	return all, err
}
