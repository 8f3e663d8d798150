package dataset

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// tableFraming keeps rows aside until it is known which columns they make: a metadata field is a column of its own if
// all rows have it with values of one kind that the format can hold; what is left is one JSON object per row, in the column
// meta.
type tableFraming struct {
	pack    func(columns []column, rows *spoolReader) error
	kinds   func(v any) string // kind of column for a value, "" for none
	spool   *os.File
	buf     *bufio.Writer
	scratch []byte
	rows    int
	fields  []string          // names of the fixed fields, in order
	used    map[string]bool   // those that some row has
	columns map[string]string // metadata field -> kind
	rest    bool              // some row has metadata that makes no column
}

// column is a column of a table.
type column struct {
	name, kind string
	meta       bool // of a metadata field, else of a fixed field
}

func newTableFraming(path string, kinds func(any) string, pack func([]column, *spoolReader) error) (*tableFraming, error) {
	file, err := createSpool(path)
	if err != nil {
		return nil, err
	}
	return &tableFraming{pack: pack, kinds: kinds, spool: file, buf: bufio.NewWriterSize(file, windowSize), used: map[string]bool{}}, nil
}

func (f *tableFraming) put(r row) error {
	if f.rows == 0 {
		f.columns = make(map[string]string, len(r.meta))
		for name, v := range r.meta {
			if kind := f.kinds(v); kind != "" && textKinds(name) != "" && strings.TrimSpace(name) == name && name != "" {
				f.columns[name] = kind
			}
		}
	}
	for name, kind := range f.columns {
		if v, ok := r.meta[name]; !ok || f.kinds(v) != kind {
			delete(f.columns, name)
			f.rest = true
		}
	}
	for name := range r.meta {
		_, own := f.columns[name]
		f.rest = f.rest || !own
	}
	for _, field := range r.fields {
		if !slices.Contains(f.fields, field.name) {
			f.fields = append(f.fields, field.name)
		}
		f.used[field.name] = f.used[field.name] || field.value != nil
	}
	f.rows++
	var err error
	if f.scratch, err = appendRow(f.scratch[:0], row{fields: r.fields}); err != nil {
		return err
	}
	f.scratch = append(f.scratch, '\n')
	if f.scratch, err = appendRow(f.scratch, row{meta: r.meta}); err != nil {
		return err
	}
	_, err = f.buf.Write(append(f.scratch, '\n'))
	return err
}

func (f *tableFraming) finish() error {
	defer f.spool.Close()
	if err := f.buf.Flush(); err != nil {
		return err
	}
	if _, err := f.spool.Seek(0, io.SeekStart); err != nil {
		return err
	}
	var columns []column
	if f.rows == 0 { // a header names columns all the same
		columns = []column{{name: "id", kind: kindText}, {name: "text", kind: kindText}, {name: "image", kind: kindText}, {name: "label", kind: kindText}}
	}
	for _, name := range f.fields {
		if f.used[name] {
			columns = append(columns, column{name: name, kind: kindText})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.columns)) {
		columns = append(columns, column{name, f.columns[name], true})
	}
	if f.rest {
		columns = append(columns, column{name: fieldMeta, kind: kindText})
	}
	return f.pack(columns, &spoolReader{w: newWindow(f.spool), columns: f.columns, left: f.rows})
}

// Kinds of columns.
const (
	kindText   = "text"
	kindWhole  = "whole"
	kindNumber = "number"
	kindTruth  = "truth"
)

// textKinds are those of formats that hold texts alone, but for NUL.
func textKinds(v any) string {
	if text, ok := v.(string); ok && !strings.Contains(text, "\x00") {
		return kindText
	}
	return ""
}

// typedKinds are those of formats with types. A number is one of them if it can be read back digit by digit.
func typedKinds(v any) string {
	switch v := v.(type) {
	case string:
		return kindText
	case bool:
		return kindTruth
	case json.Number:
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil && strconv.FormatInt(n, 10) == string(v) {
			return kindWhole
		}
		if f, err := v.Float64(); err == nil && number(f, 64) == v {
			return kindNumber
		}
	}
	return ""
}

// spoolReader gives the rows that were kept aside.
type spoolReader struct {
	w       *window
	columns map[string]string
	left    int
}

