package models

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// maxConfig bounds every JSON file that is read here. The largest label sets need well under 4 MB.
const maxConfig = 8 << 20

// folder is a model directory from which nothing outside can be reached, neither by path nor by link.
type folder struct {
	dir  string // as the person named it
	root *os.Root
	base string // the model's directory within root
}

func openFolder(dir string) (*folder, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("open model %s: no such directory: %w", dir, ErrNotModel)
	case err != nil:
		return nil, fmt.Errorf("open model: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("open model %s: a file; name the directory that holds it: %w", dir, ErrNotModel)
	}
	outer, base := hubCache(dir)
	root, err := os.OpenRoot(outer)
	if err != nil {
		return nil, fmt.Errorf("open model: %w", err)
	}
	return &folder{dir, root, base}, nil
}

func (f *folder) Close() error { return f.root.Close() }

// hubCache splits the directory that links may not leave from the model's path below it. They are the same but in
// Hugging Face's cache, where models--ORG--NAME/snapshots/COMMIT holds links into models--ORG--NAME/blobs.
func hubCache(dir string) (outer, base string) {
	abs, err := filepath.Abs(dir)
	if err != nil || filepath.Base(filepath.Dir(abs)) != "snapshots" {
		return dir, "."
	}
	outer = filepath.Dir(filepath.Dir(abs))
	if info, err := os.Stat(filepath.Join(outer, "blobs")); err != nil || !info.IsDir() {
		return dir, "."
	}
	return outer, "snapshots/" + filepath.Base(abs)
}

// path names a file of the model as the person named the directory.
func (f *folder) path(name string) string { return filepath.Join(f.dir, filepath.FromSlash(name)) }

// open opens a regular file of the model.
func (f *folder) open(name string) (*os.File, fs.FileInfo, error) {
	if err := localPath(name); err != nil {
		return nil, nil, err
	}
	inner := path.Join(f.base, name)
	info, err := f.root.Stat(inner)
	if err != nil {
		if link, e := f.root.Readlink(inner); e == nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("open %s: its link to %s %w; put a copy in its place", f.path(name), link, ErrUnsafe)
		}
		return nil, nil, fmt.Errorf("open %s: %w", f.path(name), cause(err))
	}
	if !info.Mode().IsRegular() { // opening a named pipe would block
		return nil, nil, fmt.Errorf("open %s: not a regular file: %w", f.path(name), ErrNotModel)
	}
	file, err := f.root.Open(inner)
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", f.path(name), cause(err))
	}
	return file, info, nil
}

// cause takes the path off an error whose message names it already, and better.
func cause(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

// has says whether the model holds a file, or a link, of that name.
func (f *folder) has(name string) bool {
	_, err := f.root.Lstat(path.Join(f.base, name))
	return err == nil
}

// list lists a directory of the model; one that is not there is empty.
func (f *folder) list(dir string) ([]fs.DirEntry, error) {
	list, err := fs.ReadDir(f.root.FS(), path.Join(f.base, dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list %s: %w", f.path(dir), cause(err))
	}
	return list, nil
}

// read reads a small file whole.
func (f *folder) read(name string) ([]byte, error) { return f.readAtMost(name, maxConfig) }

// readAtMost reads a file whole that is no longer than most bytes.
func (f *folder) readAtMost(name string, most int64) ([]byte, error) {
	file, info, err := f.open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.path(name), cause(err))
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("read %s: %d bytes, want at most %d: %w", f.path(name), info.Size(), most, ErrDamaged)
	}
	return data, nil
}

// readJSON decodes a small file into v. A file that is not there leaves v as it is.
func (f *folder) readJSON(name string, v any) error {
	data, err := f.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("parse %s: %w: %w", f.path(name), err, ErrDamaged)
	}
	return nil
}

// readGraph inspects one ONNX file of the model.
func (f *folder) readGraph(name string) (graph, error) {
	file, info, err := f.open(name)
	if err != nil {
		return graph{}, err
	}
	defer file.Close()
	g, err := readGraph(file, info.Size())
	if err != nil {
		return graph{}, fmt.Errorf("read graph %s: %w", f.path(name), err)
	}
	return g, nil
}
