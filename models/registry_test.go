package models

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// imported gives a registry that holds the layout as NAME, and what Import returned.
func imported(t *testing.T, layout files, name string) (Registry, *Model) {
	t.Helper()
	r := Registry{Dirs: []string{filepath.Join(t.TempDir(), "registry")}}
	m, err := r.Import(t.Context(), layout.write(t, "source"), name)
	if err != nil {
		t.Fatal(err)
	}
	return r, m
}

// rewrite changes a file of a version, which is read-only.
func rewrite(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestImportThenVerify(t *testing.T) {
	_, m := imported(t, withWeights, "tiny")
	if err := m.Verify(); err != nil {
		t.Fatal(err)
	}
	bare, err := Open(withWeights.write(t, "tiny"))
	if err != nil {
		t.Fatal(err)
	}
	if m.String() != bare.String() {
		t.Errorf("imported as %s, the bare directory is %s", m, bare)
	}
	// Each file with each of a few bytes flipped: the report names it.
	listed := []string{manifestName, "config.json", "tokenizer.json", "onnx/model.onnx", "onnx/model.onnx_data", "LICENSE"}
	for _, name := range listed {
		for _, part := range []float64{0, 0.3, 0.7, 0.999} {
			path := filepath.Join(m.Dir, filepath.FromSlash(name))
			flip := func(b []byte) []byte {
				b[int(part*float64(len(b)))] ^= 1
				return b
			}
			rewrite(t, path, flip)
			if err := m.Verify(); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), filepath.Base(name)) {
				t.Errorf("%s with a flipped bit: %v", name, err)
			}
			rewrite(t, path, flip)
		}
	}
	if err := m.Verify(); err != nil {
		t.Errorf("put right again: %v", err)
	}
}

// The version doesn't cover the manifest; its own digest does.
func TestVerifyCoversTheManifest(t *testing.T) {
	_, m := imported(t, classifier, "tiny")
	rewrite(t, filepath.Join(m.Dir, manifestName), func(b []byte) []byte {
		return []byte(strings.NewReplacer(`"a"`, `"b"`, `"b"`, `"a"`).Replace(string(b)))
	})
	swapped, err := Open(m.Dir)
	if err != nil || swapped.Manifest.Labels[0] != "b" {
		t.Fatalf("labels are not swapped: %v, %v", swapped, err)
	}
	if err := m.Verify(); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), manifestName+": changed") {
		t.Errorf("swapped labels: %v", err)
	}
	if err := os.Remove(filepath.Join(m.Dir, sumName)); err != nil {
		t.Fatal(err)
	}
	if err := m.Verify(); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "no "+sumName) {
		t.Errorf("digest taken away: %v", err)
	}
}

