package dataset

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/labelloop/labelloop/internal/label"
)

// exchange is a format that labelled data comes in and goes out by. Several may have one name: then the extension tells
// them apart, and the first one is taken where that tells nothing.
type exchange struct {
	format
	family *family
	frame  func(w io.Writer, path string) (framing, error) // nil: read only
	cells  bool                                            // rows are made of text: a list of labels needs a form in one cell
}

// family is the meaning that formats share.
type family struct {
	// detect tells the family by the head of a text file; nil: it is what a file is that nothing else is known of.
	detect func(head []byte) bool

	// take moves what people said out of an item's metadata. The error is why the row can't be understood.
	take func(it *label.Item, c Columns) ([]label.Annotation, error)

	// rows gives the form of a record.
	rows func(r Record, l layout) ([]row, error)
}

var exchanges []*exchange

func init() { // not an initializer, for readers refer to it in their errors
	table := &family{take: takeTable, rows: tableRows}
	doccano := &family{detect: isDoccano, take: takeTable, rows: doccanoRows}
	prodigy := &family{detect: isProdigy, take: takeProdigy, rows: prodigyRows}
	studio := &family{detect: isStudio, take: takeStudio, rows: studioRows}
	fastText := &family{detect: isFastText, take: takeTable, rows: fastTextRows}
	lines, array := []string{".jsonl", ".ndjson", ".json"}, []string{".json"}
	text := func(name string, exts []string, read func(*input, Columns) (reader, error)) format {
		return format{name: name, exts: exts, text: true, read: read}
	}
	exchanges = []*exchange{
		{format: text("jsonl", lines, readJSON), family: table, frame: frameLines},
		{format: text("csv", []string{".csv"}, readCells(readCSV(','))), family: table, frame: frameTable(','), cells: true},
		{format: text("tsv", []string{".tsv", ".tab"}, readCells(readCSV('\t'))), family: table, frame: frameTable('\t'), cells: true},
		{format: format{name: "parquet", exts: []string{".parquet", ".pq"}, read: readCells(readParquet)}, family: table, frame: frameParquet, cells: true},
		{format: text("txt", []string{".txt", ".text"}, readTXT), family: table},
		{format: text("prodigy", lines, readObjects(prodigyItem)), family: prodigy, frame: frameLines},
		{format: text("doccano", lines, readDoccano(readJSON)), family: doccano, frame: frameLines},
		{format: text("doccano", []string{".csv"}, readDoccano(readCells(readCSV(',')))), family: doccano, frame: frameTable(','), cells: true},
		{format: format{name: "doccano", exts: []string{".zip"}, read: readDoccanoZip}, family: doccano, frame: frameDoccanoZip},
		{format: text("label-studio", array, readObjects(studioItem)), family: studio, frame: frameArray},
		{format: text("label-studio", []string{".jsonl", ".ndjson"}, readObjects(studioItem)), family: studio, frame: frameLines},
		{format: text("fasttext", []string{".ft", ".txt", ".train", ".valid", ".test"}, readFastText), family: fastText, frame: frameText},
	}
}

// imageFolder is the name of the format that is a folder and not a file.
const imageFolder = "imagefolder"

// ImportFormats and ExportFormats list the names of formats, in the order in which people see them.
func ImportFormats() []string { return exchangeNames(func(e *exchange) bool { return true }) }

// ExportFormats lists the formats that can be written.
func ExportFormats() []string { return exchangeNames(func(e *exchange) bool { return e.frame != nil }) }

func exchangeNames(can func(*exchange) bool) []string {
	var names []string
	for _, e := range exchanges {
		if can(e) && !slices.Contains(names, e.name) {
			names = append(names, e.name)
		}
	}
	return append(names, imageFolder)
}

