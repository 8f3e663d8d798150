package dataset

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	pqformat "github.com/parquet-go/parquet-go/format"

	"github.com/labelloop/labelloop/internal/label"
)

// parquetReader reads Parquet, a batch of rows at a time out of one row group after the other. Place.Line is the row's
// number, from 1. Lists, groups and maps become JSON lists and objects, dates and times ISO 8601.
type parquetReader struct {
	in      *input
	file    *parquet.File
	columns Columns
	convert map[string]func(any) any // top-level columns whose stored values need their logical type to be read

	groups []parquet.RowGroup // not begun
	rows   parquet.Rows       // of the group that is being read
	batch  [128]parquet.Row
	ready  []parquet.Row // read and not given
	row    int
	share  float64
}

func readParquet(in *input, c Columns) (r reader, err error) {
	defer recoverParquet(in, &err)
	if in.stream || in.raw != nil {
		return nil, label.Errorf(label.ErrUsage, "%s: Parquet can't be read from a pipe or out of gzip; save it as a file", in.path)
	}
	file, err := parquet.OpenFile(in.file, in.size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, badParquet(in, err)
	}
	for _, g := range file.Metadata().RowGroups {
		for _, c := range g.Columns {
			// The library's LZ4 decoder doubles its buffer on broken data until the memory is used up.
			if codec := c.MetaData.Codec; codec == pqformat.Lz4 || codec == pqformat.Lz4Raw {
				return nil, fmt.Errorf("read %s: compressed with LZ4, which isn't read here; write it with zstd or snappy", in.path)
			}
		}
	}
	p := &parquetReader{in: in, file: file, groups: file.RowGroups(), convert: map[string]func(any) any{}}
	var names []string
	for _, f := range file.Schema().Fields() {
		names = append(names, f.Name())
		if f.Leaf() {
			if convert := logical(f.Type().LogicalType()); convert != nil {
				p.convert[f.Name()] = convert
			}
		}
	}
	if p.columns, err = c.resolve(names); err != nil {
		return nil, fmt.Errorf("%s: %w", in.path, err)
	}
	in.rows = &p.share
	return p, nil
}

// recoverParquet turns a panic of the library, which broken files can cause, into an error.
func recoverParquet(in *input, err *error) {
	if p := recover(); p != nil {
		*err = badParquet(in, p)
	}
}

func badParquet(in *input, why any) error {
	return fmt.Errorf("read %s: no whole Parquet file (%v); copy or write it again", in.path, why)
}

func (p *parquetReader) next() (it label.Item, err error) {
	defer recoverParquet(p.in, &err)
	if len(p.ready) == 0 {
		if err := p.read(); err != nil {
			return it, err
		}
	}
	var value any
	if err := p.file.Schema().Reconstruct(&value, p.ready[0]); err != nil {
		return it, badParquet(p.in, err)
	}
	p.ready = p.ready[1:]
	p.row++
	p.share = float64(p.row) / float64(p.file.NumRows())
	record, _ := value.(map[string]any)
	for name, v := range record {
		if convert := p.convert[name]; convert != nil {
			v = convert(v)
		}
		record[name] = jsonValue(v)
	}
	if it, err = p.item(record); err != nil {
		return p.in.fail(p.row, err), nil
	}
	return it, nil
}

func (p *parquetReader) item(record map[string]any) (label.Item, error) {
	for _, name := range []string{p.columns.Text, p.columns.Pair, p.columns.ID} {
		if b, ok := record[name].([]byte); ok {
			return label.Item{}, badUTF8(b)
		}
	}
	if cell, ok := record[p.columns.Label].(string); ok && p.columns.MultiLabel {
		it, err := p.in.object(p.row, record, p.columns)
		it.Gold = p.columns.gold(cell)
		return it, err
	}
	return p.in.object(p.row, record, p.columns)
}

// read fills ready with the next rows: io.EOF after the last.
func (p *parquetReader) read() error {
	for {
		if p.rows == nil {
			if len(p.groups) == 0 {
				if int64(p.row) != p.file.NumRows() {
					return badParquet(p.in, fmt.Sprintf("%d rows of %d", p.row, p.file.NumRows()))
				}
				return io.EOF
			}
			p.rows, p.groups = p.groups[0].Rows(), p.groups[1:]
		}
		n, err := p.rows.ReadRows(p.batch[:])
		if err != nil && err != io.EOF {
			return badParquet(p.in, err)
		}
		if n > 0 {
			p.ready = p.batch[:n]
			return nil
		}
		if err := p.rows.Close(); err != nil {
			return badParquet(p.in, err)
		}
		p.rows = nil
	}
}

// logical gives the conversion of a stored value that can't be understood without its logical type, or nil.
func logical(t *pqformat.LogicalType) func(any) any {
	if t == nil {
		return nil
	}
	switch t := t.Value.(type) {
	case *pqformat.IntType:
		if t.IsSigned || t.BitWidth != 64 {
			return nil
		}
		return func(v any) any {
			if n, ok := v.(int64); ok {
				return uint64(n)
			}
			return v
		}
	case *pqformat.DateType:
		return func(v any) any {
			if days, ok := v.(int32); ok {
				return time.Unix(int64(days)*86400, 0).UTC().Format(time.DateOnly)
			}
			return v
		}
	case *pqformat.TimestampType:
		unit, layout := time.Nanosecond, "2006-01-02T15:04:05.999999999"
		switch t.Unit.Value.(type) {
		case *pqformat.MilliSeconds:
			unit = time.Millisecond
		case *pqformat.MicroSeconds:
			unit = time.Microsecond
		}
		if t.IsAdjustedToUTC {
			layout += "Z"
		}
		return func(v any) any {
			if n, ok := v.(int64); ok {
				perSecond := int64(time.Second / unit)
				return time.Unix(n/perSecond, n%perSecond*int64(unit)).UTC().Format(layout)
			}
			return v
		}
	}
	return nil
}

