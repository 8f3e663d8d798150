package dataset

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/labelloop/labelloop/internal/label"
)

// doccano's JSONL and CSV are tables with the columns id, text (of pictures: filename) and label. Labels are a list, in
// CSV one cell of labels joined by '#'; an empty one says that nobody has labelled the item. Its export is a zip archive of
// such files: all.jsonl where annotators share their work, else one file for each annotator, called by the name.

// isDoccano knows the column Comments, which doccano alone writes.
func isDoccano(head []byte) bool {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	columns := strings.Split(strings.TrimSpace(string(line)), ",")
	for key := range firstObject(head) {
		columns = append(columns, key)
	}
	return slices.Contains(columns, "Comments") && slices.Contains(columns, "label") && !slices.Contains(columns, fieldAnnotations)
}

// readDoccano reads a table of doccano's.
func readDoccano(read func(*input, Columns) (reader, error)) func(*input, Columns) (reader, error) {
	return func(in *input, c Columns) (reader, error) {
		c.MultiLabel = true
		r, err := read(in, c)
		if err != nil {
			return nil, err
		}
		return doccanoReader{r}, nil
	}
}

// doccanoReader tells items that nobody has labelled.
type doccanoReader struct{ reader }

func (r doccanoReader) next() (label.Item, error) {
	it, err := r.reader.next()
	if len(it.Gold) == 0 {
		it.Gold = nil
	}
	return it, err
}

// doccanoShared is the name of the member that all annotators share.
const doccanoShared = "all"

// doccanoZip reads the members of an export, one after the other.
type doccanoZip struct {
	in      *input
	columns Columns
	members []*zip.File
	at      int
	current reader // of members[at], nil before it
	file    io.ReadCloser
	share   float64
}

func readDoccanoZip(in *input, c Columns) (reader, error) {
	if in.stream {
		return nil, label.Errorf(label.ErrUsage, "%s: a zip archive can't be read from a pipe; save it as a file", in.path)
	}
	archive, err := zip.NewReader(in.file, in.size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, fmt.Errorf("read %s: %w; copy or pack it again", in.path, err)
	}
	r := &doccanoZip{in: in, columns: c}
	for _, f := range archive.File {
		if doccanoMember(f.Name) != nil && !f.FileInfo().IsDir() {
			r.members = append(r.members, f)
		}
	}
	if len(r.members) == 0 {
		return nil, fmt.Errorf("%s holds no .jsonl, .json or .csv file, so it is no export of doccano's", in.path)
	}
	in.rows = &r.share
	return r, nil
}

func (r *doccanoZip) next() (label.Item, error) {
	for ; r.at < len(r.members); r.at++ {
		if r.current == nil {
			if err := r.open(); err != nil {
				return label.Item{}, err
			}
		}
		it, err := r.current.next()
		if err == io.EOF {
			r.current = nil
			r.share = float64(r.at+1) / float64(len(r.members))
			if err := r.file.Close(); err != nil {
				return label.Item{}, fmt.Errorf("read %s: %w", r.name(), err)
			}
			continue
		}
		who := strings.TrimSuffix(path.Base(r.members[r.at].Name), path.Ext(r.members[r.at].Name))
		if _, said := it.Meta[fieldAnnotations]; err == nil && it.Err == nil && who != doccanoShared && it.Gold != nil && !said {
			if it.Meta == nil {
				it.Meta = map[string]any{}
			}
			it.Meta[fieldAnnotations] = []any{map[string]any{"annotator": who, "verdict": string(label.Corrected), "labels": listOf(it.Gold)}}
			it.Gold = nil
		}
		return it, err
	}
	return label.Item{}, io.EOF
}

func (r *doccanoZip) name() string { return r.in.path + "/" + r.members[r.at].Name }

// open begins to read a member.
func (r *doccanoZip) open() error {
	file, err := r.members[r.at].Open()
	if err != nil {
		return fmt.Errorf("read %s: %w", r.name(), err)
	}
	r.file = file
	name := r.members[r.at].Name
	member := &input{path: r.name(), name: name, window: newWindow(file)}
	for len(member.window.data()) < headSize && member.window.more() {
	}
	if err := member.window.err; err != nil && err != io.EOF {
		return member.wrap(err)
	}
	if bytes.HasPrefix(member.window.data(), []byte("\xef\xbb\xbf")) {
		member.window.take(3)
	}
	if err := checkText(member.path, member.window.data()); err != nil {
		return err
	}
	r.current, err = doccanoMember(name)(member, r.columns)
	return err
}

// doccanoMember tells by its name how a member is read; nil: it is none.
func doccanoMember(name string) func(*input, Columns) (reader, error) {
	switch strings.ToLower(path.Ext(name)) {
	case ".jsonl", ".json":
		return readDoccano(readJSON)
	case ".csv":
		return readDoccano(readCells(readCSV(',')))
	}
	return nil
}

// doccanoRows gives the row of a record. Annotations that are more than labels stand in a column of their own, which
// doccano keeps as metadata.
func doccanoRows(r Record, l layout) ([]row, error) {
	l.Columns.MultiLabel = true
	rows, err := rowsOf(r, l, "text", "filename", func(gold []string) (any, error) {
		switch {
		case gold == nil:
			return nil, nil
		case len(gold) == 0:
			return nil, l.lose("doccano can't tell an item to which none of the labels applies from one without labels")
		case !l.cells:
			return gold, nil
		}
		text, ok := joinLabels(gold)
		if !ok {
			return nil, label.Errorf(label.ErrUsage, "the labels %q can't be joined by '%s' and told apart again, as doccano's CSV has it; rename them, or take its JSONL",
				gold, labelSeparator)
		}
		return text, nil
	})
	if err != nil {
		return nil, err
	}
	if l.cells {
		return rows, nil
	}
	_, spans := rows[0].meta["label"]
	_, entities := rows[0].meta["entities"]
	for i := range rows[0].fields {
		switch f := &rows[0].fields[i]; {
		case f.name == orElse(l.Columns.ID, "id"):
			f.value = numbered(r.Item.ID)
		case f.name == orElse(l.Columns.Label, "label") && f.value == nil && !spans && !entities:
			f.value = []string{}
		}
	}
	return rows, nil
}

// zipFraming writes the lines of the one member of an archive that all annotators share.
type zipFraming struct {
	framing
	archive *zip.Writer
}

func frameDoccanoZip(w io.Writer, to string) (framing, error) {
	archive := zip.NewWriter(w)
	member, err := archive.Create(doccanoShared + ".jsonl")
	if err != nil {
		return nil, err
	}
	lines, err := frameLines(member, to)
	return &zipFraming{lines, archive}, err
}

func (f *zipFraming) finish() error { return errors.Join(f.framing.finish(), f.archive.Close()) }
