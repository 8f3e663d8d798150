package dataset

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/labelloop/labelloop/internal/label"
)

// csvReader reads CSV as in RFC 4180, and TSV with the same quoting. The first row names the columns.
//
// It is not encoding/csv because a quote that is never closed must not swallow the rows behind it: a row that can't be
// parsed costs its first line alone, and reading goes on at the next one. A quote inside a field that doesn't begin
// with one stands for itself. Line ends within quotes are kept as they are. Blank lines are stepped over.
type csvReader struct {
	in        *input
	separator byte
	header    []string
	columns   Columns
	meta      []int // indexes of the columns that go to Item.Meta

	id, text, pair, label int // indexes, -1 for none

	// The record that was read last.
	line   int // where it starts
	cells  []byte
	ends   []int // of each cell in cells
	fields []string
}

func readCSV(separator byte) func(*input, Columns) (reader, error) {
	return func(in *input, c Columns) (reader, error) {
		r := &csvReader{in: in, separator: separator}
		err := r.record()
		switch {
		case err == io.EOF:
			return nil, fmt.Errorf("%s is empty; its first row must name the columns", in.path)
		case err != nil:
			return nil, fmt.Errorf("%s:%d: read the header: %w", in.path, r.line, err)
		}
		for i, name := range r.fields {
			name = strings.TrimSpace(name)
			if name == "" {
				name = fmt.Sprintf("column %d", i+1) // data frames leave the name of their index empty
			}
			if slices.Contains(r.header, name) {
				return nil, fmt.Errorf("%s: two columns are called %q; rename one", in.path, name)
			}
			r.header = append(r.header, name)
		}
		if r.columns, err = c.resolve(r.header); err != nil {
			return nil, fmt.Errorf("%s: %w", in.path, err)
		}
		r.id = slices.Index(r.header, r.columns.ID)
		r.text = slices.Index(r.header, r.columns.Text)
		r.pair = slices.Index(r.header, r.columns.Pair)
		r.label = slices.Index(r.header, r.columns.Label)
		for i := range r.header {
			if i != r.id && i != r.text && i != r.label {
				r.meta = append(r.meta, i)
			}
		}
		return r, nil
	}
}

func (r *csvReader) next() (label.Item, error) {
	err := r.record()
	var bad rowError
	switch {
	case errors.As(err, &bad):
		return r.in.fail(r.line, bad), nil
	case err == io.EOF:
		return label.Item{}, io.EOF
	case err != nil:
		return label.Item{}, r.in.wrap(err)
	case len(r.fields) != len(r.header):
		return r.in.fail(r.line, badf("the row has %d fields, the header has %d (%s); quote a field that holds the separator",
			len(r.fields), len(r.header), quoteAll(r.header))), nil
	}
	it := r.in.item(r.line, r.field(r.id))
	it.Text, it.Pair = r.field(r.text), r.field(r.pair)
	it.Gold = r.columns.gold(r.field(r.label))
	if len(r.meta) > 0 {
		it.Meta = make(map[string]any, len(r.meta))
		for _, i := range r.meta {
			it.Meta[r.header[i]] = r.fields[i]
		}
	}
	r.in.check(&it, r.columns)
	return it, nil
}

func (r *csvReader) field(i int) string {
	if i < 0 {
		return ""
	}
	return r.fields[i]
}

// record reads the next row into fields. On a rowError it has taken the first line of the row.
func (r *csvReader) record() error {
	w := r.in.window
	for {
		r.line = w.lines + 1
		n, err := r.parse()
		var bad rowError
		switch {
		case errors.As(err, &bad):
			if err := w.dropLine(); err != nil {
				return err
			}
			return bad
		case err != nil:
			return err
		}
		row := w.data()[:n]
		w.take(n)
		w.lines += bytes.Count(row, []byte("\n"))
		if !bytes.HasSuffix(row, []byte("\n")) {
			w.lines++
		}
		if len(r.ends) == 1 && len(bytes.TrimSpace(row)) == 0 {
			continue
		}
		if !utf8.Valid(row) {
			return badUTF8(row)
		}
		r.fields = r.fields[:0]
		cells, start := string(r.cells), 0
		for _, end := range r.ends {
			r.fields = append(r.fields, cells[start:end])
			start = end
		}
		return nil
	}
}

// parse finds the cells of the row at the start of the window and the row's length with its line end.
func (r *csvReader) parse() (int, error) {
	r.cells, r.ends = r.cells[:0], r.ends[:0]
	w := r.in.window
	for at := 0; ; {
		if d := w.data(); at < len(d) && d[at] == '"' || at == len(d) && w.more() && w.data()[at] == '"' {
			next, last, err := r.quoted(at)
			if last || err != nil {
				return next, err
			}
			at = next
			continue
		}
		// An unquoted field ends at the separator or at the line end.
		end, err := w.find(at, '\n')
		next := end + 1
		switch {
		case err == io.EOF && len(w.data()) == 0:
			return 0, io.EOF
		case err == io.EOF:
			end = len(w.data())
			next = end
		case err == errLongLine:
			return 0, errLongLine
		case err != nil:
			return 0, err
		}
		line := bytes.TrimSuffix(w.data()[at:end], []byte("\r"))
		for {
			i := bytes.IndexByte(line, r.separator)
			if i < 0 {
				r.cell(line)
				return next, nil
			}
			r.cell(line[:i])
			line = line[i+1:]
			at += i + 1
			if len(line) > 0 && line[0] == '"' {
				break
			}
		}
	}
}