func TestVerifyNamesEachProblem(t *testing.T) {
	_, m := imported(t, withWeights, "tiny")
	for _, name := range []string{"extra.bin", "onnx/other.onnx"} {
		if err := os.WriteFile(filepath.Join(m.Dir, filepath.FromSlash(name)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(m.Dir, "LICENSE")); err != nil {
		t.Fatal(err)
	}
	rewrite(t, filepath.Join(m.Dir, "config.json"), func(b []byte) []byte { return b[:10] })
	problems, err := Verify(m.Dir)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"LICENSE": "missing", "config.json": "10 bytes, the manifest says", "extra.bin": "not in the manifest", "onnx/other.onnx": "not in the manifest"}
	if len(problems) != len(want) {
		t.Errorf("problems are %v, want %v", problems, want)
	}
	for _, p := range problems {
		if !strings.HasPrefix(p.What, want[p.Path]) || want[p.Path] == "" {
			t.Errorf("problem %v, want %q", p, want[p.Path])
		}
	}
	if _, err := Verify(classifier.write(t, "bare")); !errors.Is(err, ErrNotModel) {
		t.Errorf("bare directory: %v, want ErrNotModel", err)
	}
}

func TestOpenChecksTheManifest(t *testing.T) {
	cases := []struct {
		name, file string
		old, new   string
		want       error
		says       string
	}{
		{"a digest changed", manifestName, `"sha256": "`, `"sha256": "0`, ErrDamaged, "sha256"},
		{"a version of its own", manifestName, `"version": "`, `"version": "0`, ErrDamaged, "its files make"},
		{"a file above", manifestName, `"path": "LICENSE"`, `"path": "../../x"`, ErrUnsafe, "../../x"},
		{"labels twice", manifestName, `"a",`, `"b",`, ErrDamaged, `both "b"`},
		{"a name with a separator", manifestName, `"name": "tiny"`, `"name": "../tiny"`, ErrDamaged, "../tiny"},
		{"entailment out of range", manifestName, `"entailment": -1`, `"entailment": 3`, ErrDamaged, "entailment 3"},
		{"not JSON", manifestName, `{`, `[`, ErrDamaged, manifestName},
		{"weights cut short", "onnx/model.onnx_data", "lmn", "", ErrDamaged, "21 bytes, the manifest says 24"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, m := imported(t, withWeights, "tiny")
			rewrite(t, filepath.Join(m.Dir, filepath.FromSlash(c.file)), func(b []byte) []byte {
				if !strings.Contains(string(b), c.old) {
					t.Fatalf("%s holds no %s", c.file, c.old)
				}
				return []byte(strings.Replace(string(b), c.old, c.new, 1))
			})
			if _, err := Open(m.Dir); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error is %v, want %v that says %q", err, c.want, c.says)
			}
		})
	}
}

// A manifest that is right in itself can't hand a graph with weights that it doesn't list to the runtime.
func TestOpenRefusesWeightsBesideTheManifest(t *testing.T) {
	_, m := imported(t, withWeights, "tiny")
	hidden := m.Manifest
	hidden.Files = nil
	for _, f := range m.Manifest.Files {
		if f.Role != RoleWeights {
			hidden.Files = append(hidden.Files, f)
		}
	}
	hidden.Version = version(hidden.Files)
	data, err := hidden.encode()
	if err != nil {
		t.Fatal(err)
	}
	rewrite(t, filepath.Join(m.Dir, manifestName), func([]byte) []byte { return data })
	if _, err := Open(m.Dir); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "onnx/model.onnx_data are not in the manifest") {
		t.Errorf("error is %v", err)
	}
}

func TestImportCarriesAVersionOn(t *testing.T) {
	_, first := imported(t, withWeights, "tiny")
	other := Registry{Dirs: []string{t.TempDir()}}
	second, err := other.Import(t.Context(), first.Dir, "renamed")
	if err != nil {
		t.Fatal(err)
	}
	if second.Manifest.Version != first.Manifest.Version || second.Manifest.Name != "renamed" {
		t.Errorf("%s became %s", first, second)
	}
	if err := second.Verify(); err != nil {
		t.Error(err)
	}
	// Same size, other bytes: only the digest tells, and it is taken from the bytes that were copied.
	rewrite(t, filepath.Join(first.Dir, "LICENSE"), func([]byte) []byte { return []byte("fake") })
	if _, err := other.Import(t.Context(), first.Dir, "again"); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "LICENSE") {
		t.Errorf("import of a damaged version: %v", err)
	}
}

