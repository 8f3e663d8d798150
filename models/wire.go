package models

import (
	"fmt"
	"io"
)

// wire reads protobuf's wire format (protobuf.dev/programming-guides/encoding) out of a file without loading it:
// payloads that nobody asks for are seeked over, so a graph with gigabytes of weights costs a few small reads.
type wire struct {
	r      io.ReaderAt
	window [4096]byte
	at, n  int64 // window[:n] holds the file's bytes from at
}

// field is one key and its payload.
type field struct {
	num      uint64
	len      bool   // the payload is length-delimited: bytes from..to
	value    uint64 // the payload of a varint field
	from, to int64
}

func (w *wire) byte(pos int64) (byte, error) {
	if pos < w.at || pos >= w.at+w.n {
		n, err := w.r.ReadAt(w.window[:], pos)
		if n == 0 {
			return 0, err
		}
		w.at, w.n = pos, int64(n)
	}
	return w.window[pos-w.at], nil
}

// uvarint reads a varint that must end before end, and gives the position behind it.
func (w *wire) uvarint(pos, end int64) (v uint64, next int64, err error) {
	for shift := 0; shift < 70; shift += 7 {
		if pos >= end {
			return 0, 0, fmt.Errorf("byte %d: number is cut off", pos)
		}
		b, err := w.byte(pos)
		if err != nil {
			return 0, 0, err
		}
		pos++
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, pos, nil
		}
	}
	return 0, 0, fmt.Errorf("byte %d: number is too long", pos)
}

// walk gives visit each field of the message in from..to, and fails unless the fields fill it exactly.
func (w *wire) walk(from, to int64, visit func(field) error) error {
	for pos := from; pos < to; {
		key, next, err := w.uvarint(pos, to)
		if err != nil {
			return err
		}
		f := field{num: key >> 3, from: next}
		switch key & 7 {
		case 0:
			f.value, f.to, err = w.uvarint(next, to)
			if err != nil {
				return err
			}
		case 1:
			f.to = next + 8
		case 2:
			n, start, err := w.uvarint(next, to)
			if err != nil {
				return err
			}
			if n > uint64(to-start) {
				return fmt.Errorf("byte %d: field %d holds %d bytes, %d are left", pos, f.num, n, to-start)
			}
			f.len, f.from, f.to = true, start, start+int64(n)
		case 5:
			f.to = next + 4
		default: // groups, which ONNX has none of
			return fmt.Errorf("byte %d: no protobuf field starts here", pos)
		}
		if f.num == 0 || f.to > to {
			return fmt.Errorf("byte %d: no whole protobuf field starts here", pos)
		}
		if err := visit(f); err != nil {
			return err
		}
		pos = f.to
	}
	return nil
}

// text reads the payload of f, which may be max bytes long.
func (w *wire) text(f field, max int64) (string, error) {
	if f.to-f.from > max {
		return "", fmt.Errorf("byte %d: name of %d bytes, want at most %d", f.from, f.to-f.from, max)
	}
	b := make([]byte, f.to-f.from)
	if n, err := w.r.ReadAt(b, f.from); n < len(b) {
		return "", err
	}
	return string(b), nil
}
