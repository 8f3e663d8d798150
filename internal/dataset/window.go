package dataset

import (
	"bytes"
	"io"
)

const (
	windowSize = 256 << 10
	maxRecord  = 64 << 20 // bytes of one line or record; a longer one becomes an error item and is not held
)

// window is a growing view of a stream. Parsers look at data in place, ask for more until they have seen a whole
// record, and take it; what they don't take they can parse again.
type window struct {
	src   io.Reader
	buf   []byte
	r, w  int   // buf[r:w] is read and not taken
	err   error // why src gives no more
	taken int64 // bytes
	lines int   // lines taken
}

func newWindow(src io.Reader) *window {
	return &window{src: src, buf: make([]byte, windowSize)}
}

// heldWindow views what is in memory already.
func heldWindow(held []byte) *window {
	w := &window{buf: held, w: len(held), err: io.EOF}
	w.takeMark()
	return w
}

// takeMark steps over a byte order mark.
func (w *window) takeMark() {
	if bytes.HasPrefix(w.data(), []byte("\xef\xbb\xbf")) {
		w.take(3)
	}
}

// data is what has been read and not taken; more invalidates it.
func (w *window) data() []byte { return w.buf[w.r:w.w] }

// more reads on. It reports false at the end of the stream or on an error; w.err says which.
func (w *window) more() bool {
	if w.err != nil {
		return false
	}
	if w.w == len(w.buf) {
		size := len(w.buf)
		switch pending := w.w - w.r; {
		case w.r == 0:
			size *= 2
		case pending < windowSize/2:
			size = windowSize // give back what a long record needed
		}
		to := w.buf
		if size != len(w.buf) {
			to = make([]byte, size)
		}
		w.w = copy(to, w.buf[w.r:w.w])
		w.r, w.buf = 0, to
	}
	n := 0
	for n == 0 && w.err == nil {
		n, w.err = w.src.Read(w.buf[w.w:])
	}
	w.w += n
	return n > 0
}

// take steps over n bytes of data. Slices of it stay valid until more.
func (w *window) take(n int) {
	w.r += n
	w.taken += int64(n)
}

// find gives the index in data, at or after from, of the next c, reading as far as it must. The error is io.EOF at
// the end of the stream, errLongLine past the bound of a record, or the stream's.
func (w *window) find(from int, c byte) (int, error) {
	for {
		d := w.data()
		if i := bytes.IndexByte(d[from:], c); i >= 0 {
			return from + i, nil
		}
		from = len(d)
		if from > maxRecord {
			return 0, errLongLine
		}
		if !w.more() {
			return 0, w.err
		}
	}
}

// line takes the next line and gives it without its end, LF or CRLF. It is valid until the next call. A line over the
// bound of a record is stepped over: errLongLine. io.EOF: no more lines.
func (w *window) line() ([]byte, error) {
	end, err := w.find(0, '\n')
	switch {
	case err == io.EOF && len(w.data()) > 0:
		line := w.data()
		w.take(len(line))
		w.lines++
		return bytes.TrimSuffix(line, []byte("\r")), nil
	case err == errLongLine:
		if err := w.dropLine(); err != nil {
			return nil, err
		}
		return nil, errLongLine
	case err != nil:
		return nil, err
	}
	line := w.data()[:end]
	w.take(end + 1)
	w.lines++
	return bytes.TrimSuffix(line, []byte("\r")), nil
}

// dropLine steps over the rest of a line without holding it.
func (w *window) dropLine() error {
	w.lines++
	for {
		if i := bytes.IndexByte(w.data(), '\n'); i >= 0 {
			w.take(i + 1)
			return nil
		}
		w.take(len(w.data()))
		if !w.more() {
			if w.err == io.EOF {
				return nil
			}
			return w.err
		}
	}
}
