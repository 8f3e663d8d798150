package dataset

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"sync/atomic"

	"github.com/labelloop/labelloop/internal/label"
)

// Source reads several inputs one after the other. Next is for one goroutine; Progress is for any.
type Source struct {
	inputs  []*input
	readers []reader // of inputs that were opened and can't be opened again, else nil
	columns Columns
	digest  string

	at      int    // inputs[at] is being read, if current isn't nil
	current reader // of inputs[at]
	past    int64  // bytes of the inputs before it
	err     error  // what the next Next gives
	waits   bool   // some input may make Next wait for another process
	left    bool   // a read was left alone when its Next was cancelled

	done  atomic.Int64
	total int64
}

// Open checks all inputs and starts reading: each must be there, be in a format that is known and have the columns
// asked for. An input is a path, or "-" for standard input; gzip is unpacked. The format is told by the extension where
// formatName is ""; standard input and pipes are JSONL where they begin with '{', else plain text.
func Open(inputs []string, formatName string, c Columns) (*Source, error) {
	return open(inputs, c, c.Images, func(in *input) (*format, error) { return in.choose(formatName) })
}

// Read reads what is in memory, in a format by its name, as Open reads a file of that name.
func Read(name string, held []byte, formatName string, c Columns) (*Source, error) {
	in := &input{path: name, name: name, held: held}
	return openInputs([]*input{in}, c, false, func(in *input) (*format, error) { return in.choose(formatName) })
}

// open is Open for formats that choose tells once the input is open. Where pictures is set, inputs may also be pictures,
// folders and archives of them.
func open(inputs []string, c Columns, pictures bool, choose func(*input) (*format, error)) (*Source, error) {
	if len(inputs) == 0 {
		return nil, label.Errorf(label.ErrUsage, "no input; name files, or - for standard input")
	}
	count := map[string]int{}
	for _, path := range inputs {
		count[filepath.Base(path)]++
	}
	list := plain(inputs)
	if pictures {
		var err error
		if list, err = expand(inputs); err != nil {
			return nil, err
		}
	}
	for _, in := range list {
		if count[in.name] > 1 {
			in.name = in.path
		}
	}
	return openInputs(list, c, pictures, choose)
}

func openInputs(list []*input, c Columns, pictures bool, choose func(*input) (*format, error)) (*Source, error) {
	s := &Source{columns: c}
	digest := sha256.New()
	fmt.Fprintf(digest, "%+v\n", c)
	for _, in := range list {
		prefix := "" // of ids: one folder's pictures are called by their paths in it
		if len(list) > 1 {
			prefix = in.name + "/"
		}
		in.begin = func() (reader, error) { return in.start(c) }
		r, err := in.probe(choose, pictures, prefix, c, digest)
		if err != nil {
			in.close()
			s.Close()
			return nil, err
		}
		if !in.stream {
			if err := in.close(); err != nil {
				return nil, in.wrap(err)
			}
			r = nil
		}
		s.inputs, s.readers = append(s.inputs, in), append(s.readers, r)
		s.total += in.size
		s.waits = s.waits || in.stream
	}
	if s.waits {
		s.total = 0
	}
	s.digest = hex.EncodeToString(digest.Sum(nil))
	return s, nil
}

// plain makes inputs of tables.
func plain(named []string) []*input {
	list := make([]*input, len(named))
	for i, name := range named {
		list[i] = &input{path: name, name: filepath.Base(name)}
	}
	return list
}

// start opens an input whose format is settled.
func (in *input) start(c Columns) (reader, error) {
	if err := in.open(); err != nil {
		return nil, err
	}
	return in.format.read(in, c)
}