func TestImportLeavesNoHalfVersion(t *testing.T) {
	r := Registry{Dirs: []string{t.TempDir()}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Import(ctx, classifier.write(t, "m"), "tiny"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled import: %v", err)
	}
	if left, err := os.ReadDir(r.Dirs[0]); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	// What a killed import leaves is not listed.
	_, m := imported(t, classifier, "tiny")
	home := filepath.Dir(m.Dir)
	if err := os.CopyFS(filepath.Join(home, ".import-1"), os.DirFS(m.Dir)); err != nil {
		t.Fatal(err)
	}
	list, err := Registry{Dirs: []string{filepath.Dir(home)}}.List()
	if err != nil || len(list) != 1 {
		t.Errorf("listed %v, %v", list, err)
	}
	// A day later the next import clears it away; one that may still be under way stays.
	young, old := filepath.Join(home, ".import-2"), filepath.Join(home, ".import-1")
	if err := os.Mkdir(young, 0o755); err != nil {
		t.Fatal(err)
	}
	if past := time.Now().Add(-25 * time.Hour); os.Chtimes(old, past, past) != nil {
		t.Fatal("can't set the time")
	}
	if _, err := (Registry{Dirs: []string{filepath.Dir(home)}}).Import(t.Context(), classifier.write(t, "m"), "tiny"); err != nil {
		t.Fatal(err)
	}
	_, oldErr := os.Stat(old)
	if _, err := os.Stat(young); err != nil || !errors.Is(oldErr, fs.ErrNotExist) {
		t.Errorf("the young one: %v; the old one: %v", err, oldErr)
	}
}

func TestImportIsIdempotent(t *testing.T) {
	r, m := imported(t, classifier, "tiny")
	source := classifier.write(t, "source")
	if again, err := r.Import(t.Context(), source, "tiny"); err != nil || again.Dir != m.Dir {
		t.Errorf("second import: %v, %v", again, err)
	}
	rewrite(t, filepath.Join(m.Dir, "tokenizer.json"), func([]byte) []byte { return []byte("[]") })
	if _, err := r.Import(t.Context(), source, "tiny"); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "remove that directory") {
		t.Errorf("import over a damaged version: %v", err)
	}
}

func TestImportWantsAPlaceAndAName(t *testing.T) {
	source := classifier.write(t, "odd name")
	r := Registry{Dirs: []string{t.TempDir()}}
	if _, err := r.Import(t.Context(), source, ""); err == nil || !strings.Contains(err.Error(), `name "odd name"`) {
		t.Errorf("odd name: %v", err)
	}
	if _, err := r.Import(t.Context(), source, "../up"); err == nil || !strings.Contains(err.Error(), `name "../up"`) {
		t.Errorf("name with a path: %v", err)
	}
	file := filepath.Join(source, "config.json") // no directory can be made below a file
	second := t.TempDir()
	m, err := Registry{Dirs: []string{filepath.Join(file, "x"), second}}.Import(t.Context(), source, "tiny")
	if err != nil || !strings.HasPrefix(m.Dir, second) {
		t.Errorf("imported to %v, %v; want the second directory", m, err)
	}
	if _, err := (Registry{Dirs: []string{filepath.Join(file, "x")}}).Import(t.Context(), source, "tiny"); err == nil || !strings.Contains(err.Error(), "written to") {
		t.Errorf("no place: %v", err)
	}
	flat := filepath.Dir(classifier.write(t, "plain"))
	if _, err := (Registry{Dirs: []string{flat}}).Import(t.Context(), source, "plain"); err == nil || !strings.Contains(err.Error(), "choose another name") {
		t.Errorf("name of a model without versions: %v", err)
	}
}

