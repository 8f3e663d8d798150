// Package models keeps model versions on disk: what a directory of exported files holds, which files belong to it and
// whether they are whole, and the registry in which versions have names. It runs no models, and it trusts no file: a
// model is somebody else's data until its lengths, paths and digests have been checked.
//
// See docs/models.md for the layouts that are understood.
package models

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// Model is one model version in a directory.
type Model struct {
	Dir      string
	Manifest Manifest
}

// Open reads the model in dir: by its manifest.json, or else from the layouts that Hugging Face's tools export.
// Sizes and structure of the files are checked, digests are not (see Verify). A directory without a model gives an
// error that wraps ErrNotModel; files cut off or contradictory give ErrDamaged, paths and links that lead out of dir
// ErrUnsafe, models for other tasks ErrUnsupported.
func Open(dir string) (*Model, error) {
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
		if err := f.checkFiles(m); err != nil {
			return nil, err
		}
		return &Model{dir, m}, nil
	}
	if m, err = f.describe(); err != nil {
		return nil, err
	}
	if err := f.digest(m.Files); err != nil {
		return nil, err
	}
	m.Version = version(m.Files)
	return &Model{dir, m}, nil
}

// manifest reads manifest.json; sealed is false where there is none.
func (f *folder) manifest() (m Manifest, sealed bool, err error) {
	data, err := f.read(manifestName)
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, false, nil
	}
	if err != nil {
		return Manifest{}, false, err
	}
	if m, err = parseManifest(data); err != nil {
		return Manifest{}, false, fmt.Errorf("parse %s: %w", f.path(manifestName), err)
	}
	return m, true, nil
}

// checkFiles compares sizes with the manifest, and makes sure that no graph reaches for files beyond it.
func (f *folder) checkFiles(m Manifest) error {
	listed := make(map[string]bool, len(m.Files))
	for _, want := range m.Files {
		listed[want.Path] = true
	}
	for _, want := range m.Files {
		file, info, err := f.open(want.Path)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %w", err, ErrDamaged)
		}
		if err != nil {
			return err
		}
		file.Close()
		if info.Size() != want.Size {
			return fmt.Errorf("open %s: %d bytes, the manifest says %d: %w", f.path(want.Path), info.Size(), want.Size, ErrDamaged)
		}
		if want.Role != RoleGraph {
			continue
		}
		g, err := f.readGraph(want.Path)
		if err != nil {
			return err
		}
		for location := range g.external {
			if p := path.Join(path.Dir(want.Path), location); !listed[p] {
				return fmt.Errorf("open %s: its weights in %s are not in the manifest: %w", f.path(want.Path), p, ErrDamaged)
			}
		}
	}
	return nil
}

// String gives "name@version".
func (m *Model) String() string { return m.Manifest.Name + "@" + m.Manifest.Version }

// Tokenizer gives the path of tokenizer.json, "" where there is none.
func (m *Model) Tokenizer() string {
	return m.find(func(f File) bool { return f.Role == RoleTokenizer })
}

// Preprocessor gives the path of preprocessor_config.json, "" where there is none.
func (m *Model) Preprocessor() string {
	return m.find(func(f File) bool { return f.Path == preprocessorName })
}

func (m *Model) find(is func(File) bool) string {
	if i := slices.IndexFunc(m.Manifest.Files, is); i >= 0 {
		return m.path(m.Manifest.Files[i])
	}
	return ""
}

// Split says whether pictures and texts have a graph each.
func (m *Model) Split() bool {
	return slices.ContainsFunc(m.Manifest.Files, func(f File) bool { return f.Part == Vision })
}

func (m *Model) path(f File) string { return filepath.Join(m.Dir, filepath.FromSlash(f.Path)) }

// Graph gives the path of the ONNX file of a part ("" where one graph is all) with the given precision, and that
// precision; "auto" is fp32 or, where there is none, the nearest to it.
func (m *Model) Graph(part, precision string) (file, found string, err error) {
	there := m.Precisions(part)
	for _, name := range there {
		if precision == "auto" || precision == name {
			best, _ := m.graph(part, name)
			return m.path(best), name, nil
		}
	}
	if len(there) == 0 {
		return "", "", fmt.Errorf("choose a graph of %s: the manifest lists none: %w", m, ErrNotModel)
	}
	return "", "", fmt.Errorf("choose a graph of %s: no %s, there is %s: %w", m, precision, strings.Join(there, ", "), ErrNotFound)
}

// What a graph has to agree with the most exact one in to be run in its place, and on how many samples that was seen.
const (
	agrees  = 0.995
	samples = 1000
)

// Reduced gives the File of a classifier's graph of the given precision if its labels are known to be those of the most exact graph. What
// was seen are the likeliest of the model's labels, so it doesn't count for several labels an item, or words that someone chooses.
func (m *Model) Reduced(precision string) (File, bool) {
	task := m.Manifest.Task
	f, ok := m.graph("", precision)
	if !ok || f.Agreement == nil || m.Manifest.MultiLabel || task != TextClassification && task != ImageClassification {
		return File{}, false
	}
	return f, f.Agreement.Share >= agrees && f.Agreement.Samples >= samples
}

// Precisions lists the precisions of a part's graphs, best first.
func (m *Model) Precisions(part string) []string {
	var there []string
	for _, p := range precisions {
		if _, ok := m.graph(part, p.name); ok {
			there = append(there, p.name)
		}
	}
	return there
}

// graph picks among the graphs of one part and precision: made for this processor first, then the plainest name.
func (m *Model) graph(part, precision string) (File, bool) {
	var fit []File
	for _, f := range m.Manifest.Files {
		if f.Role == RoleGraph && f.Part == part && f.Precision == precision {
			fit = append(fit, f)
		}
	}
	if len(fit) == 0 {
		return File{}, false
	}
	return slices.MinFunc(fit, func(a, b File) int {
		return cmp.Or(foreign(a.Path)-foreign(b.Path), len(a.Path)-len(b.Path), strings.Compare(a.Path, b.Path))
	}), true
}

// foreign is 1 for graphs quantized for another processor than this one (model_qint8_arm64.onnx).
func foreign(file string) int {
	arm, x86 := strings.Contains(file, "arm64"), strings.Contains(file, "avx")
	if arm && runtime.GOARCH != "arm64" || x86 && runtime.GOARCH != "amd64" {
		return 1
	}
	return 0
}

var hubName = regexp.MustCompile(`^models--(?:.*--)?(.+)$`)

// nameOf names the model in a directory after it; after the repository in Hugging Face's cache.
func nameOf(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	if outer, inner := hubCache(dir); inner != "." {
		if m := hubName.FindStringSubmatch(filepath.Base(outer)); m != nil {
			return m[1]
		}
	}
	return filepath.Base(dir)
}
