package models

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// Problem is one way in which a model directory differs from its manifest.
type Problem struct {
	Path string // relative to the model directory
	What string
}

// String gives "PATH: what is wrong".
func (p Problem) String() string { return p.Path + ": " + p.What }

// Verify reads every byte of the model version in dir and compares it with manifest.json: files changed, missing or
// not listed, and the manifest itself with its own digest. The error says why dir could not be compared at all:
// ErrNotModel for a directory without a manifest, such as a bare export.
func Verify(dir string) ([]Problem, error) {
	f, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, sealed, err := f.manifest()
	if err != nil {
		return nil, err
	}
	if !sealed {
		return nil, fmt.Errorf("verify %s: no manifest.json to compare it with; labelloop models import writes one: %w", dir, ErrNotModel)
	}
	var problems []Problem
	listed := map[string]bool{manifestName: true, sumName: true}
	for _, want := range m.Files {
		listed[want.Path] = true
		if what := f.compare(want); what != "" {
			problems = append(problems, Problem{want.Path, what})
		}
	}
	if what := f.compareManifest(); what != "" {
		problems = append(problems, Problem{manifestName, what})
	}
	extra, err := f.extra(listed)
	if err != nil {
		return nil, err
	}
	problems = append(problems, extra...)
	if len(problems) == 0 {
		if err := f.checkFiles(m); err != nil { // digests are right, so this is a model that was never sound
			return nil, err
		}
	}
	return problems, nil
}

// extra finds the files that are not listed.
func (f *folder) extra(listed map[string]bool) ([]Problem, error) {
	var problems []Problem
	err := fs.WalkDir(f.root.FS(), f.base, func(inner string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name := inner
		if f.base != "." {
			name = strings.TrimPrefix(inner, f.base+"/")
		}
		if !listed[name] {
			problems = append(problems, Problem{name, "not in the manifest"})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", f.dir, cause(err))
	}
	return problems, nil
}

// compare says in what a file differs from the manifest's entry, "" if it doesn't.
func (f *folder) compare(want File) string {
	file, info, err := f.open(want.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return "missing"
	}
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	if info.Size() != want.Size {
		return fmt.Sprintf("%d bytes, the manifest says %d", info.Size(), want.Size)
	}
	_, sum, err := copyDigest(context.Background(), io.Discard, file)
	if err != nil {
		return cause(err).Error()
	}
	if sum != want.SHA256 {
		return fmt.Sprintf("sha256 %s, the manifest says %s", sum, want.SHA256)
	}
	return ""
}

// compareManifest checks manifest.json against manifest.json.sha256. The version covers the files; this covers the
// rest: labels in another order would be as wrong as other weights.
func (f *folder) compareManifest() string {
	want, err := f.read(sumName)
	if errors.Is(err, fs.ErrNotExist) {
		return "no " + sumName + " beside it"
	}
	if err != nil {
		return err.Error()
	}
	data, err := f.read(manifestName)
	if err != nil {
		return err.Error()
	}
	if string(sumLine(data)) != string(want) {
		return "changed since it was written: sha256 differs from " + sumName
	}
	return ""
}

// Verify fails with ErrDamaged, naming each problem, unless every file is as the manifest says. See the function
// Verify.
func (m *Model) Verify() error {
	problems, err := Verify(m.Dir)
	if err != nil || len(problems) == 0 {
		return err
	}
	lines := make([]string, len(problems))
	for i, p := range problems {
		lines[i] = p.String()
	}
	slices.Sort(lines)
	return fmt.Errorf("verify %s: %s: %w", m.Dir, strings.Join(lines, "; "), ErrDamaged)
}
