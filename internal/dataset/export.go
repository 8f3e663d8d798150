package dataset

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/labelloop/labelloop/internal/label"
)

// ExportOptions says how labelled data is written.
type ExportOptions struct {
	Format    string  // one of ExportFormats; "": told by the extension
	Columns   Columns // names of the columns; Root: the folder that pictures are named from, "" for the output's own
	Overwrite bool    // replace a file that is there

	// Lossy leaves out what the format has no place for. Without it, that is an error.
	Lossy bool
}

// Writer writes records to a file that takes its name when Finish has made it whole.
type Writer struct {
	path    string
	records recordWriter
}

// recordWriter is how a format takes records.
type recordWriter interface {
	put(r Record) error
	finish() error // makes the output whole and durable
	abort()        // removes what was not finished
}

// Export begins a file of labelled data; "-" is standard output. Reading it back by Import gives the same records: ids,
// texts or pictures, labels, annotations and metadata. An extension .gz packs it.
func Export(path string, o ExportOptions) (*Writer, error) {
	w := &Writer{path: path}
	var err error
	if o.Format == imageFolder {
		w.records, err = newFolderWriter(path, o)
	} else {
		w.records, err = newFileWriter(path, o)
	}
	if err != nil {
		return nil, err
	}
	return w, nil
}

// Put writes records in their order.
func (w *Writer) Put(ctx context.Context, records []Record) error {
	for _, r := range records {
		err := ctx.Err()
		if err == nil {
			err = checkRecord(r)
		}
		if err == nil {
			err = w.records.put(r)
		}
		if err != nil {
			return fmt.Errorf("export %s: item %s: %w", w.path, r.Item.ID, err)
		}
	}
	return nil
}

// Finish completes the output.
func (w *Writer) Finish() error {
	if err := w.records.finish(); err != nil {
		return fmt.Errorf("export %s: %w", w.path, err)
	}
	return nil
}

// Close lets go of the output. Without Finish nothing is left of it.
func (w *Writer) Close() error {
	w.records.abort()
	return nil
}

// checkRecord refuses what no format can hold.
func checkRecord(r Record) error {
	it := r.Item
	if it.Err != nil {
		return fmt.Errorf("it could not be read: %w", it.Err)
	}
	if it.Image == "" && strings.TrimSpace(it.Text) == "" {
		return errors.New("it has neither a text nor a picture; leave it out")
	}
	said := []string{it.ID, it.Text, it.Pair, it.Image}
	labels := append([]string(nil), it.Gold...)
	for _, a := range r.Annotations {
		said = append(said, a.Key, a.Annotator, a.Note)
		labels = append(append(labels, a.Labels...), a.Suggestion...)
		if !isVerdict(a.Verdict) {
			return fmt.Errorf("an annotation's verdict is %q; export what still holds, which is one of %v", a.Verdict, verdicts)
		}
	}
	for _, l := range labels {
		if l == "" {
			return errors.New("a label is the empty text; give it a name")
		}
	}
	for _, s := range append(said, labels...) {
		if !utf8.ValidString(s) {
			return fmt.Errorf("%q is no UTF-8; convert the file that it came from, and import it again", s)
		}
	}
	return nil
}

// layout is what the form of a record depends on.
type layout struct {
	ExportOptions
	root  string // folder that pictures are named from
	cells bool   // rows are made of text
}

// lose is nil where the format may leave something out, else an error that says what and why.
func (l layout) lose(format string, args ...any) error {
	if l.Lossy {
		return nil
	}
	return label.Errorf(label.ErrUsage, format+"; take a format that has, such as jsonl, or leave it out by --lossy", args...)
}

// picture names an item's picture from the root.
func (l layout) picture(it label.Item) (string, error) {
	root, err := filepath.Abs(l.root)
	if err != nil {
		return "", err
	}
	file, err := filepath.Abs(it.Image)
	if err != nil {
		return "", err
	}
	name, err := filepath.Rel(root, file)
	if err != nil || !filepath.IsLocal(name) {
		return "", label.Errorf(label.ErrUsage, "its picture %s is not in %s; name the folder that holds all pictures by --image-root, or export as %s",
			it.Image, l.root, imageFolder)
	}
	return filepath.ToSlash(name), nil
}

// content gives the name and the value of the field that holds what is labelled.
func (l layout) content(it label.Item, text, image string) (field, error) {
	if it.Image == "" {
		return field{orElse(l.Columns.Text, text), it.Text}, nil
	}
	name, err := l.picture(it)
	return field{orElse(l.Columns.Text, image), name}, err
}

func orElse(name, other string) string {
	if name == "" {
		return other
	}
	return name
}

// fileWriter writes rows into one file.
type fileWriter struct {
	layout layout
	family *family
	frame  framing
	out    *output // nil for a stream
	buf    *bufio.Writer
	zip    *gzip.Writer // nil: not packed
}

func newFileWriter(path string, o ExportOptions) (*fileWriter, error) {
	if path == "-" && o.Format == "" {
		o.Format = "jsonl"
	}
	e, err := exchangeFor(path, o.Format, nil, func(e *exchange) bool { return e.frame != nil })
	if err != nil {
		return nil, err
	}
	w := &fileWriter{family: e.family, layout: layout{o, orElse(o.Columns.Root, filepath.Dir(path)), e.cells}}
	var to io.Writer = os.Stdout
	if path != "-" {
		switch info, err := os.Stat(path); {
		case err == nil && info.IsDir():
			return nil, label.Errorf(label.ErrUsage, "export %s: it is a folder; name a file in it", path)
		case err == nil && !o.Overwrite:
			return nil, fmt.Errorf("%s is already there; replace it with --overwrite, or name another --output: %w", path, fs.ErrExist)
		}
		if w.out, err = createOutput(path); err != nil {
			return nil, createError(path, err)
		}
		to = w.out.file
	}
	w.buf = bufio.NewWriterSize(to, windowSize)
	to = w.buf
	if strings.HasSuffix(path, ".gz") {
		w.zip = gzip.NewWriter(to)
		to = w.zip
	}
	if w.frame, err = e.frame(to, path); err != nil {
		w.abort()
		return nil, createError(path, err)
	}
	return w, nil
}

func (w *fileWriter) put(r Record) error {
	rows, err := w.family.rows(r, w.layout)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := w.frame.put(row); err != nil {
			return err
		}
	}
	return nil
}

func (w *fileWriter) finish() error {
	err := w.frame.finish()
	if err == nil && w.zip != nil {
		err = w.zip.Close()
	}
	if err == nil {
		err = w.buf.Flush()
	}
	if err == nil && w.out != nil {
		err = w.out.commit()
	}
	return err
}

func (w *fileWriter) abort() {
	if w.out != nil {
		w.out.abort()
	}
}
