package dataset

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/labelloop/labelloop/internal/label"
)

// pictureExts are the endings that pictures have in folders and archives, those that no decoder here reads included: these
// are told of, other files are stepped over.
var pictureExts = []string{".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib",
	".tif", ".tiff", ".avif", ".heic", ".heif", ".jxl", ".jp2"}

func isPicture(name string) bool {
	base := path.Base(strings.ReplaceAll(name, "\\", "/"))
	return !strings.HasPrefix(base, ".") && slices.Contains(pictureExts, strings.ToLower(path.Ext(base)))
}

// maxPicture bounds the bytes of one encoded picture.
const maxPicture = 256 << 20

// expand makes inputs of pictures out of what was named: a pattern becomes the files it matches, and neighbouring picture
// files become one input.
func expand(named []string) ([]*input, error) {
	var inputs []*input
	add := func(name string) {
		if n := len(inputs); isPicture(name) && n > 0 && inputs[n-1].files != nil {
			inputs[n-1].files = append(inputs[n-1].files, name)
			return
		}
		in := &input{path: name, name: filepath.Base(name)}
		if isPicture(name) {
			in.files = []string{name}
		}
		inputs = append(inputs, in)
	}
	for _, name := range named {
		_, err := os.Lstat(name)
		if !errors.Is(err, fs.ErrNotExist) || !strings.ContainsAny(name, "*?[") {
			add(name)
			continue
		}
		matches, err := filepath.Glob(name)
		if err != nil {
			return nil, label.Errorf(label.ErrUsage, "%s: %w", name, err)
		}
		if len(matches) == 0 {
			return nil, fmt.Errorf("no file matches %s: %w", name, fs.ErrNotExist)
		}
		for _, match := range matches {
			add(match)
		}
	}
	return inputs, nil
}

// openPictures starts reading an input that is made of pictures; nil where it is a table that lists them.
func (in *input) openPictures(prefix string, digest io.Writer) (reader, error) {
	if in.files != nil {
		return in.openFiles(digest)
	}
	info, err := os.Stat(in.path)
	if err == nil && info.IsDir() {
		return in.openFolder(prefix, digest)
	}
	if open := archiveOf(in.path); err == nil && open != nil {
		in.size = info.Size()
		return open(in, prefix, digest)
	}
	return nil, nil // what else is wrong with it, the table's format says
}

// fileReader gives pictures that were named one by one.
type fileReader struct {
	in *input
	at int
}

func (in *input) openFiles(digest io.Writer) (reader, error) {
	in.size = 0
	for _, name := range in.files {
		info, err := os.Stat(name)
		if err != nil {
			continue // its record says so
		}
		in.size += info.Size()
		fmt.Fprintf(digest, "%q %d\n", filepath.Base(name), info.Size())
	}
	in.rows = new(float64)
	return &fileReader{in: in}, nil
}

func (r *fileReader) next() (label.Item, error) {
	if r.at == len(r.in.files) {
		return label.Item{}, io.EOF
	}
	name := r.in.files[r.at]
	r.at++
	*r.in.rows = float64(r.at) / float64(len(r.in.files))
	return picture(name, name, func() ([]byte, error) { return ReadPicture(name) }), nil
}

// ReadPicture reads the encoded picture of a file.
func ReadPicture(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return readPicture(file)
}

// picture makes the item of a picture file.
func picture(id, place string, load func() ([]byte, error)) label.Item {
	return label.Item{ID: id, Image: place, Place: label.Place{File: place}, Load: load}
}

// readPicture reads a whole file and closes it.
func readPicture(file *os.File) ([]byte, error) {
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("not a file")
	case info.Size() > maxPicture:
		return nil, badf("%d MiB; a picture may have %d", info.Size()>>20, maxPicture>>20)
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(file, data); err != nil {
		return nil, fmt.Errorf("the file became shorter while it was read: %w", err)
	}
	return data, nil
}

// inRoot opens a file below a folder. Paths and links that lead out of it are refused; so is what is no file, before it
// could block.
func inRoot(root, name string) ([]byte, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	info, err := r.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		return nil, badf("not a file")
	}
	var file *os.File
	if err == nil {
		file, err = r.Open(name)
	}
	if err != nil {
		var why *fs.PathError
		if errors.As(err, &why) {
			err = why.Err // the place is told already
		}
		return nil, fmt.Errorf("open the picture in %s: %w", root, err)
	}
	return readPicture(file)
}

// folderReader gives the pictures of a folder and of those below it, in the order of their names. Links to folders are
// not followed, so there are no loops.
type folderReader struct {
	in     *input
	prefix string
	names  []entry
	at     int
}

// entry is a picture in a folder, by its path from there.
type entry struct {
	name string
	err  error
}

func (in *input) openFolder(prefix string, digest io.Writer) (reader, error) {
	r := &folderReader{in: in, prefix: prefix}
	in.size, in.skipped = 0, 0
	err := filepath.WalkDir(in.path, func(at string, d fs.DirEntry, err error) error {
		name, relErr := filepath.Rel(in.path, at)
		if relErr != nil {
			return relErr
		}
		switch {
		case err != nil && name == ".":
			return err
		case err != nil: // a folder that can't be read
			r.names = append(r.names, entry{name, err})
			return nil
		case d.IsDir():
			if name != "." && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		}
		e := entry{name: name}
		var size int64
		if d.Type()&fs.ModeSymlink != 0 {
			target, err := os.Stat(at)
			if err == nil && target.IsDir() {
				e.err = badf("a link to a folder, which is not followed; name the folder itself as an input")
			} else if err == nil {
				size = target.Size()
			}
		} else if info, err := d.Info(); err == nil {
			size = info.Size()
		}
		if e.err == nil && !isPicture(name) {
			in.skipped++
			return nil
		}
		in.size += size
		fmt.Fprintf(digest, "%q %d\n", filepath.ToSlash(name), size)
		r.names = append(r.names, e)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read folder: %w", err)
	}
	if len(r.names) == 0 {
		return nil, label.Errorf(label.ErrUsage, "%s holds no picture (%s)", in.path, strings.Join(pictureExts, " "))
	}
	slices.SortFunc(r.names, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	in.rows = new(float64)
	return r, nil
}

func (r *folderReader) next() (label.Item, error) {
	if r.at == len(r.names) {
		return label.Item{}, io.EOF
	}
	e := r.names[r.at]
	r.at++
	*r.in.rows = float64(r.at) / float64(len(r.names))
	root := r.in.path
	it := picture(r.prefix+filepath.ToSlash(e.name), filepath.Join(root, e.name), func() ([]byte, error) { return inRoot(root, e.name) })
	if e.err != nil {
		it.Err = it.Place.Errorf("%w", e.err)
	}
	return it, nil
}

// listed makes the picture of a table's row out of the item whose text is its path, which is relative to root.
func listed(it label.Item, root string) label.Item {
	if it.Err != nil {
		return it
	}
	name := it.Text
	it.Text, it.Image = "", name
	if filepath.IsAbs(name) {
		abs, err := filepath.Abs(root)
		if err == nil {
			name, err = filepath.Rel(abs, name)
		}
		if err != nil {
			it.Err = it.Place.Errorf("%w", err)
			return it
		}
	} else {
		it.Image = filepath.Join(root, name)
	}
	if !filepath.IsLocal(name) {
		it.Err = it.Place.Errorf("%s is not in %s; name the folder that holds all pictures by --image-root", it.Image, root)
		return it
	}
	it.Load = func() ([]byte, error) {
		data, err := inRoot(root, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return data, nil
	}
	return it
}