// probe opens an input, settles its format, checks what can be checked before reading, and adds to the fingerprint.
func (in *input) probe(choose func(*input) (*format, error), pictures bool, prefix string, c Columns, digest io.Writer) (reader, error) {
	if pictures {
		r, err := in.openPictures(prefix, digest)
		if err != nil {
			return nil, err
		}
		if r != nil {
			in.begin = func() (reader, error) { return in.openPictures(prefix, io.Discard) }
			return r, nil
		}
	}
	if err := in.stat(); err != nil {
		return nil, err
	}
	if err := in.open(); err != nil {
		return nil, err
	}
	var err error
	if in.format, err = choose(in); err != nil {
		return nil, err
	}
	if in.format.text {
		if err := checkText(in.path, in.window.data()); err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(digest, "%q %s %d %x\n", filepath.Base(in.path), in.format.name, in.size, sha256.Sum256(in.head()))
	return in.format.read(in, c)
}

// choose finds the format by its name, or by the extension where that is "".
func (in *input) choose(name string) (*format, error) {
	switch {
	case name != "":
		return formatNamed(name, canRead)
	case in.stream && bytes.HasPrefix(bytes.TrimSpace(in.head()), []byte("{")):
		return formatNamed("jsonl", canRead)
	case in.stream:
		return formatNamed("txt", canRead)
	}
	return formatOf(in.path, canRead)
}

// Next gives up to n items, at least one, or io.EOF when all inputs are drained. A row that can't be read comes as an
// item with Err set. Any other error ends the reading. After a cancelled Next only Close may be called.
func (s *Source) Next(ctx context.Context, n int) ([]label.Item, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !s.waits {
		return s.next(n)
	}
	type batch struct {
		items []label.Item
		err   error
	}
	read := make(chan batch, 1)
	go func() {
		items, err := s.next(n)
		read <- batch{items, err}
	}()
	select {
	case <-ctx.Done():
		s.left = true
		return nil, ctx.Err() // the read can't be interrupted; it ends with the process
	case b := <-read:
		return b.items, b.err
	}
}

// maxHeld ends a Next early when its pictures, out of an archive, hold so many bytes.
const maxHeld = 4 << 20

func (s *Source) next(n int) ([]label.Item, error) {
	var items []label.Item
	for held := 0; len(items) < n && held < maxHeld && s.err == nil; {
		var it label.Item
		if it, s.err = s.one(); s.err == nil {
			items = append(items, it)
			held += it.Held
		}
	}
	if s.current != nil {
		s.done.Store(s.past + s.inputs[s.at].done())
	}
	if len(items) == 0 {
		return nil, s.err
	}
	return items, nil
}

// one gives the next item of whichever input it is in.
func (s *Source) one() (label.Item, error) {
	for ; s.at < len(s.inputs); s.at++ {
		in := s.inputs[s.at]
		if s.current == nil {
			if s.current = s.readers[s.at]; s.current == nil {
				r, err := in.begin()
				if err != nil {
					return label.Item{}, err
				}
				s.current = r
			}
		}
		it, err := s.current.next()
		if err == nil && s.columns.Images && in.format != nil {
			it = listed(it, in.root(s.columns))
		}
		if err != io.EOF {
			return it, err
		}
		s.current = nil
		s.past += in.size
		s.done.Store(s.past)
		if err := in.close(); err != nil {
			return label.Item{}, in.wrap(err)
		}
	}
	return label.Item{}, io.EOF
}

// Progress gives the bytes read of the bytes in all inputs; total is 0 where it isn't known.
func (s *Source) Progress() (done, total int64) { return s.done.Load(), s.total }

// Skipped is how many files of folders and archives are no pictures by their names. It is whole when Next has given io.EOF.
func (s *Source) Skipped() int {
	n := 0
	for _, in := range s.inputs {
		n += in.skipped
	}
	return n
}

// Fingerprint tells these inputs, read in this way, from others: a digest of their base names, formats, sizes and
// first 64 KiB (of a stream the first line), and of the columns asked for.
func (s *Source) Fingerprint() string { return s.digest }

// Close closes what is open. Standard input stays open.
func (s *Source) Close() error {
	if s.left {
		return nil // a cancelled Next is still reading; the files go with the process
	}
	var first error
	for _, in := range s.inputs {
		if err := in.close(); err != nil && first == nil {
			first = in.wrap(err)
		}
	}
	return first
}
