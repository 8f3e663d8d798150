package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/labelloop/labelloop/internal/label"
)

// jsonReader reads JSON, one object per line or all in one array; in place of an object there may also be a plain string,
// which is a text. Numbers are kept digit by digit (json.Number). Blank lines are stepped over.
type jsonReader struct {
	in      *input
	columns Columns
	array   *jsonArray // nil: one value per line

	// object makes an item of an object that starts on the line given. The error is why it can't.
	object func(line int, object map[string]any) (label.Item, error)
}

// readJSONL looks for the columns in all objects of the head, for a key may be missing from some of them.
func readJSONL(in *input, c Columns) (reader, error) {
	head := in.head()
	if bytes.HasPrefix(bytes.TrimSpace(head), []byte("[")) {
		return nil, fmt.Errorf("%s is one JSON array, not one object per line; convert it: jq -c '.[]' FILE > NEW", in.path)
	}
	if i := bytes.LastIndexByte(head, '\n'); i >= 0 && len(head) == headSize {
		head = head[:i] // the last line may be cut
	}
	keys := map[string]bool{}
	for line := range bytes.Lines(head) {
		var object map[string]json.RawMessage
		if json.Unmarshal(line, &object) == nil {
			for key := range object {
				keys[key] = true
			}
		}
	}
	return newJSONReader(in, c, keys)
}

// newJSONReader makes a reader of objects whose keys, as far as the head shows them, are given.
func newJSONReader(in *input, c Columns, keys map[string]bool) (*jsonReader, error) {
	r := &jsonReader{in: in}
	if len(keys) > 0 {
		var err error
		if r.columns, err = c.resolve(slices.Sorted(maps.Keys(keys))); err != nil {
			return nil, fmt.Errorf("%s: %w", in.path, err)
		}
	}
	// What the head doesn't have may still come.
	for _, f := range []struct {
		column *string
		usual  string
	}{{&r.columns.ID, "id"}, {&r.columns.Text, c.usualContent()}, {&r.columns.Label, "label"}} {
		if *f.column == "" {
			*f.column = f.usual
		}
	}
	r.object = func(line int, object map[string]any) (label.Item, error) { return in.object(line, object, r.columns) }
	return r, nil
}

func (r *jsonReader) next() (label.Item, error) {
	raw, number, err := r.raw()
	switch {
	case err == errLongLine:
		return r.in.fail(number, errLongLine), nil
	case err == errBrokenArray:
		return r.in.fail(number, errBrokenArray), nil
	case err == io.EOF:
		return label.Item{}, io.EOF
	case err != nil:
		return label.Item{}, r.in.wrap(err)
	}
	it, err := r.item(number, raw)
	if err != nil {
		return r.in.fail(number, err), nil
	}
	return it, nil
}

// raw gives the next value, trimmed of white space, and the line on which it starts.
func (r *jsonReader) raw() ([]byte, int, error) {
	if r.array != nil {
		return r.array.next()
	}
	w := r.in.window
	for {
		line, err := w.line()
		if line = bytes.TrimSpace(line); len(line) > 0 || err != nil {
			return line, w.lines, err
		}
	}
}

// item makes an item of a value. The error is why it can't.
func (r *jsonReader) item(number int, raw []byte) (label.Item, error) {
	if !utf8.Valid(raw) {
		return label.Item{}, badUTF8(raw)
	}
	if !json.Valid(raw) {
		var any json.RawMessage
		err := json.Unmarshal(raw, &any)
		at := int64(len(raw))
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			at = syntax.Offset
		}
		return label.Item{}, badf("bad JSON at byte %d: %v; write one object per line", at, err)
	}
	value, _ := parseJSON(raw)
	switch value := value.(type) {
	case string:
		it := r.in.item(number, "")
		it.Text = value
		r.in.check(&it, Columns{Text: r.columns.Text})
		return it, nil
	case map[string]any:
		return r.object(number, value)
	}
	return label.Item{}, badf("the line is %s; write an object such as {%q: \"...\"}", kind(value), r.columns.Text)
}

