package models

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// removedPrefix begins the names of versions that are being removed.
const removedPrefix = ".removed-"

// Remove takes a version out of the registry, and its files off the disk. In one step it is listed no more; the files of a
// removal that was cut off go with the next one, or with the next version that is written. The current version stays: the
// error then says so. A version that isn't there gives an error that wraps ErrNotFound.
func (r Registry) Remove(name, version string) error {
	for _, dir := range r.Dirs {
		home := filepath.Join(dir, name)
		if _, err := os.Stat(filepath.Join(home, version)); !versionForm.MatchString(version) || err != nil {
			continue
		}
		if err := remove(home, version); err != nil {
			return fmt.Errorf("remove %s@%s: %w", name, version, err)
		}
		return nil
	}
	return fmt.Errorf("remove %s@%s: no such version in %s: %w", name, version, strings.Join(r.Dirs, ", "), ErrNotFound)
}

func remove(home, version string) error {
	unlock, err := lock(home)
	if err != nil {
		return err
	}
	defer unlock()
	current, err := readCurrent(home)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if current == version {
		return fmt.Errorf("it is in use, by %s", filepath.Join(home, currentName))
	}
	sweep(home)
	hidden := filepath.Join(home, removedPrefix+version)
	if err := os.Rename(filepath.Join(home, version), hidden); err != nil {
		return err
	}
	if err := syncDir(home); err != nil {
		return err
	}
	return os.RemoveAll(hidden)
}
