package dataset

import (
	"bytes"
	"io"
	"unicode/utf8"

	"github.com/labelloop/labelloop/internal/label"
)

// txtReader reads plain text, one text per line. Blank lines carry no text and are stepped over.
type txtReader struct{ in *input }

func readTXT(in *input, c Columns) (reader, error) { return txtReader{in}, nil }

func (t txtReader) next() (label.Item, error) {
	w := t.in.window
	for {
		line, err := w.line()
		switch {
		case err == errLongLine:
			return t.in.fail(w.lines, errLongLine), nil
		case err == io.EOF:
			return label.Item{}, io.EOF
		case err != nil:
			return label.Item{}, t.in.wrap(err)
		case len(bytes.TrimSpace(line)) == 0:
			continue
		case !utf8.Valid(line):
			return t.in.fail(w.lines, badUTF8(line)), nil
		}
		it := t.in.item(w.lines, "")
		it.Text = string(line)
		return it, nil
	}
}
