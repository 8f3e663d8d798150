package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/labelloop/labelloop/internal/label"
)

// An image folder (Hugging Face's data sets call it ImageFolder) holds pictures as SPLIT/CLASS/NAME, where the folder that
// a picture is in is its label; or anyhow, with files metadata.jsonl or metadata.csv that name them by file_name, and then
// no folder is a label.
const fileName = "file_name"

var folderMetadata = []string{"metadata.jsonl", "metadata.csv", "metadata.parquet"}

// folderSplits are the names of folders that are parts of a data set, and not labels.
var folderSplits = []string{"train", "training", "test", "testing", "eval", "evaluation", "valid", "validation", "val", "dev"}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// importFolder reads one image folder.
func importFolder(inputs []string, c Columns) (*Reader, error) {
	if len(inputs) != 1 {
		return nil, label.Errorf(label.ErrUsage, "%d inputs; import image folders one by one", len(inputs))
	}
	if !isFolder(inputs[0]) {
		return nil, label.Errorf(label.ErrUsage, "%s is no folder, so it can't be read as %s", inputs[0], imageFolder)
	}
	r := &Reader{columns: c, folder: inputs[0], format: imageFolder}
	r.columns.Images = true
	var tables []string
	classes, depths := map[string]bool{}, map[int]bool{}
	err := filepath.WalkDir(r.folder, func(at string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || d.IsDir():
		case slices.Contains(folderMetadata, d.Name()):
			tables = append(tables, at)
		case isPicture(d.Name()):
			classes[filepath.Dir(at)], depths[strings.Count(at, string(filepath.Separator))] = true, true
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read folder: %w", err)
	}
	if len(tables) == 0 {
		// As Hugging Face has it: one folder, or folders at several depths, are no labels.
		r.classes = len(classes) > 1 && len(depths) == 1
		r.Source, err = open(inputs, r.columns, true, nil)
		return r, err
	}
	r.listed = map[string]bool{}
	r.columns.Text = orElse(c.Text, fileName)
	r.Source, err = open(tables, r.columns, false, func(in *input) (*format, error) {
		e, err := chooseExchange(in, strings.TrimPrefix(filepath.Ext(in.path), "."))
		if err != nil {
			return nil, err
		}
		r.family = e.family
		return &e.format, nil
	})
	return r, err
}

// inFolder completes the item of a picture by where it lies.
func (r *Reader) inFolder(it *label.Item) {
	name, err := filepath.Rel(r.folder, it.Image)
	if err != nil {
		return
	}
	parts := strings.Split(filepath.ToSlash(name), "/")
	if it.Meta == nil {
		it.Meta = map[string]any{}
	}
	if _, own := it.Meta[splitField]; !own && len(parts) > 1 && slices.Contains(folderSplits, parts[0]) {
		it.Meta[splitField] = parts[0]
	}
	if generated(*it) {
		it.ID = filepath.ToSlash(name)
	}
	if r.listed != nil {
		r.listed[filepath.Clean(it.Image)] = true
		if _, err := os.Stat(it.Image); err != nil {
			it.Err = it.Place.Errorf("the picture isn't there: %w", err)
		}
	}
	if class := parts[max(len(parts)-2, 0)]; r.classes && (len(parts) > 2 || !slices.Contains(folderSplits, class)) {
		it.Gold = []string{class}
	}
	if len(it.Meta) == 0 {
		it.Meta = nil
	}
}

// unlisted goes on with the pictures that no metadata name. They have no labels.
func (r *Reader) unlisted() error {
	rest, err := open([]string{r.folder}, Columns{Images: true}, true, nil)
	if err != nil {
		return err
	}
	var left []string
	for {
		it, err := rest.one()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if !r.listed[filepath.Clean(it.Image)] {
			left = append(left, it.Image)
		}
	}
	r.listed = nil
	if len(left) == 0 {
		return io.EOF
	}
	r.Source, err = open(left, Columns{Images: true}, true, nil)
	return err
}

// splitField is the metadata field that says which part of a data set an item is in.
const splitField = "split"

// folderWriter writes pictures as SPLIT/CLASS/NAME and a metadata.jsonl for each part, which holds all that is known of
// them. The folder takes its name when it is whole.
type folderWriter struct {
	layout layout
	path   string
	tmp    string
	tables map[string]*folderTable // by split, "" for what is in none
	taken  map[string]int          // names of pictures -> how many wanted them
}

// folderTable is a file of metadata.
type folderTable struct {
	framing
	file *os.File
	buf  *bufio.Writer
}

func newFolderWriter(name string, o ExportOptions) (*folderWriter, error) {
	if name == "-" {
		return nil, label.Errorf(label.ErrUsage, "a folder can't be written to standard output; name one by --output")
	}
	if entries, err := os.ReadDir(name); err == nil && len(entries) > 0 {
		return nil, fmt.Errorf("%s is already there and not empty; name another --output: %w", name, fs.ErrExist)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, createError(name, err)
	}
	name = filepath.Clean(name)
	tmp, err := os.MkdirTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return nil, createError(name, err)
	}
	w := &folderWriter{path: name, tmp: tmp, tables: map[string]*folderTable{}, taken: map[string]int{}}
	w.layout = layout{ExportOptions: o}
	w.layout.Columns = Columns{Images: true, Text: fileName, MultiLabel: o.Columns.MultiLabel}
	if err := os.Chmod(tmp, 0o755); err != nil {
		w.abort()
		return nil, createError(name, err)
	}
	return w, nil
}

