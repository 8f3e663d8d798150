package dataset

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/labelloop/labelloop/internal/label"
)

// errBrokenArray stands for all that follows the damage.
const errBrokenArray = rowError("bad JSON, and what follows in the array is lost; close its strings, lists and objects, with commas between")

// jsonArray gives the values of one JSON array, one after the other, so that the array may be larger than memory.
type jsonArray struct {
	decoder *json.Decoder
	source  *lineCounter
	began   bool
	ended   bool
}

func newJSONArray(w *window) *jsonArray {
	source := &lineCounter{window: w, line: 1}
	return &jsonArray{decoder: json.NewDecoder(source), source: source}
}

// next gives a value as it stands in the file, and the line on which it starts. errBrokenArray: it can't be told
// where the next one would begin; there is io.EOF after that.
func (a *jsonArray) next() (raw []byte, line int, err error) {
	if a.ended {
		return nil, a.source.line, io.EOF
	}
	if !a.began {
		a.began = true
		if _, err := a.decoder.Token(); err != nil {
			return a.fail(err)
		}
	}
	if !a.decoder.More() {
		if _, err := a.decoder.Token(); err != nil {
			return a.fail(err)
		}
		a.ended = true
		if _, err := a.decoder.Token(); err != io.EOF {
			return a.fail(err) // something stands behind the array
		}
		return nil, a.source.line, io.EOF
	}
	var value json.RawMessage
	if err := a.decoder.Decode(&value); err != nil {
		return a.fail(err)
	}
	if len(value) > maxRecord {
		return nil, a.source.at(a.decoder.InputOffset()), errLongLine
	}
	return value, a.source.at(a.decoder.InputOffset() - int64(len(value))), nil
}

// fail ends the array. An error of reading is given as it is.
func (a *jsonArray) fail(err error) ([]byte, int, error) {
	a.ended = true
	line := a.source.at(a.decoder.InputOffset())
	if err := a.source.window.err; err != nil && err != io.EOF {
		return nil, line, err
	}
	io.Copy(io.Discard, a.source)
	return nil, line, errBrokenArray
}

// lineCounter reads a window to its end and knows on which line each byte stands.
type lineCounter struct {
	window *window
	read   int64
	ends   []int64 // offsets of the line ends that were read and not asked about
	line   int     // of the first byte that was not asked about
	asked  int64   // the last offset that was asked about
}

func (c *lineCounter) Read(p []byte) (int, error) {
	w := c.window
	if c.read-c.asked > 4*maxRecord { // more than the decoder may have read ahead: one value has no end
		return 0, errLongLine
	}
	if len(w.data()) == 0 && !w.more() {
		return 0, w.err
	}
	n := copy(p, w.data())
	w.take(n)
	for at, rest := int64(0), p[:n]; ; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			break
		}
		at += int64(i) + 1
		c.ends = append(c.ends, c.read+at-1)
		rest = rest[i+1:]
		w.lines++
	}
	c.read += int64(n)
	return n, nil
}

// at gives the line of an offset. Offsets must not go back.
func (c *lineCounter) at(offset int64) int {
	n := 0
	for n < len(c.ends) && c.ends[n] < offset {
		n++
	}
	c.line += n
	c.ends, c.asked = c.ends[n:], offset
	return c.line
}

// isArray tells whether an input is one JSON array.
func isArray(in *input) bool { return bytes.HasPrefix(bytes.TrimSpace(in.head()), []byte("[")) }

// readJSON reads a table's rows from either form of JSON.
func readJSON(in *input, c Columns) (reader, error) {
	if isArray(in) {
		return readJSONArray(in, c)
	}
	return readJSONL(in, c)
}

// readJSONArray looks for the columns in the objects that are whole in the head.
func readJSONArray(in *input, c Columns) (reader, error) {
	keys := map[string]bool{}
	d := json.NewDecoder(bytes.NewReader(in.head()))
	for _, err := d.Token(); err == nil && d.More(); {
		var raw json.RawMessage
		if err = d.Decode(&raw); err != nil {
			break
		}
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) == nil {
			for key := range object {
				keys[key] = true
			}
		}
	}
	r, err := newJSONReader(in, c, keys)
	if err != nil {
		return nil, err
	}
	r.array = newJSONArray(in.window)
	return r, nil
}

// readObjects reads objects of another shape than a table's row, one per line or all in one array.
func readObjects(object func(in *input, line int, object map[string]any, c Columns) (label.Item, error)) func(*input, Columns) (reader, error) {
	return func(in *input, c Columns) (reader, error) {
		r := &jsonReader{in: in, columns: c}
		r.columns.Text = c.Text
		if c.Text == "" {
			r.columns.Text = c.usualContent()
		}
		r.object = func(line int, o map[string]any) (label.Item, error) { return object(in, line, o, c) }
		if isArray(in) {
			r.array = newJSONArray(in.window)
		}
		return r, nil
	}
}