// object makes an item of a record whose columns are named in c. It uses up the record: what is left is Item.Meta.
func (in *input) object(number int, record map[string]any, c Columns) (label.Item, error) {
	id := ""
	if c.ID != "" {
		switch v := record[c.ID].(type) {
		case nil:
		case string:
			id = v
		case json.Number:
			id = v.String()
		default:
			return label.Item{}, badf("%q is %s; make it a string or a number", c.ID, kind(v))
		}
	}
	it := in.item(number, id)
	for _, f := range []struct {
		column string
		to     *string
	}{{c.Text, &it.Text}, {c.Pair, &it.Pair}} {
		if f.column == "" {
			continue
		}
		v, ok := record[f.column]
		if !ok {
			return label.Item{}, badf("no %q; the keys are %s", f.column, quoteAll(slices.Sorted(maps.Keys(record))))
		}
		if *f.to, ok = v.(string); !ok && v != nil {
			return label.Item{}, badf("%q is %s; make it a string", f.column, kind(v))
		}
	}
	gold, ok := golds(record[c.Label])
	for _, f := range []struct {
		column string
		used   bool
	}{{c.ID, true}, {c.Text, true}, {c.Label, ok}} {
		if f.used && f.column != "" { // "" names no column, but may be a key
			delete(record, f.column)
		}
	}
	if ok && c.Label != "" {
		it.Gold = gold
	}
	if len(record) > 0 {
		it.Meta = record
	}
	in.check(&it, c)
	return it, nil
}

// golds reads known labels: a string, a number, true or false, or a list of these; null is none. Labels of another
// form, such as spans, aren't labels of the whole item.
func golds(v any) ([]string, bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case string:
		if v == "" {
			return nil, true
		}
		return []string{v}, true
	case json.Number:
		return []string{v.String()}, true
	case bool:
		return []string{fmt.Sprint(v)}, true
	case []any:
		gold := make([]string, 0, len(v))
		for _, e := range v {
			one, ok := golds(e)
			if _, list := e.([]any); list || !ok || len(one) != 1 {
				return nil, false
			}
			gold = append(gold, one[0])
		}
		return gold, true
	}
	return nil, false
}

// kind says in words what a JSON value is.
func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case bool:
		return "true or false"
	case []any:
		return "a list"
	}
	return "an object"
}

// AppendJSONL appends the record of a result as a Sink writes it.
func AppendJSONL(to []byte, r label.Result, o SinkOptions) ([]byte, error) {
	return writeJSONL(o).append(to, r)
}

// writeJSONL gives the form of a prediction record: one object per line, its keys in a fixed order.
func writeJSONL(o SinkOptions) encoder {
	return encoder{append: func(to []byte, r label.Result) ([]byte, error) {
		w := objectWriter{to: append(to, '{')}
		w.field("id", r.Item.ID)
		if r.Item.Image != "" {
			w.field("image", r.Item.Image)
		}
		if r.Item.Text != "" {
			w.field("text", r.Item.Text)
		}
		failed := failure(r)
		switch p := r.Prediction; {
		case failed != "":
		case o.Embedding:
			w.raw("embedding", appendFloats(nil, p.Embedding))
			w.field("model", r.Model)
		default:
			w.field("label", oneOrMany(p.Labels, o.MultiLabel))
			w.raw("confidence", appendProb(nil, p.Confidence))
			w.raw("scores", appendScores(nil, p.Scores))
			if p.Explanation != nil {
				w.raw("explanation", appendScores(nil, p.Explanation))
			}
			w.field("route", r.Route)
			w.field("model", r.Model)
			if !p.Calibrated {
				w.field("calibrated", false)
			}
		}
		if len(r.Item.Meta) > 0 {
			w.field("meta", r.Item.Meta)
		}
		if len(r.Item.Gold) > 0 {
			w.field("gold", oneOrMany(r.Item.Gold, o.MultiLabel))
		}
		if failed != "" {
			w.field("error", failed)
		}
		return append(w.to, "}\n"...), w.err
	}}
}

// objectWriter appends the fields of a JSON object.
type objectWriter struct {
	to  []byte
	err error
}

func (w *objectWriter) key(name string) {
	if w.to[len(w.to)-1] != '{' {
		w.to = append(w.to, ',')
	}
	w.to = append(append(append(w.to, '"'), name...), `":`...)
}

func (w *objectWriter) raw(name string, value []byte) {
	w.key(name)
	w.to = append(w.to, value...)
}

func (w *objectWriter) field(name string, value any) {
	w.key(name)
	to, err := appendJSON(w.to, value)
	if w.to = to; err != nil && w.err == nil {
		w.err = fmt.Errorf("%s: %w", name, err)
	}
}
