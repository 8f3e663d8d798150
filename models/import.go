package models

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Import copies the model in dir into the registry, as Add does, and makes it the current version of its name.
func (r Registry) Import(ctx context.Context, dir, name string) (*Model, error) {
	m, err := r.Add(ctx, dir, name)
	if err != nil {
		return nil, err
	}
	if err := setCurrent(filepath.Dir(m.Dir), m.Manifest.Version); err != nil {
		return nil, fmt.Errorf("import %s: %w", dir, err)
	}
	return m, nil
}

// Add copies the model in dir into the registry as a new version of name, and gives it as it stands there. An empty name
// is taken from the model. The copy appears whole, on disk and under its version, or not at all; a version that is there
// already is left as it is. Files that are no part of the model stay behind.
func (r Registry) Add(ctx context.Context, dir, name string) (*Model, error) {
	f, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, sealed, err := f.manifest()
	if err != nil {
		return nil, err
	}
	if sealed {
		err = f.checkFiles(m)
	} else {
		m, err = f.describe()
	}
	if err != nil {
		return nil, err
	}
	if name != "" {
		m.Name = name
	}
	if !nameForm.MatchString(m.Name) {
		return nil, fmt.Errorf("import %s: name %q: give one of letters, digits, '.', '_' and '-', 100 at most", dir, m.Name)
	}
	home, temp, err := r.stage(m.Name)
	if err != nil {
		return nil, fmt.Errorf("import %s: %w", dir, err)
	}
	defer os.Remove(home) // does nothing when a version is in it
	defer os.RemoveAll(temp)
	if err := f.copyTo(ctx, temp, &m, sealed); err != nil {
		return nil, fmt.Errorf("import %s: %w", dir, err)
	}
	if err := publish(home, temp, m); err != nil {
		return nil, fmt.Errorf("import %s: %w", dir, err)
	}
	return Open(filepath.Join(home, m.Version))
}

// stage makes the entry for name in the first directory that can be written to, and a hidden one in it to copy into.
func (r Registry) stage(name string) (home, temp string, err error) {
	var errs []error
	for _, dir := range r.Dirs {
		home = filepath.Join(dir, name)
		for _, name := range []string{"config.json", manifestName} {
			if _, err := os.Stat(filepath.Join(home, name)); err == nil {
				return "", "", fmt.Errorf("%s is a model without versions: choose another name", home)
			}
		}
		if err := os.MkdirAll(home, 0o755); err != nil {
			errs = append(errs, err)
			continue
		}
		sweep(home)
		if temp, err = os.MkdirTemp(home, stagePrefix+"*"); err != nil {
			errs = append(errs, err)
			continue
		}
		return home, temp, os.Chmod(temp, 0o755)
	}
	return "", "", fmt.Errorf("no directory of the registry can be written to: %w", errors.Join(errs...))
}

const stagePrefix = ".import-"

// sweep removes what was left behind by those that were killed: copies and pointers that nothing was added to for a day, and
// versions that were being removed. What it can't remove does no harm.
func sweep(home string) {
	list, _ := os.ReadDir(home)
	for _, e := range list {
		info, err := e.Info()
		old := err == nil && time.Since(info.ModTime()) > 24*time.Hour
		written := strings.HasPrefix(e.Name(), stagePrefix) || strings.HasPrefix(e.Name(), pointerPrefix)
		if strings.HasPrefix(e.Name(), removedPrefix) || written && old {
			os.RemoveAll(filepath.Join(home, e.Name()))
		}
	}
}

// copyTo copies the files of m to the directory temp, and completes m with what was really copied.
func (f *folder) copyTo(ctx context.Context, temp string, m *Manifest, sealed bool) error {
	to, err := os.OpenRoot(temp)
	if err != nil {
		return err
	}
	defer to.Close()
	m.Files = slices.Clone(m.Files)
	dirs := map[string]bool{".": true}
	for i := range m.Files {
		want := &m.Files[i]
		for d := path.Dir(want.Path); !dirs[d]; d = path.Dir(d) {
			dirs[d] = true
		}
		if err := to.MkdirAll(filepath.FromSlash(path.Dir(want.Path)), 0o755); err != nil {
			return err
		}
		size, sum, err := f.copyFile(ctx, to, want.Path)
		if err != nil {
			return err
		}
		if (sealed && sum != want.SHA256) || size != want.Size {
			return fmt.Errorf("copy %s: sha256 %s and %d bytes are not what was expected: %w", f.path(want.Path), sum, size, ErrDamaged)
		}
		want.SHA256 = sum
	}
	m.Version = version(m.Files)
	if err := m.check(); err != nil {
		return err
	}
	data, err := m.encode()
	if err != nil {
		return err
	}
	if err := writeSync(to, manifestName, data); err != nil {
		return err
	}
	if err := writeSync(to, sumName, sumLine(data)); err != nil {
		return err
	}
	for d := range dirs {
		if err := syncDir(filepath.Join(temp, filepath.FromSlash(d))); err != nil {
			return err
		}
	}
	return nil
}

// copyFile copies one file and digests it on the way. Copies are read-only: a version never changes.
func (f *folder) copyFile(ctx context.Context, to *os.Root, name string) (int64, string, error) {
	from, _, err := f.open(name)
	if err != nil {
		return 0, "", err
	}
	defer from.Close()
	file, err := to.OpenFile(filepath.FromSlash(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return 0, "", err
	}
	defer file.Close()
	n, sum, err := copyDigest(ctx, file, from)
	if err != nil {
		return 0, "", fmt.Errorf("copy %s: %w", f.path(name), err)
	}
	if err := file.Sync(); err != nil {
		return 0, "", err
	}
	return n, sum, file.Close()
}

// publish gives a finished copy its place.
func publish(home, temp string, m Manifest) error {
	final := filepath.Join(home, m.Version)
	if err := os.Rename(temp, final); err != nil {
		if _, statErr := os.Stat(final); statErr != nil {
			return err
		}
		problems, err := Verify(final)
		if err == nil && len(problems) > 0 {
			err = fmt.Errorf("%s: %w", problems[0], ErrDamaged)
		}
		if err != nil {
			return fmt.Errorf("this version is in %s already, but damaged; remove that directory first: %w", final, err)
		}
	}
	return syncDir(home)
}

func writeSync(root *os.Root, name string, data []byte) error {
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(data); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return file.Close()
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
