package models

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Registry finds models by name. Each of its directories holds entries NAME: either a model itself, as the default
// models are laid out, or one directory per version and a file "current" that names one of them, as Import writes it.
type Registry struct {
	Dirs []string // searched in order; the first that can be written to takes imports
}

// entry is NAME in one of the registry's directories.
type entry struct {
	name, dir string
	versions  []string // directories of versions, sorted; none where dir is a model itself
}

// entries lists what the registry's directories hold. One that doesn't exist holds nothing.
func (r Registry) entries() ([]entry, error) {
	var found []entry
	var errs []error
	for _, dir := range r.Dirs {
		list, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("list models: %w", err))
		}
		for _, l := range list {
			e := entry{name: l.Name(), dir: filepath.Join(dir, l.Name())}
			inside, err := os.ReadDir(e.dir)
			inside = slices.DeleteFunc(inside, func(f fs.DirEntry) bool { return strings.HasPrefix(f.Name(), ".") }) // of a version that is being written
			if !nameForm.MatchString(e.name) || err != nil || len(inside) == 0 {
				continue // hidden, a file, or a directory emptied by hand
			}
			for _, v := range inside {
				if v.IsDir() && versionForm.MatchString(v.Name()) {
					e.versions = append(e.versions, v.Name())
				}
			}
			found = append(found, e)
		}
	}
	return found, errors.Join(errs...)
}

// current gives the version that the name alone means, "" where dir is a model itself.
func (e entry) current() (string, error) {
	if len(e.versions) == 0 {
		return "", nil
	}
	pointer := filepath.Join(e.dir, currentName)
	data, err := os.ReadFile(pointer)
	if v := strings.TrimSpace(string(data)); err == nil && slices.Contains(e.versions, v) {
		return v, nil
	}
	if len(e.versions) == 1 {
		return e.versions[0], nil
	}
	return "", fmt.Errorf("choose a version of %s: %s names none of %s; write one into it, or say %s@VERSION: %w",
		e.name, pointer, strings.Join(e.versions, ", "), e.name, ErrNotFound)
}

// open opens one version, or the model that dir is. The registry's name wins over the manifest's: a person may have
// renamed the directory.
func (e entry) open(version string) (*Model, error) {
	dir := e.dir
	if len(e.versions) > 0 {
		dir = filepath.Join(dir, version)
	}
	m, err := Open(dir)
	if err != nil {
		return nil, err
	}
	m.Manifest.Name = e.name
	return m, nil
}

// List opens every version in the registry: by directory, then by name, the current version of each name first. That none
// was chosen yet is no error here. The error joins those of the entries that could not be opened; the others are listed
// nonetheless.
func (r Registry) List() ([]*Model, error) {
	found, err := r.entries()
	errs := []error{err}
	var list []*Model
	for _, e := range found {
		current, err := e.current()
		if _, chosen := os.Stat(filepath.Join(e.dir, currentName)); chosen == nil {
			errs = append(errs, err)
		}
		versions := slices.Clone(e.versions)
		if len(versions) == 0 {
			versions = []string{""}
		}
		if i := slices.Index(versions, current); i > 0 {
			versions[0], versions[i] = versions[i], versions[0]
		}
		for _, v := range versions {
			m, err := e.open(v)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			list = append(list, m)
		}
	}
	return list, errors.Join(errs...)
}

// Find opens a model by the path of its directory, by NAME, or by NAME@VERSION, where the first digits of the version
// are enough. A path is what contains a separator or names a directory with a model in it. Unknown names give an
// error that wraps ErrNotFound and lists the names there are, the nearest first.
func (r Registry) Find(nameOrDir string) (*Model, error) {
	if strings.ContainsAny(nameOrDir, "/"+string(filepath.Separator)) || nameOrDir == "." || nameOrDir == ".." {
		return Open(nameOrDir)
	}
	var here error
	if info, err := os.Stat(nameOrDir); err == nil && info.IsDir() {
		m, err := Open(nameOrDir)
		if !errors.Is(err, ErrNotModel) {
			return m, err
		}
		here = err // a directory that happens to be called like a model, or a wrong one
	}
	m, err := r.find(nameOrDir)
	if here != nil && errors.Is(err, ErrNotFound) {
		return nil, here
	}
	return m, err
}

func (r Registry) find(spec string) (*Model, error) {
	name, version, versioned := strings.Cut(spec, "@")
	all, err := r.entries()
	if err != nil {
		return nil, err
	}
	var named []entry
	for _, e := range all {
		if e.name == name {
			named = append(named, e)
		}
	}
	if len(named) == 0 {
		return nil, r.unknown(name, all)
	}
	if !versioned {
		current, err := named[0].current()
		if err != nil {
			return nil, err
		}
		return named[0].open(current)
	}
	holds := map[string]entry{}
	for _, e := range slices.Backward(named) { // the first to hold a version wins
		versions := e.versions
		if len(versions) == 0 {
			m, err := e.open("")
			if err != nil {
				return nil, err
			}
			versions = []string{m.Manifest.Version}
		}
		for _, v := range versions {
			holds[v] = e
		}
	}
	there := slices.Sorted(maps.Keys(holds))
	fit := slices.DeleteFunc(slices.Clone(there), func(v string) bool { return !strings.HasPrefix(v, version) })
	switch len(fit) {
	case 0:
		return nil, fmt.Errorf("find model %s: there is %s: %w", spec, strings.Join(there, ", "), ErrNotFound)
	case 1:
		return holds[fit[0]].open(fit[0])
	}
	return nil, fmt.Errorf("find model %s: could be %s: %w", spec, strings.Join(fit, " or "), ErrNotFound)
}
