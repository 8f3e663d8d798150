package models

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// packed gives a model's bundle.
func packed(t *testing.T, m *Model, format string, key ed25519.PrivateKey) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := m.Bundle(t.Context(), &b, format, key); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func saved(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bundle")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func newRegistry(t *testing.T) Registry {
	return Registry{Dirs: []string{filepath.Join(t.TempDir(), "models")}}
}

// TestBundle takes models to another machine, as each kind of archive, with and without a signature.
func TestBundle(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	bare, err := Open(withWeights.write(t, "intents"))
	if err != nil {
		t.Fatal(err)
	}
	imported, err := newRegistry(t).Import(t.Context(), bare.Dir, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{TarGzip, Zip} {
		for _, m := range []*Model{bare, imported} {
			for _, key := range []ed25519.PrivateKey{nil, private} {
				data := packed(t, m, format, key)
				if !bytes.Equal(data, packed(t, m, format, key)) {
					t.Errorf("%s: the same model makes other bytes", format)
				}
				file := saved(t, data)
				r := newRegistry(t)
				got, err := r.AddBundle(t.Context(), file, "", nil)
				if err != nil {
					t.Fatal(err)
				}
				was, err := m.Manifest.encode()
				if err != nil {
					t.Fatal(err)
				}
				if is, err := got.Manifest.encode(); err != nil || !bytes.Equal(is, was) || got.Verify() != nil {
					t.Errorf("%s: came out as %s: %v, %v", format, is, err, got.Verify())
				}
				if _, err := r.Promoted(got.Manifest.Name); !errors.Is(err, ErrNotFound) {
					t.Errorf("a bundle is in use when it is unpacked: %v", err)
				}
				_, err = newRegistry(t).AddBundle(t.Context(), file, "other", public)
				if key == nil && !errors.Is(err, ErrUntrusted) || key != nil && err != nil {
					t.Errorf("%s, signed %v: %v", format, key != nil, err)
				}
			}
		}
	}
	stranger, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newRegistry(t).AddBundle(t.Context(), saved(t, packed(t, bare, Zip, private)), "", stranger); !errors.Is(err, ErrUntrusted) {
		t.Errorf("signed by another key: %v", err)
	}
}

// piece is a file of a bundle that is made by hand.
type piece struct {
	name, content string
	link          string
}

func tarred(t *testing.T, pieces []piece) []byte {
	t.Helper()
	var b bytes.Buffer
	compressed := gzip.NewWriter(&b)
	w := tar.NewWriter(compressed)
	for _, p := range pieces {
		h := &tar.Header{Name: p.name, Size: int64(len(p.content)), Mode: 0o644, Typeflag: tar.TypeReg}
		if p.link != "" {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, p.link, 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if p.link == "" {
			if _, err := w.Write([]byte(p.content)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(w.Close(), compressed.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipped(t *testing.T, pieces []piece) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, p := range pieces {
		h := &zip.FileHeader{Name: p.name, Method: zip.Deflate}
		if p.link != "" {
			h.SetMode(fs.ModeSymlink | 0o777)
			p.content = p.link
		}
		file, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write([]byte(p.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestHostileBundles: nothing of a bundle that lies is kept, and nothing is written elsewhere.
func TestHostileBundles(t *testing.T) {
	m, err := newRegistry(t).Import(t.Context(), classifier.write(t, "intents"), "")
	if err != nil {
		t.Fatal(err)
	}
	folder := m.Manifest.Name + "-" + m.Manifest.Version + "/"
	content := func(name string) string {
		data, err := os.ReadFile(filepath.Join(m.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	var sound []piece
	for _, name := range append([]string{manifestName, sumName}, "config.json", "model.onnx", "tokenizer.json") {
		sound = append(sound, piece{name: folder + name, content: content(name)})
	}
	relisted := func(change func(string) string) []piece {
		text := change(sound[0].content)
		return append([]piece{{name: sound[0].name, content: text}, {name: sound[1].name, content: string(sumLine([]byte(text)))}}, sound[2:]...)
	}
	with := func(at int, p piece) []piece {
		list := append([]piece{}, sound...)
		list[at] = p
		return list
	}
	for name, c := range map[string]struct {
		pieces []piece
		want   error
	}{
		"sound":            {sound, nil},
		"path up":          {append(with(2, piece{name: folder + "../../evil", content: "x"}), sound[2]), ErrUnsafe},
		"absolute":         {with(2, piece{name: "/etc/evil", content: "x"}), ErrUnsafe},
		"backslash":        {with(2, piece{name: folder + `..\evil`, content: "x"}), ErrUnsafe},
		"link":             {with(2, piece{name: folder + "config.json", link: "/etc/passwd"}), ErrUnsafe},
		"unlisted":         {append(append([]piece{}, sound...), piece{name: folder + "more", content: "x"}), ErrDamaged},
		"twice":            {append(append([]piece{}, sound...), sound[2]), ErrDamaged},
		"missing":          {sound[:4], ErrDamaged},
		"other folder":     {with(2, piece{name: "b/config.json", content: sound[2].content}), ErrDamaged},
		"no folder":        {with(2, piece{name: "config.json", content: sound[2].content}), ErrDamaged},
		"changed":          {with(2, piece{name: folder + "config.json", content: strings.Replace(sound[2].content, `"0":"a"`, `"0":"z"`, 1)}), ErrDamaged},
		"longer":           {with(2, piece{name: folder + "config.json", content: sound[2].content + " "}), ErrDamaged},
		"manifest changed": {with(0, piece{name: folder + manifestName, content: strings.Replace(sound[0].content, `"a"`, `"z"`, 1)}), ErrDamaged},
		"manifest later":   {append(sound[2:3:3], sound[0], sound[1]), ErrDamaged},
		"no manifest":      {sound[2:], ErrDamaged},
		"lists a path up":  {relisted(func(s string) string { return strings.Replace(s, `"config.json"`, `"../config.json"`, 1) }), ErrUnsafe},
		"lists the sums":   {relisted(func(s string) string { return strings.Replace(s, `"config.json"`, `"manifest.json"`, 1) }), ErrDamaged},
		"huge":             {relisted(func(s string) string { return strings.Replace(s, `"size": `, `"size": 9`+strings.Repeat("0", 15), 1) }), ErrDamaged},
		"bad name":         {relisted(func(s string) string { return strings.Replace(s, `"name": "intents"`, `"name": "../intents"`, 1) }), ErrDamaged},
		"not JSON":         {relisted(func(string) string { return "{" }), ErrDamaged},
		"empty":            {nil, ErrDamaged},
	} {
		for format, data := range map[string][]byte{TarGzip: tarred(t, c.pieces), Zip: zipped(t, c.pieces)} {
			t.Run(name+" "+format, func(t *testing.T) {
				r := newRegistry(t)
				_, err := r.AddBundle(t.Context(), saved(t, data), "", nil)
				want := c.want
				if format == Zip && c.pieces == nil {
					want = ErrNotModel // an archive without members begins otherwise
				}
				if !errors.Is(err, want) {
					t.Fatalf("%v, want %v", err, want)
				}
				if want == nil {
					return
				}
				filepath.WalkDir(filepath.Dir(r.Dirs[0]), func(path string, e fs.DirEntry, err error) error {
					if err == nil && !e.IsDir() {
						t.Errorf("%s was left behind", path)
					}
					return nil
				})
			})
		}
	}
}

// TestUnsoundBundle: a graph that reaches beyond its model is refused before the version is listed.
func TestUnsoundBundle(t *testing.T) {
	dir := classifier.with(files{"model.onnx": onnx("logits", external("../secret", "0", "4"))}).write(t, "intents")
	m := Manifest{Name: "intents", Task: TextClassification, Labels: []string{"a"}, Entailment: -1, Contradiction: -1, MaxLength: 8}
	for _, name := range []string{"config.json", "model.onnx", "tokenizer.json"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		role := RoleConfig
		if name == "model.onnx" {
			role = RoleGraph
		}
		m.Files = append(m.Files, File{Path: name, Role: role, Size: int64(len(data)), SHA256: fmt.Sprintf("%x", sha256.Sum256(data))})
	}
	m.Version = version(m.Files)
	model := &Model{dir, m}
	r := newRegistry(t)
	if _, err := r.AddBundle(t.Context(), saved(t, packed(t, model, TarGzip, nil)), "", nil); !errors.Is(err, ErrUnsafe) {
		t.Errorf("%v, want %v", err, ErrUnsafe)
	}
	if list, err := r.List(); len(list) > 0 || err != nil {
		t.Errorf("listed %v, %v", list, err)
	}
}

// TestBundleIsCompared: a model that was changed on the disk makes no bundle.
func TestBundleIsCompared(t *testing.T) {
	m, err := newRegistry(t).Import(t.Context(), classifier.write(t, "intents"), "")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(m.Dir, "tokenizer.json")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.Bundle(t.Context(), new(bytes.Buffer), Zip, nil); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v, want %v", err, ErrDamaged)
	}
}

// FuzzBundle: no archive makes AddBundle panic, or leaves something that does not verify.
func FuzzBundle(f *testing.F) {
	dir := filepath.Join(f.TempDir(), "intents")
	for name, text := range classifier {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			f.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	m, err := Open(dir)
	if err != nil {
		f.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	for _, format := range []string{TarGzip, Zip} {
		var b bytes.Buffer
		if err := m.Bundle(f.Context(), &b, format, key); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newRegistry(t)
		m, err := r.AddBundle(t.Context(), saved(t, data), "", nil)
		if err != nil {
			if list, err := r.List(); len(list) > 0 {
				t.Errorf("listed %v, %v", list, err)
			}
			return
		}
		if err := m.Verify(); err != nil {
			t.Error(err)
		}
	})
}