// next gives the values of a row: of the fixed fields by their names, of the metadata that makes columns, and the rest of
// it as one value, nil for none.
func (s *spoolReader) next() (fields, meta map[string]any, err error) {
	if s.left == 0 {
		return nil, nil, io.EOF
	}
	s.left--
	if fields, err = s.object(); err != nil {
		return nil, nil, err
	}
	if meta, err = s.object(); err != nil {
		return nil, nil, err
	}
	rest := map[string]any{}
	for name, v := range meta {
		if _, own := s.columns[name]; !own {
			rest[name] = v
		}
	}
	if len(rest) > 0 {
		fields[fieldMeta] = rest
	}
	return fields, meta, nil
}

func (s *spoolReader) object() (map[string]any, error) {
	line, err := s.w.line()
	if err != nil {
		return nil, noEOF(err)
	}
	value, _ := parseJSON(line)
	return value.(map[string]any), nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// frameTable writes CSV, or the like with another separator.
func frameTable(separator byte) func(io.Writer, string) (framing, error) {
	return func(w io.Writer, path string) (framing, error) {
		return newTableFraming(path, textKinds, func(columns []column, rows *spoolReader) error {
			out := newRowWriter(separator)
			cells := make([]string, len(columns))
			for i, c := range columns {
				cells[i] = c.name
			}
			for {
				for _, cell := range cells {
					if strings.Contains(cell, "\x00") {
						return fmt.Errorf("%.40q holds a NUL, which CSV can't; take jsonl or parquet", cell)
					}
				}
				if _, err := w.Write(out.row(cells)); err != nil {
					return err
				}
				fields, meta, err := rows.next()
				if err == io.EOF {
					return nil
				}
				if err != nil {
					return err
				}
				for i, c := range columns {
					from := fields
					if c.meta {
						from = meta
					}
					if cells[i], err = cellText(from[c.name]); err != nil {
						return err
					}
				}
			}
		})
	}
}

// frameParquet writes Parquet with an optional column for each of the table's, compressed by zstd.
func frameParquet(w io.Writer, path string) (framing, error) {
	return newTableFraming(path, typedKinds, func(columns []column, rows *spoolReader) error {
		nodes := parquet.Group{}
		for _, c := range columns {
			nodes[c.name] = parquet.Optional(map[string]parquet.Node{kindText: parquet.String(), kindWhole: parquet.Int(64),
				kindNumber: parquet.Leaf(parquet.DoubleType), kindTruth: parquet.Leaf(parquet.BooleanType)}[c.kind])
		}
		schema := parquet.NewSchema("records", nodes)
		place := map[string]int{} // a group's columns are ordered by name
		for i, path := range schema.Columns() {
			place[path[0]] = i
		}
		out := parquet.NewGenericWriter[any](w, schema, parquet.Compression(&parquet.Zstd))
		values := make(parquet.Row, len(columns))
		const group = 32 << 20 // bytes of text
		for held := 0; ; {
			fields, meta, err := rows.next()
			if err == io.EOF {
				return out.Close()
			}
			if err != nil {
				return err
			}
			for _, c := range columns {
				v, err := fields[c.name], error(nil)
				if c.meta {
					v = meta[c.name]
				}
				value := parquet.NullValue()
				definition := 0
				if v != nil {
					definition = 1
					if value, err = parquetValue(c.kind, v); err != nil {
						return err
					}
				}
				at := place[c.name]
				values[at] = value.Level(0, definition, at)
				if definition > 0 && c.kind == kindText {
					held += len(value.ByteArray())
				}
			}
			if _, err := out.WriteRows([]parquet.Row{values}); err != nil {
				return err
			}
			if held >= group {
				if err := out.Flush(); err != nil {
					return err
				}
				held = 0
			}
		}
	})
}

// parquetValue gives the stored form of a value of a kind.
func parquetValue(kind string, v any) (parquet.Value, error) {
	switch kind {
	case kindTruth:
		return parquet.BooleanValue(v.(bool)), nil
	case kindWhole:
		n, err := strconv.ParseInt(string(v.(json.Number)), 10, 64)
		return parquet.Int64Value(n), err
	case kindNumber:
		n, err := v.(json.Number).Float64()
		return parquet.DoubleValue(n), err
	}
	text, err := cellText(v)
	return parquet.ByteArrayValue([]byte(text)), err
}
