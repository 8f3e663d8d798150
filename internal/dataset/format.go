// Package dataset reads items from files and writes results to files: one Go file per file format, all of them
// streaming, so that a file may be larger than memory.
//
// A row that can't be read never stops a job: it comes out of Source.Next as an item whose Err says where it stands
// and what to do about it. What makes a whole input useless (it is missing, it is binary, the column asked for isn't
// there) is found by Open, before any work starts.
package dataset

import (
	"io"
	"path/filepath"
	"strings"

	"github.com/labelloop/labelloop/internal/label"
)

// format is one file format. To add one, write its file and list it in the table below.
type format struct {
	name string
	exts []string
	text bool // made of text: not read where the head of the input looks binary

	// read starts reading an opened input and checks that it has the columns asked for. nil: write only.
	read func(in *input, c Columns) (reader, error)

	// write gives the form of a record. nil: read only.
	write func(o SinkOptions) encoder

	// pack makes the finished file out of the JSONL records. nil: records go straight into the output, and a crash
	// costs the last one at most.
	pack func(records io.Reader, to io.Writer, o SinkOptions) error
}

// reader gives the items of one input in order, then io.EOF. Any other error ends the job.
type reader interface {
	next() (label.Item, error)
}

// encoder is the form of a record in an output file.
type encoder struct {
	header []byte // what a file begins with
	quoted bool   // a line end within double quotes is no end of record
	append func(to []byte, r label.Result) ([]byte, error)
}

// formats holds every format, in the order in which people see them.
var formats []*format

func init() { // not an initializer, for readers refer to it in their errors
	formats = []*format{
		{name: "jsonl", exts: []string{".jsonl", ".ndjson", ".json"}, text: true, read: readJSONL, write: writeJSONL},
		{name: "csv", exts: []string{".csv"}, text: true, read: readCSV(','), write: writeCSV(',')},
		{name: "tsv", exts: []string{".tsv", ".tab"}, text: true, read: readCSV('\t'), write: writeCSV('\t')},
		{name: "txt", exts: []string{".txt", ".text"}, text: true, read: readTXT},
		{name: "parquet", exts: []string{".parquet", ".pq"}, read: readParquet, write: writeJSONL, pack: packParquet},
	}
}

func canRead(f *format) bool  { return f.read != nil }
func canWrite(f *format) bool { return f.write != nil }

// formatNamed finds a format by its name among those that can do what is wanted.
func formatNamed(name string, can func(*format) bool) (*format, error) {
	for _, f := range formats {
		if f.name == name && can(f) {
			return f, nil
		}
	}
	return nil, label.Errorf(label.ErrUsage, "no format %q here; use %s", name, formatNames(can))
}

// formatOf finds a format by the extension of a path; a ".gz" behind it doesn't count.
func formatOf(path string, can func(*format) bool) (*format, error) {
	ext := strings.ToLower(filepath.Ext(strings.TrimSuffix(path, ".gz")))
	for _, f := range formats {
		for _, e := range f.exts {
			if e == ext && can(f) {
				return f, nil
			}
		}
	}
	if isPicture(path) {
		return nil, label.Errorf(label.ErrUsage, "%s is a picture, and the model reads texts; give it to an image model such as conse-lite0", path)
	}
	return nil, label.Errorf(label.ErrUsage, "%s: the extension %q tells no format; name one: %s", path, ext, formatNames(can))
}

func formatNames(can func(*format) bool) string {
	var names []string
	for _, f := range formats {
		if can(f) {
			names = append(names, f.name)
		}
	}
	return strings.Join(names, ", ")
}
