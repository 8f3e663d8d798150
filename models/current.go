package models

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	// currentName is the pointer to the version that NAME alone means.
	currentName = "current"
	// pointerPrefix begins the names of pointers that are not in place yet.
	pointerPrefix = ".current-"
)

// Promoted opens the version of a name that was made the current one. Unlike Find it does not take the only version there
// is for it: a candidate is not in use until it was promoted. Where none was the error wraps ErrNotFound.
func (r Registry) Promoted(name string) (*Model, error) {
	for _, dir := range r.Dirs {
		home := filepath.Join(dir, name)
		version, err := readCurrent(home)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return entry{name: name, dir: home, versions: []string{version}}.open(version)
	}
	return nil, fmt.Errorf("no version of %s was promoted: %w", name, ErrNotFound)
}

// Promote makes a version that is in the registry the current one of its name, after a look at every byte of it. The
// pointer is swapped in one step and is on the disk when Promote returns: whoever reads it, after whatever accident, finds
// the version before or this one.
func (r Registry) Promote(name, version string) (*Model, error) {
	for _, dir := range r.Dirs {
		home := filepath.Join(dir, name)
		if _, err := os.Stat(filepath.Join(home, version)); !versionForm.MatchString(version) || err != nil {
			continue
		}
		unlock, err := lock(home)
		if err != nil {
			return nil, fmt.Errorf("promote %s@%s: %w", name, version, err)
		}
		defer unlock()
		m, err := entry{name: name, dir: home, versions: []string{version}}.open(version)
		if err != nil {
			return nil, err
		}
		if err := m.Verify(); err != nil {
			return nil, err
		}
		if err := setCurrent(home, version); err != nil {
			return nil, fmt.Errorf("promote %s: %w", m, err)
		}
		return m, nil
	}
	return nil, fmt.Errorf("promote %s@%s: no such version in %s: %w", name, version, strings.Join(r.Dirs, ", "), ErrNotFound)
}

// readCurrent reads the pointer of a name.
func readCurrent(home string) (string, error) {
	path := filepath.Join(home, currentName)
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	version := strings.TrimSpace(string(data))
	if !versionForm.MatchString(version) {
		return "", fmt.Errorf("read %s: %.60q is no version: %w", path, version, ErrDamaged)
	}
	return version, nil
}

// setCurrent swaps the pointer in one step, and makes it durable.
func setCurrent(home, version string) error {
	temp, err := os.CreateTemp(home, pointerPrefix+"*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // does nothing once it is renamed
	defer temp.Close()
	if _, err := temp.WriteString(version + "\n"); err != nil {
		return err
	}
	if err := temp.Chmod(0o644); err != nil {
		return err
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), filepath.Join(home, currentName)); err != nil {
		return err
	}
	return syncDir(home)
}