// jsonValue turns what the library gives into what encoding/json gives with numbers kept digit by digit. Bytes that
// are no UTF-8 stay bytes, which JSON writes in base64; NaN and infinities become strings.
func jsonValue(v any) any {
	switch v := v.(type) {
	case string:
		if !utf8.ValidString(v) {
			return []byte(v)
		}
		return v
	case []byte:
		if utf8.Valid(v) {
			return string(v)
		}
		return v
	case float32:
		return number(float64(v), 32)
	case float64:
		return number(v, 64)
	case int32, int64, uint32, uint64:
		return json.Number(fmt.Sprint(v))
	case *big.Float:
		return json.Number(v.Text('f', -1))
	case map[string]any:
		for k, e := range v {
			v[k] = jsonValue(e)
		}
		return v
	case []any:
		for i, e := range v {
			v[i] = jsonValue(e)
		}
		return v
	case nil, bool:
		return v
	}
	// What is left are the pointers that the library puts into maps.
	var plain any
	if b, err := json.Marshal(v); err == nil {
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		if d.Decode(&plain) == nil {
			return plain
		}
	}
	return fmt.Sprint(v)
}

func number(f float64, bits int) any {
	s := strconv.FormatFloat(f, 'g', -1, bits)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return strings.TrimPrefix(s, "+")
	}
	return json.Number(s)
}

// labelRow and embeddingRow are the rows of a Parquet output: the fields of a JSONL record, with lists of labels joined
// by '#' as in CSV, and objects as JSON text.
type labelRow struct {
	ID         string   `parquet:"id"`
	Text       *string  `parquet:"text,optional"`
	Image      *string  `parquet:"image,optional"`
	Label      *string  `parquet:"label,optional"`
	Confidence *float64 `parquet:"confidence,optional"`
	Route      *string  `parquet:"route,optional"`
	Model      *string  `parquet:"model,optional"`
	Calibrated *bool    `parquet:"calibrated,optional"`
	Scores     *string  `parquet:"scores,optional"`
	Error      *string  `parquet:"error,optional"`
	Meta       *string  `parquet:"meta,optional"`
	Gold       *string  `parquet:"gold,optional"`
}

type embeddingRow struct {
	ID        string    `parquet:"id"`
	Text      *string   `parquet:"text,optional"`
	Image     *string   `parquet:"image,optional"`
	Embedding []float32 `parquet:"embedding,list"`
	Model     *string   `parquet:"model,optional"`
	Error     *string   `parquet:"error,optional"`
	Meta      *string   `parquet:"meta,optional"`
	Gold      *string   `parquet:"gold,optional"`
}

// jsonRecord is a JSONL record as read back.
type jsonRecord struct {
	ID         string
	Text       *string
	Image      *string
	Label      json.RawMessage
	Confidence *float64
	Scores     json.RawMessage
	Embedding  []float32
	Route      *string
	Model      *string
	Calibrated *bool
	Meta       json.RawMessage
	Gold       json.RawMessage
	Error      *string
}

func packParquet(records io.Reader, to io.Writer, o SinkOptions) error {
	if o.Embedding {
		return pack(records, to, func(r *jsonRecord) embeddingRow {
			return embeddingRow{ID: r.ID, Text: r.Text, Image: r.Image, Embedding: r.Embedding, Model: r.Model, Error: r.Error,
				Meta: jsonText(r.Meta), Gold: joined(r.Gold)}
		})
	}
	return pack(records, to, func(r *jsonRecord) labelRow {
		row := labelRow{ID: r.ID, Text: r.Text, Image: r.Image, Label: joined(r.Label), Confidence: r.Confidence, Route: r.Route, Model: r.Model,
			Calibrated: r.Calibrated, Scores: jsonText(r.Scores), Error: r.Error, Meta: jsonText(r.Meta), Gold: joined(r.Gold)}
		if row.Calibrated == nil && r.Error == nil {
			row.Calibrated = new(true)
		}
		return row
	})
}

// pack writes JSONL records as Parquet rows, a row group for each 32 MiB of them.
func pack[Row any](records io.Reader, to io.Writer, row func(*jsonRecord) Row) error {
	const group = 32 << 20
	out := parquet.NewGenericWriter[Row](to, parquet.Compression(&parquet.Zstd))
	w := newWindow(records)
	for held := 0; ; {
		line, err := w.line()
		if err == io.EOF {
			return out.Close()
		}
		if err != nil {
			return err
		}
		var record jsonRecord
		if err := json.Unmarshal(line, &record); err != nil {
			return fmt.Errorf("record %d: %w", w.lines, err)
		}
		if _, err := out.Write([]Row{row(&record)}); err != nil {
			return err
		}
		if held += len(line); held >= group {
			if err := out.Flush(); err != nil {
				return err
			}
			held = 0
		}
	}
}

func jsonText(raw json.RawMessage) *string {
	if raw == nil {
		return nil
	}
	return new(string(raw))
}

// joined makes one cell of a label or a list of labels.
func joined(raw json.RawMessage) *string {
	if raw == nil {
		return nil
	}
	var many []string
	if json.Unmarshal(raw, &many) != nil {
		many = make([]string, 1)
		if json.Unmarshal(raw, &many[0]) != nil {
			return jsonText(raw)
		}
	}
	return new(strings.Join(many, labelSeparator))
}
