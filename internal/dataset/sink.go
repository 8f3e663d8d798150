package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/labelloop/labelloop/internal/label"
)

// SinkOptions says how results are written.
type SinkOptions struct {
	Resume    bool // go on with an unfinished output; begin where there is none
	Overwrite bool // replace what is there

	// Job is what the records depend on, under names that people know: model, task, labels, flags, inputs. An unfinished
	// output is resumed only by the job that began it.
	Job map[string]string

	MultiLabel bool // labels are lists
	Embedding  bool // records hold an embedding in place of labels
	Images     bool // items are pictures
}

// Sink writes results to a file or to standard output, in the order in which they come.
//
// A file is unfinished from Create to Finish, and says so by a file PATH.resume beside it; it can be resumed after any
// crash. Parquet, which can't be appended to, grows as JSONL in PATH.part and is made out of that by Finish.
type Sink struct {
	path    string // as the person named it
	records string // the file that grows: path, or PATH.part
	encoder encoder
	pack    func(io.Reader, io.Writer, SinkOptions) error
	options SinkOptions

	job   *job // nil for a stream
	out   file
	size  int64 // of the whole records
	done  int
	fresh bool // nothing was there when this process began
	buf   []byte
}

// file is what a sink needs of the file that grows.
type file interface {
	io.Writer
	io.ReaderAt
	Truncate(size int64) error
	Sync() error
	Close() error
}

// Create takes an output: a file, or "-" for standard output, which can't be resumed, as a pipe or device can't. The
// format is told by the extension where format is ""; standard output and devices are JSONL then.
//
// Without Resume or Overwrite, nothing that is there is touched. With Resume, a finished output is ErrComplete, and the
// record that a crash cut is removed from an unfinished one.
func Create(path, format string, o SinkOptions) (*Sink, error) {
	if o.Resume && o.Overwrite {
		return nil, label.Errorf(label.ErrUsage, "--resume and --overwrite exclude each other")
	}
	stream := path == "-"
	if info, err := os.Stat(path); err == nil && !stream {
		if info.IsDir() {
			return nil, label.Errorf(label.ErrUsage, "create %s: it is a folder; name a file in it", path)
		}
		stream = !info.Mode().IsRegular()
	}
	if stream && format == "" {
		format = "jsonl"
	}
	f, err := outputFormat(path, format)
	if err != nil {
		return nil, err
	}
	s := &Sink{path: path, records: path, encoder: f.write(o), pack: f.pack, options: o}
	if stream {
		return s, s.openStream()
	}
	if s.pack != nil {
		s.records = path + ".part"
	}
	if s.job, err = beginJob(path, s.records, o); err != nil {
		return nil, err
	}
	if err := s.openFile(); err != nil {
		s.job.file.Close()
		return nil, err
	}
	return s, nil
}

func outputFormat(path, name string) (*format, error) {
	if name != "" {
		return formatNamed(name, canWrite)
	}
	return formatOf(path, canWrite)
}

func (s *Sink) openStream() error {
	switch {
	case s.options.Resume:
		return label.Errorf(label.ErrUsage, "%s can't be resumed; name a file with --output", s.path)
	case s.pack != nil:
		return label.Errorf(label.ErrUsage, "Parquet can't be written to %s; name a file with --output", s.path)
	}
	s.out = os.Stdout
	if s.path != "-" {
		f, err := os.OpenFile(s.path, os.O_WRONLY, 0)
		if err != nil {
			return createError(s.path, err)
		}
		s.out = f
	}
	return s.write(s.encoder.header, 0)
}

// openFile opens the file that grows and cuts it back to its whole records.
func (s *Sink) openFile() error {
	f, err := os.OpenFile(s.records, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return createError(s.path, err)
	}
	s.out = f
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return createError(s.path, err)
	}
	s.fresh = info.Size() == 0
	if err := s.cut(-1); err != nil {
		f.Close()
		return err
	}
	return nil
}