// exchangeFor finds the format of a path by its name, or by the extension alone where that is "" and among those of a
// family, if one is given.
func exchangeFor(path, name string, of *family, can func(*exchange) bool) (*exchange, error) {
	ext := strings.ToLower(filepath.Ext(strings.TrimSuffix(path, ".gz")))
	var found *exchange
	for _, e := range exchanges {
		switch fits := slices.Contains(e.exts, ext); {
		case !can(e) || of != nil && e.family != of || name != "" && e.name != name:
		case fits:
			return e, nil
		case (name != "" || of != nil) && found == nil:
			found = e
		}
	}
	if found != nil {
		return found, nil
	}
	names := strings.Join(exchangeNames(can), ", ")
	if name != "" {
		return nil, label.Errorf(label.ErrUsage, "no format %q here; use one of %s", name, names)
	}
	return nil, label.Errorf(label.ErrUsage, "%s: neither the extension %q nor the content tells the format; name one by --format: %s", path, ext, names)
}

// ImportOptions says how labelled data is read.
type ImportOptions struct {
	Format  string // one of ImportFormats; "": told by content and extension
	Columns Columns
}

// Reader reads records. Its items, progress and errors are those of its Source.
type Reader struct {
	*Source
	columns Columns
	family  *family // nil: pictures that nothing is said of
	format  string

	folder  string          // of an image folder, else ""
	classes bool            // the folders in it are labels
	listed  map[string]bool // pictures that its metadata have named; nil where it has none, or they are done with
}

// Import begins to read labelled data: each input must be there and be in a format of one family. Known labels without
// an author become Item.Gold; labels that say whose they are become annotations; what is left of a row is Item.Meta.
func Import(inputs []string, o ImportOptions) (*Reader, error) {
	if o.Format == imageFolder || o.Format == "" && o.Columns.Images && len(inputs) == 1 && isFolder(inputs[0]) {
		return importFolder(inputs, o.Columns)
	}
	r := &Reader{columns: o.Columns}
	var err error
	r.Source, err = open(inputs, o.Columns, o.Columns.Images && o.Format == "", func(in *input) (*format, error) {
		e, err := chooseExchange(in, o.Format)
		if err != nil {
			return nil, err
		}
		if r.family != nil && e.family != r.family {
			return nil, label.Errorf(label.ErrUsage, "%s is %s, the inputs before it are %s; import them one by one", in.path, e.name, r.format)
		}
		r.family, r.format = e.family, e.name
		return &e.format, nil
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// chooseExchange settles the format of an open input.
func chooseExchange(in *input, name string) (*exchange, error) {
	can := func(*exchange) bool { return true }
	if name == "" {
		head := bytes.TrimSpace(in.head())
		for _, e := range exchanges {
			if e.family.detect != nil && e.text && e.family.detect(head) {
				return exchangeFor(in.path, "", e.family, can)
			}
		}
		if in.stream {
			name = "txt"
			if bytes.HasPrefix(head, []byte("{")) || bytes.HasPrefix(head, []byte("[")) {
				name = "jsonl"
			}
		}
	}
	return exchangeFor(in.path, name, nil, can)
}

// Format is the name of the inputs' format; of several in one family, of the last.
func (r *Reader) Format() string { return r.format }

// Next gives up to n records, at least one, or io.EOF when all inputs are drained. A row that can't be read comes as an
// item with Err set. Any other error ends the reading. After a cancelled Next only Close may be called.
func (r *Reader) Next(ctx context.Context, n int) ([]Record, error) {
	items, err := r.Source.Next(ctx, n)
	if err == io.EOF && r.listed != nil {
		if err = r.unlisted(); err == nil {
			items, err = r.Source.Next(ctx, n)
		}
	}
	if err != nil {
		return nil, err
	}
	records := make([]Record, len(items))
	for i, it := range items {
		var said []label.Annotation
		if r.folder != "" && it.Err == nil {
			r.inFolder(&it)
		}
		if r.family != nil && it.Err == nil {
			if said, err = r.family.take(&it, r.columns); err != nil {
				it.Err = fmt.Errorf("%s: %w", it.Place, err)
			}
			if len(it.Meta) == 0 {
				it.Meta = nil
			}
		}
		records[i] = Record{Item: it, Annotations: said}
	}
	return records, nil
}