func TestFind(t *testing.T) {
	defaults := filepath.Dir(classifier.write(t, "minilm-clinc150"))
	if err := os.CopyFS(filepath.Join(defaults, "minilm"), os.DirFS(encoder.write(t, "x"))); err != nil {
		t.Fatal(err)
	}
	r := Registry{Dirs: []string{filepath.Join(t.TempDir(), "own"), defaults, filepath.Join(t.TempDir(), "missing")}}
	first, err := r.Import(t.Context(), withWeights.write(t, "a"), "mine")
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.Import(t.Context(), encoder.write(t, "b"), "mine")
	if err != nil {
		t.Fatal(err)
	}
	shadow, err := r.Import(t.Context(), withWeights.write(t, "c"), "minilm")
	if err != nil {
		t.Fatal(err)
	}
	twin, err := r.Import(t.Context(), classifier.write(t, "d"), "minilm-clinc150")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := Open(filepath.Join(defaults, "minilm"))
	if err != nil {
		t.Fatal(err)
	}
	for spec, want := range map[string]*Model{
		"mine":                                second, // the last import is current
		first.String():                        first,
		"mine@" + second.Manifest.Version[:5]: second,
		"minilm":                              shadow, // the first directory wins
		plain.String():                        plain,  // and the others can be reached
		first.Dir:                             first,
		twin.String():                         twin, // a version that two directories hold is the first one's
		first.Dir + "/":                       first,
	} {
		m, err := r.Find(spec)
		if err != nil {
			t.Errorf("Find(%s): %v", spec, err)
		} else if m.Manifest.Version != want.Manifest.Version || filepath.Clean(m.Dir) != want.Dir {
			t.Errorf("Find(%s) is %s in %s, want %s in %s", spec, m, m.Dir, want, want.Dir)
		}
	}
	for spec, says := range map[string]string{
		"minlm":        "has minilm, mine, minilm-clinc150; did you mean minilm?",
		"MiniLM":       "did you mean minilm?",
		"something":    "(",
		"mine@ffffff0": "there is ",
		"mine@":        "could be ",
		"minilm@":      "could be ",
	} {
		_, err := r.Find(spec)
		if says == "(" {
			if err == nil || strings.Contains(err.Error(), "did you mean") {
				t.Errorf("Find(%s): %v, want no guess", spec, err)
			}
			continue
		}
		if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), says) {
			t.Errorf("Find(%s): %v, want %q", spec, err, says)
		}
	}
	if _, err := (Registry{Dirs: []string{t.TempDir()}}).Find("any"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "models import") {
		t.Errorf("empty registry: %v", err)
	}

	// A directory at hand goes before the registry, if it is a model.
	t.Chdir(filepath.Dir(withWeights.write(t, "minilm")))
	if err := os.Mkdir("mine", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("unknown", 0o755); err != nil {
		t.Fatal(err)
	}
	if m, err := r.Find("minilm"); err != nil || m.Dir != "minilm" {
		t.Errorf("directory at hand: %v, %v", m, err)
	}
	if m, err := r.Find("mine"); err != nil || m.Dir != second.Dir {
		t.Errorf("directory without a model: %v, %v", m, err)
	}
	if _, err := r.Find("unknown"); !errors.Is(err, ErrNotModel) {
		t.Errorf("directory without a model, name unknown: %v", err)
	}
}

func TestList(t *testing.T) {
	r, _ := imported(t, classifier, "b")
	if _, err := r.Import(t.Context(), encoder.write(t, "x"), "b"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Import(t.Context(), encoder.write(t, "x"), "c"); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(r.Dirs[0], "a"), os.DirFS(files{"config.json": "{}"}.write(t, "x"))); err != nil {
		t.Fatal(err)
	}
	list, err := r.List()
	if !errors.Is(err, ErrNotModel) || !strings.Contains(err.Error(), filepath.Join(r.Dirs[0], "a")) {
		t.Errorf("broken entry is reported as %v", err)
	}
	var got []string
	for _, m := range list {
		got = append(got, m.Manifest.Name+" "+m.Manifest.Task)
	}
	if want := "b feature-extraction, b text-classification, c feature-extraction"; strings.Join(got, ", ") != want {
		t.Errorf("listed %s, want %s", strings.Join(got, ", "), want)
	}

	// Without its pointer a name with two versions is ambiguous, and still whole.
	if err := os.Remove(filepath.Join(r.Dirs[0], "b", currentName)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Find("b"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "say b@VERSION") {
		t.Errorf("no pointer: %v", err)
	}
	if list, _ := r.List(); len(list) != 3 {
		t.Errorf("no pointer: listed %v", list)
	}
}