func (r *csvReader) cell(b []byte) {
	r.cells = append(r.cells, b...)
	r.ends = append(r.ends, len(r.cells))
}

// quoted reads the field whose opening quote stands at the index given, and what ends it: next is where the following
// field starts, or the length of the row where this field was its last.
func (r *csvReader) quoted(open int) (next int, last bool, err error) {
	w := r.in.window
	from := open + 1
	for {
		close, err := w.find(from, '"')
		switch {
		case err == io.EOF:
			return 0, false, badf("the quote that opens field %d is never closed; close it, or double it if it is part of the text",
				len(r.ends)+1)
		case err == errLongLine:
			return 0, false, badf("the quote that opens field %d isn't closed within 64 MiB; close it", len(r.ends)+1)
		case err != nil:
			return 0, false, err
		}
		r.cells = append(r.cells, w.data()[from:close]...)
		for len(w.data()) < close+3 && w.more() {
		}
		rest := w.data()[close+1:]
		switch {
		case len(rest) > 0 && rest[0] == '"':
			r.cells = append(r.cells, '"')
			from = close + 2
			continue
		case len(rest) > 0 && rest[0] == r.separator:
			next = close + 2
		case len(rest) == 0:
			next, last = close+1, true
		case rest[0] == '\n':
			next, last = close+2, true
		case rest[0] == '\r' && len(rest) == 1:
			next, last = close+2, true
		case rest[0] == '\r' && rest[1] == '\n':
			next, last = close+3, true
		default:
			return 0, false, badf("text follows the closing quote of field %d; double a quote within a quoted field", len(r.ends)+1)
		}
		r.ends = append(r.ends, len(r.cells))
		return next, last, nil
	}
}

// writeCSV gives the form of a row: the fields of a JSONL record, with labels joined by '#' and objects as JSON text.
func writeCSV(separator byte) func(SinkOptions) encoder {
	return func(o SinkOptions) encoder {
		header := []string{"id", "text", "label", "confidence", "route", "model", "calibrated", "scores", "error", "meta", "gold"}
		if o.Embedding {
			header = []string{"id", "text", "embedding", "model", "error", "meta", "gold"}
		}
		if o.Images {
			header[1] = "image"
		}
		w := newRowWriter(separator)
		return encoder{header: bytes.Clone(w.row(header)), quoted: true, append: func(to []byte, r label.Result) ([]byte, error) {
			cells, err := cellsOf(r, o.Embedding)
			if err != nil {
				return to, err
			}
			return append(to, w.row(cells)...), nil
		}}
	}
}

func cellsOf(r label.Result, embedding bool) ([]string, error) {
	cells := []string{r.Item.ID, cmp.Or(r.Item.Image, r.Item.Text)}
	failed := failure(r)
	switch p := r.Prediction; {
	case failed != "" && embedding:
		cells = append(cells, "", "")
	case failed != "":
		cells = append(cells, "", "", "", "", "", "")
	case embedding:
		cells = append(cells, string(appendFloats(nil, p.Embedding)), r.Model)
	default:
		cells = append(cells, strings.Join(p.Labels, labelSeparator), string(appendProb(nil, p.Confidence)), string(r.Route),
			r.Model, strconv.FormatBool(p.Calibrated), string(appendScores(nil, p.Scores)))
	}
	meta := []byte(nil)
	if len(r.Item.Meta) > 0 {
		var err error
		if meta, err = appendJSON(nil, r.Item.Meta); err != nil {
			return nil, fmt.Errorf("meta: %w", err)
		}
	}
	return append(cells, failed, string(meta), strings.Join(r.Item.Gold, labelSeparator)), nil
}

// rowWriter makes rows of cells.
type rowWriter struct {
	buf bytes.Buffer
	csv *csv.Writer
}

func newRowWriter(separator byte) *rowWriter {
	w := &rowWriter{}
	w.csv = csv.NewWriter(&w.buf)
	w.csv.Comma = rune(separator)
	return w
}

// row gives a row, valid until the next one. Writing to memory never fails.
func (w *rowWriter) row(cells []string) []byte {
	for i := range cells {
		cells[i] = strings.ToValidUTF8(cells[i], "\uFFFD")
	}
	w.buf.Reset()
	w.csv.Write(cells)
	w.csv.Flush()
	return w.buf.Bytes()
}