func (w *folderWriter) put(r Record) error {
	if r.Item.Image == "" {
		return label.Errorf(label.ErrUsage, "an image folder has pictures, not texts; take jsonl")
	}
	split, _ := r.Item.Meta[splitField].(string)
	if !slices.Contains(folderSplits, split) {
		split = ""
	}
	name := w.place(r.Item, split)
	if err := w.copy(r.Item, name); err != nil {
		return err
	}
	w.layout.root = filepath.Join(w.tmp, split)
	r.Item.Image = filepath.Join(w.tmp, name)
	rows, err := rowsOf(r, w.layout, "", fileName, w.layout.labelValue)
	if err != nil {
		return err
	}
	table, err := w.table(split)
	if err != nil {
		return err
	}
	return table.put(rows[0])
}

// table gives the metadata of a split.
func (w *folderWriter) table(split string) (*folderTable, error) {
	if t := w.tables[split]; t != nil {
		return t, nil
	}
	file, err := os.Create(filepath.Join(w.tmp, split, folderMetadata[0]))
	if err != nil {
		return nil, err
	}
	t := &folderTable{file: file, buf: bufio.NewWriterSize(file, headSize)}
	w.tables[split] = t
	t.framing, err = frameLines(t.buf, w.path)
	return t, err
}

// place chooses the picture's name in the folder.
func (w *folderWriter) place(it label.Item, split string) string {
	parts := []string{split}
	if len(it.Gold) == 1 {
		parts = append(parts, classFolder(it.Gold[0]))
	}
	base := path.Base(filepath.ToSlash(it.Image))
	name := path.Join(append(parts, base)...)
	for w.taken[name]++; w.taken[name] > 1; w.taken[name]++ {
		ext := path.Ext(base)
		again := path.Join(append(parts, strings.TrimSuffix(base, ext)+"-"+strconv.Itoa(w.taken[name])+ext)...)
		if w.taken[again] == 0 {
			w.taken[again] = 1
			return again
		}
	}
	return name
}

// classFolder names the folder of a label. One that can't name a folder is escaped as in URLs; the metadata have it as it is.
func classFolder(name string) string {
	name = url.PathEscape(name)
	if strings.HasPrefix(name, ".") || slices.Contains(folderSplits, name) {
		name = fmt.Sprintf("%%%02X", name[0]) + name[1:]
	}
	const longest = 200
	if len(name) > longest {
		name = strings.TrimRight(name[:longest], "%")
	}
	return name
}

func (w *folderWriter) copy(it label.Item, name string) error {
	to := filepath.Join(w.tmp, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	load := it.Load
	if load == nil {
		load = func() ([]byte, error) { return ReadPicture(it.Image) }
	}
	data, err := load()
	if err != nil {
		return err
	}
	if _, err := out.Write(data); err != nil {
		return err
	}
	return errors.Join(out.Sync(), out.Close())
}

func (w *folderWriter) finish() error {
	for _, t := range w.tables {
		if err := errors.Join(t.buf.Flush(), t.file.Sync()); err != nil {
			return err
		}
	}
	if err := os.Rename(w.tmp, w.path); err != nil {
		return err
	}
	w.tmp = ""
	return syncFolder(w.path)
}

func (w *folderWriter) abort() {
	for split, t := range w.tables {
		t.file.Close()
		delete(w.tables, split)
	}
	if w.tmp != "" {
		os.RemoveAll(w.tmp)
		w.tmp = ""
	}
}
