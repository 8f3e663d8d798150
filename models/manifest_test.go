package models

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"testing"
)

func TestVersionIsThatOfItsDefinition(t *testing.T) {
	a := File{Path: "b.txt", Size: 3, SHA256: fmt.Sprintf("%064x", 1)}
	b := File{Path: "a.txt", Size: 20, SHA256: fmt.Sprintf("%064x", 2)}
	want := fmt.Sprintf("%x", sha256.Sum256([]byte(a.SHA256+"  3  b.txt\n"+b.SHA256+"  20  a.txt\n")))[:12]
	for _, files := range [][]File{{a, b}, {b, a}} {
		if v := version(files); v != want {
			t.Errorf("version is %s, want %s", v, want)
		}
	}
}

// What parses is written back to the same manifest, and names no file outside its directory.
func FuzzManifest(f *testing.F) {
	m := Manifest{Name: "m", Task: TextClassification, Labels: []string{"a", "<b>"}, Entailment: -1, Contradiction: -1, MaxLength: 10,
		Calibration: &Calibration{1.5, "val"}, Templates: []string{"a {}"}, Files: []File{{Path: "a/b.onnx", Role: RoleGraph, Size: 1, SHA256: fmt.Sprintf("%064x", 3)}}}
	m.Version = version(m.Files)
	data, err := m.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"name":"m","files":[{"path":"../x"}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseManifest(data)
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrUnsafe) {
				t.Errorf("error of no kind: %v", err)
			}
			return
		}
		for _, file := range m.Files {
			if localPath(file.Path) != nil {
				t.Errorf("file at %q", file.Path)
			}
		}
		written, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseManifest(written)
		if err != nil {
			t.Fatalf("what was written can't be read: %v\n%s", err, written)
		}
		rewritten, err := again.encode()
		if err != nil || string(rewritten) != string(written) {
			t.Errorf("written twice, differently: %v\n%s\n%s", err, written, rewritten)
		}
	})
}

// What a config says of labels and lengths holds together, however odd the config.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(classifier["config.json"]))
	f.Add([]byte(`{"architectures":["RobertaForSequenceClassification"],"model_type":"roberta","id2label":{"0":"entailment"},"num_labels":-1}`))
	f.Add([]byte(`{"max_position_embeddings":-5,"pad_token_id":9223372036854775807,"model_type":"mpnet"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseConfig(data)
		if err != nil {
			return
		}
		if c.positions() < 0 {
			t.Errorf("%d positions", c.positions())
		}
		m := Manifest{Entailment: -1, Contradiction: -1, MaxLength: 1}
		if err := c.classifier(&m); err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrUnsupported) {
				t.Errorf("error of no kind: %v", err)
			}
			return
		}
		if err := m.checkMeaning(); err != nil {
			t.Errorf("classifier gives a manifest that is refused: %v", err)
		}
		if (m.Task == ZeroShotClassification) != (m.Entailment >= 0) || (m.Entailment >= 0 && m.Entailment == m.Contradiction) {
			t.Errorf("task %s, entailment %d, contradiction %d", m.Task, m.Entailment, m.Contradiction)
		}
		for id, l := range c.ID2Label {
			if i, err := strconv.Atoi(id); err != nil || m.Labels[i] != l {
				t.Errorf("label %s is not %q in %q", id, l, m.Labels)
			}
		}
	})
}
