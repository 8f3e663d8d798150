package dataset

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/labelloop/labelloop/internal/label"
)

const headSize = 64 << 10 // bytes of an input that are looked at before reading starts

// input is one file, or standard input.
type input struct {
	path   string // as the person named it, "-" for standard input
	name   string // what ids are made of: the base name, or path where two inputs share it
	format *format
	size   int64  // bytes on disk; 0 for a stream
	stream bool   // can't be opened a second time: standard input, a named pipe
	held   []byte // what is read, where that is in memory and no file

	file   *os.File
	window *window
	raw    *counter // nil unless the input is compressed
	rows   *float64 // share of rows read, for formats that aren't read front to back

	begin   func() (reader, error) // opens it again and starts reading
	files   []string               // pictures that were named one by one; nil for other inputs
	skipped int                    // files of a folder or archive that are no pictures
}

// counter counts the bytes that are read through it.
type counter struct {
	src io.Reader
	n   int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.src.Read(p)
	c.n += int64(n)
	return n, err
}

// root is the folder that a table's paths are relative to.
func (in *input) root(c Columns) string {
	switch {
	case c.Root != "":
		return c.Root
	case in.path == "-":
		return "."
	}
	return filepath.Dir(in.path)
}

// stat looks at the path without opening it.
func (in *input) stat() error {
	switch {
	case in.held != nil:
		in.size = int64(len(in.held))
		return nil
	case in.path == "-":
		in.stream = true
		return nil
	}
	info, err := os.Stat(in.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(in.path, "*?["):
		return fmt.Errorf("no file matches %s: %w", in.path, fs.ErrNotExist)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s isn't there; check the name and the folder: %w", in.path, fs.ErrNotExist)
	case err != nil:
		return fmt.Errorf("open input: %w", err)
	case info.IsDir():
		return label.Errorf(label.ErrUsage, "%s is a folder; name its files, or a pattern such as %s", in.path,
			filepath.Join(in.path, "*.csv"))
	}
	in.stream = !info.Mode().IsRegular()
	if !in.stream {
		in.size = info.Size()
	}
	return nil
}

// open opens the input, unpacks gzip, fills the window with the head and steps over a byte order mark.
func (in *input) open() error {
	if in.held != nil {
		in.window = heldWindow(in.held)
		return nil
	}
	in.file = os.Stdin
	if in.path != "-" {
		f, err := os.Open(in.path)
		if err != nil {
			return fmt.Errorf("open input: %w", err)
		}
		in.file = f
	}
	raw := &counter{src: in.file}
	src := bufio.NewReaderSize(raw, headSize)
	in.window = newWindow(src)
	if magic, _ := src.Peek(2); string(magic) == "\x1f\x8b" {
		unpacked, err := gzip.NewReader(src)
		if err != nil {
			return in.wrap(err)
		}
		in.raw, in.window.src = raw, unpacked
	}
	w := in.window
	for len(w.data()) < headSize {
		// A stream may be slow: its first line has to do.
		if in.stream && bytes.IndexByte(w.data(), '\n') >= 0 || !w.more() {
			break
		}
	}
	if w.err != nil && w.err != io.EOF {
		return in.wrap(w.err)
	}
	w.takeMark()
	return nil
}

func (in *input) close() error {
	if in.file == nil || in.file == os.Stdin {
		return nil
	}
	err := in.file.Close()
	in.file = nil
	return err
}

// head is what has been read of the input before anything was taken.
func (in *input) head() []byte {
	d := in.window.data()
	if in.stream {
		if i := bytes.IndexByte(d, '\n'); i >= 0 {
			return d[:i+1] // how much more has arrived is chance
		}
	}
	return d[:min(len(d), headSize)]
}

// done gives the bytes on disk that have been used.
func (in *input) done() int64 {
	switch {
	case in.rows != nil:
		return int64(*in.rows * float64(in.size))
	case in.raw != nil:
		return in.raw.n
	}
	return in.window.taken
}

// wrap says what went wrong in reading the input, and how far it got.
func (in *input) wrap(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("read %s: cut off after line %d; copy or compress it again: %w", in.path, in.window.lines, err)
	}
	return fmt.Errorf("read %s: after line %d: %w", in.path, in.window.lines, err)
}

// item begins an item on a line of the input. Without an id of its own it is called by its place.
func (in *input) item(line int, id string) label.Item {
	if id == "" {
		id = in.name + ":" + strconv.Itoa(line)
	}
	return label.Item{ID: id, Place: label.Place{File: in.path, Line: line}}
}

// fail makes the item that stands for a row that can't be read.
func (in *input) fail(line int, why error) label.Item {
	it := in.item(line, "")
	it.Err = fmt.Errorf("%s: %w", it.Place, why)
	return it
}

// rowError is why one row can't be read, and what to do about it.
type rowError string

func (e rowError) Error() string { return string(e) }

const errLongLine = rowError("the line is longer than 64 MiB; split it")

func badf(format string, args ...any) rowError { return rowError(fmt.Sprintf(format, args...)) }

func badUTF8(row []byte) rowError {
	at := 0
	for at < len(row) {
		r, n := utf8.DecodeRune(row[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	return badf("invalid UTF-8 at byte %d of the row; convert the file: iconv -f latin1 -t utf-8 FILE > NEW", at+1)
}

// check makes an item an error item if its text or pair is empty.
func (in *input) check(it *label.Item, c Columns) {
	for _, f := range []struct{ column, text string }{{c.Text, it.Text}, {c.Pair, it.Pair}} {
		if f.column != "" && strings.TrimSpace(f.text) == "" {
			it.Err = fmt.Errorf("%s: empty text in column %q; fill it in or delete the row", it.Place, f.column)
			return
		}
	}
}
