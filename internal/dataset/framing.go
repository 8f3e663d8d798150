package dataset

import (
	"io"
	"maps"
	"slices"
)

// row is the form of a record: fields in a fixed order, then metadata in the order of its names.
type row struct {
	fields []field
	meta   map[string]any
}

// field is a named JSON value; nil is none.
type field struct {
	name  string
	value any
}

// framing puts rows one behind the other.
type framing interface {
	put(r row) error
	finish() error
}

// appendRow writes a row as a JSON object.
func appendRow(to []byte, r row) ([]byte, error) {
	to = append(to, '{')
	var err error
	add := func(name string, value any) {
		if to[len(to)-1] != '{' {
			to = append(to, ',')
		}
		if err == nil {
			to, err = appendJSON(to, name)
		}
		if to = append(to, ':'); err == nil {
			to, err = appendJSON(to, value)
		}
	}
	for _, f := range r.fields {
		if f.value != nil {
			add(f.name, f.value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.meta)) {
		add(name, r.meta[name])
	}
	return append(to, '}'), err
}

// lineFraming writes a JSON object per line.
type lineFraming struct {
	w   io.Writer
	buf []byte
}

func frameLines(w io.Writer, path string) (framing, error) { return &lineFraming{w: w}, nil }

func (f *lineFraming) put(r row) (err error) {
	if f.buf, err = appendRow(f.buf[:0], r); err != nil {
		return err
	}
	_, err = f.w.Write(append(f.buf, '\n'))
	return err
}

func (f *lineFraming) finish() error { return nil }

// arrayFraming writes one JSON array, an object per line.
type arrayFraming struct {
	w     io.Writer
	buf   []byte
	begun bool
}

func frameArray(w io.Writer, path string) (framing, error) { return &arrayFraming{w: w}, nil }

func (f *arrayFraming) put(r row) error {
	f.buf = append(f.buf[:0], "[\n"...)
	if f.begun {
		f.buf = append(f.buf[:0], ",\n"...)
	}
	f.begun = true
	var err error
	if f.buf, err = appendRow(f.buf, r); err != nil {
		return err
	}
	_, err = f.w.Write(f.buf)
	return err
}

func (f *arrayFraming) finish() error {
	end := "\n]\n"
	if !f.begun {
		end = "[]\n"
	}
	_, err := io.WriteString(f.w, end)
	return err
}