// cut drops all that follows the first n records, or the last whole one if n < 0, and writes the header if that isn't
// whole.
func (s *Sink) cut(n int) error {
	header := make([]byte, len(s.encoder.header))
	have, err := s.out.ReadAt(header, 0)
	if err != nil && err != io.EOF {
		return fmt.Errorf("read %s: %w", s.records, err)
	}
	if !bytes.HasPrefix(s.encoder.header, header[:have]) {
		return fmt.Errorf("resume %s: its header isn't that of this job; start again with --overwrite", s.path)
	}
	s.done, s.size = 0, 0
	if have == len(header) {
		end := int64(0)
		if s.done, end, err = countRecords(io.NewSectionReader(s.out, int64(have), 1<<62), s.encoder.quoted, n); err != nil {
			return fmt.Errorf("read %s: %w", s.records, err)
		}
		s.size = int64(have) + end
		header = nil
	}
	if err := s.out.Truncate(s.size); err != nil {
		return fmt.Errorf("cut %s: %w", s.records, err)
	}
	if header == nil {
		return nil
	}
	return s.write(s.encoder.header, 0)
}

// countRecords counts whole records, n at most unless n < 0, and gives the length of them all. Where quoted is set, a
// line end within double quotes ends no record.
func countRecords(r io.Reader, quoted bool, n int) (count int, length int64, err error) {
	buf := make([]byte, 256<<10)
	within := false
	for at := int64(0); count != n; {
		got, err := r.Read(buf)
		for i, c := range buf[:got] {
			switch {
			case c == '"' && quoted:
				within = !within
			case c == '\n' && !within:
				count++
				length = at + int64(i) + 1
				if count == n {
					return count, length, nil
				}
			}
		}
		at += int64(got)
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, 0, err
		}
	}
	return count, length, nil
}

// Done gives the number of whole records that are there.
func (s *Sink) Done() int { return s.done }

// Keep cuts the output back to its first n records, so that a pipeline can go on at the boundary of a window.
func (s *Sink) Keep(n int) error {
	switch {
	case n == s.done:
		return nil
	case n < 0 || n > s.done || s.job == nil:
		return fmt.Errorf("keep %d records of %s: it has %d", n, s.path, s.done)
	}
	return s.cut(n)
}

// Put appends results, in one write. Where that fails, the whole records that were there before stay.
func (s *Sink) Put(ctx context.Context, rs []label.Result) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b := s.buf[:0]
	for _, r := range rs {
		var err error
		if b, err = s.encoder.append(b, r); err != nil {
			return fmt.Errorf("write %s: item %s: %w", s.path, r.Item.ID, err)
		}
	}
	s.buf = b
	return s.write(b, len(rs))
}

func (s *Sink) write(b []byte, records int) error {
	if len(b) == 0 {
		return nil
	}
	if _, err := s.out.Write(b); err != nil {
		if s.job != nil {
			err = errors.Join(err, s.out.Truncate(s.size))
		}
		return s.writeError(err)
	}
	s.size += int64(len(b))
	s.done += records
	return nil
}

// writeError says what to do about a failed write.
func (s *Sink) writeError(err error) error {
	name := s.path
	if name == "-" {
		name = "standard output"
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	remedy := "put that right"
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		remedy = "free space"
	}
	if s.job == nil {
		return fmt.Errorf("write %s: %w; %s, then run again", name, err, remedy)
	}
	return fmt.Errorf("write %s: %w; %s, then run again with --resume", name, err, remedy)
}

// Finish completes the output. Parquet is made here, out of the journal.
func (s *Sink) Finish() error {
	if s.job == nil {
		return nil
	}
	if err := s.out.Sync(); err != nil {
		return s.writeError(err)
	}
	if s.pack != nil {
		if err := s.convert(); err != nil {
			return s.writeError(err)
		}
	}
	if err := s.job.finish(); err != nil {
		return err
	}
	s.fresh = false
	return nil
}

// convert makes the output out of the journal.
func (s *Sink) convert() error {
	to, err := createOutput(s.path)
	if err != nil {
		return err
	}
	defer to.abort()
	if err := s.pack(io.NewSectionReader(s.out, 0, s.size), to.file, s.options); err != nil {
		return err
	}
	if err := to.commit(); err != nil {
		return err
	}
	return os.Remove(s.records)
}

// Close lets go of the output. Without Finish it stays unfinished, to be resumed; one that this process began and put
// nothing into is removed.
func (s *Sink) Close() error {
	if s.job == nil {
		if s.out == os.Stdout {
			return nil
		}
		return s.out.Close()
	}
	if s.fresh && s.done == 0 {
		os.Remove(s.records)
		os.Remove(s.job.name())
	}
	return errors.Join(s.out.Close(), s.job.file.Close())
}
