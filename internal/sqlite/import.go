package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/labelloop/labelloop/internal/label"
)

// ImportBatch is a good number of items for one Import: enough that the disk waits once for many, few enough to be done
// within a second.
const ImportBatch = 10_000

// importKey is how the keys of annotations begin that an import took over.
const importKey = "import/"

// Import puts a batch of items, in one transaction. Content that is there already makes no second item: from the same
// place it is known, from another place it is a duplicate, which is reported once and kept on record. So a batch may be
// imported again, and an import that was killed goes on from its beginning.
//
// Known labels of an item (Gold) become an annotation of the annotator by, the first time that by has any for the item;
// where by is "" they are left aside. An item with an unknown label, or one that could not be read, is reported in Failed,
// and not imported.
//
// It gives the number of each item, that of the one which is kept for a known one and a duplicate; 0 for one that failed.
func (s *Store) Import(ctx context.Context, items []label.Item, split label.Split, by string) (report label.ImportReport, numbers []int64, err error) {
	digests := make([][]byte, len(items)) // made before the transaction, which others wait for
	for i, it := range items {
		if ctx.Err() != nil {
			return report, nil, ctx.Err()
		}
		err := it.Err
		if err == nil {
			var digest [32]byte
			digest, err = it.Digest()
			digests[i] = digest[:]
		}
		if err != nil {
			digests[i] = nil
			report.Failed = append(report.Failed, err)
		}
	}
	numbers = make([]int64, len(items))
	err = s.write(ctx, "import into", func(tx *sql.Tx) error {
		b := importer{tx: tx, project: s.project, split: split, by: by, at: now(), report: &report}
		if err := b.prepare(); err != nil {
			return err
		}
		for i, it := range items {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if digests[i] == nil {
				continue
			}
			if numbers[i], err = b.put(it, digests[i]); err != nil {
				return it.Place.Errorf("%w", err)
			}
		}
		if b.appender == nil {
			return nil
		}
		return b.appender.settle(ctx)
	})
	if err != nil {
		return label.ImportReport{}, nil, err
	}
	return report, numbers, nil
}

// importer is one batch.
type importer struct {
	tx       *sql.Tx
	project  label.Project
	split    label.Split
	by       string
	at       int64
	report   *label.ImportReport
	item     *sql.Stmt
	appender *appender // of known labels; nil where there is no annotator
}

func (b *importer) prepare() (err error) {
	b.item, err = b.tx.Prepare(`
		INSERT INTO items (source_id, text, pair, image, meta, file, line, digest, imported, split)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING`)
	if err == nil && b.by != "" {
		b.appender, err = newAppender(b.tx, b.project)
	}
	return err
}

func (b *importer) put(it label.Item, digest []byte) (number int64, err error) {
	if b.appender == nil {
		it.Gold = nil
	}
	if err := b.check(it); err != nil {
		b.report.Failed = append(b.report.Failed, it.Place.Errorf("%w", err))
		return 0, nil
	}
	meta, err := encode(it.Meta)
	if err != nil {
		return 0, err
	}
	res, err := b.item.Exec(it.ID, it.Text, it.Pair, it.Image, meta, it.Place.File, it.Place.Line, digest, b.at, b.split)
	if err != nil {
		return 0, err
	}
	added, err := res.RowsAffected()
	if err != nil {
		return 0, err
	}
	if added > 0 {
		b.report.Added++
		number, err = res.LastInsertId()
	} else {
		number, err = b.again(it, digest, meta)
	}
	if err == nil && it.Gold != nil {
		err = b.annotate(it, number, added > 0)
	}
	return number, err
}

// check tells why an item's known labels can't be taken.
func (b *importer) check(it label.Item) error {
	if !b.project.MultiLabel && len(it.Gold) > 1 {
		return fmt.Errorf("%d labels %q in a project of one label each", len(it.Gold), it.Gold)
	}
	for _, name := range it.Gold {
		if _, err := b.appender.label(name, b.appender.revision); err != nil {
			return err
		}
	}
	return nil
}

// again records that an item's content stands at another place.
func (b *importer) again(it label.Item, digest []byte, meta any) (number int64, err error) {
	var first label.Place
	var id string
	err = b.tx.QueryRow("SELECT id, file, line, source_id FROM items WHERE digest = ?", digest).Scan(&number, &first.File, &first.Line, &id)
	if err != nil {
		return 0, err
	}
	if first == it.Place || id == it.ID && id != "" { // read again, or exported and brought back
		b.report.Known++
		return number, nil
	}
	res, err := b.tx.Exec("INSERT INTO copies VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		number, it.Place.File, it.Place.Line, it.ID, list(it.Gold), meta)
	if err != nil {
		return 0, err
	}
	recorded, err := res.RowsAffected()
	if recorded == 0 {
		b.report.Known++
	} else {
		b.report.Duplicates = append(b.report.Duplicates, label.Duplicate{Number: number, First: first, Again: it.Place})
	}
	return number, err
}

// annotate takes an item's known labels as the importing annotator's. A new item has no annotations, and is in no queue.
func (b *importer) annotate(it label.Item, number int64, fresh bool) error {
	if len(it.Gold) == 0 && !b.project.MultiLabel {
		return nil
	}
	if !fresh {
		annotator, err := b.appender.annotator(b.by)
		if err != nil {
			return err
		}
		var there bool
		err = b.tx.QueryRow("SELECT EXISTS (SELECT 1 FROM annotations WHERE item_id = ? AND annotator_id = ?)", number, annotator).Scan(&there)
		if err != nil || there {
			return err
		}
	}
	b.report.Labelled++
	kept, err := b.appender.append(label.Annotation{
		Key: fmt.Sprintf("%s%d/%s", importKey, number, b.by), Item: number, Annotator: b.by, At: moment(b.at), Verdict: label.Accepted, Labels: it.Gold,
	})
	if err != nil || fresh {
		return err
	}
	return b.appender.answer(kept)
}

// encode makes JSON without the escapes that only HTML needs; nil of what is empty.
func encode(meta map[string]any) (any, error) {
	if len(meta) == 0 {
		return nil, nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(meta); err != nil {
		return nil, fmt.Errorf("encode metadata: %w", err)
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}
