package models

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPromote: what was added is not in use until it is promoted, and what is damaged never is.
func TestPromote(t *testing.T) {
	r := newRegistry(t)
	add := func(f files) *Model {
		m, err := r.Add(t.Context(), f.write(t, "m"), "intents")
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	first, second := add(classifier), add(classifier.with(files{"tokenizer.json": `{"a": 1}`}))
	current := func(want *Model) {
		t.Helper()
		m, err := r.Promoted("intents")
		if want == nil && !errors.Is(err, ErrNotFound) || want != nil && (err != nil || m.String() != want.String()) {
			t.Fatalf("%v, %v is in use, want %v", m, err, want)
		}
	}
	current(nil)
	for _, m := range []*Model{first, second, first} {
		if _, err := r.Promote("intents", m.Manifest.Version); err != nil {
			t.Fatal(err)
		}
		current(m)
	}
	path := filepath.Join(second.Dir, "tokenizer.json")
	if err := errors.Join(os.Chmod(path, 0o644), os.WriteFile(path, []byte(`{"a": 2}`), 0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Promote("intents", second.Manifest.Version); !errors.Is(err, ErrDamaged) {
		t.Errorf("damaged: %v", err)
	}
	for _, version := range []string{"0123456789ab", "..", ""} {
		if _, err := r.Promote("intents", version); !errors.Is(err, ErrNotFound) {
			t.Errorf("version %q: %v", version, err)
		}
	}
	current(first)
	if err := os.WriteFile(filepath.Join(filepath.Dir(first.Dir), currentName), []byte("../../etc\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Promoted("intents"); !errors.Is(err, ErrDamaged) {
		t.Errorf("a pointer elsewhere: %v", err)
	}
}

// TestTraining: the list of what a model was trained on travels with it, and is compared with the manifest.
func TestTraining(t *testing.T) {
	examples := []Example{{Digest: [32]byte{9}, Labels: []string{"a b", "c"}}, {Digest: [32]byte{1}}}
	text, digest, err := EncodeTraining(examples)
	if err != nil {
		t.Fatal(err)
	}
	config := strings.Replace(classifier["config.json"], `"training_set_sha256":"abc"`, `"training_set_sha256":"`+digest+`","parent":"minilm@0123456789ab"`, 1)
	told := classifier.with(files{TrainingName: string(text), "config.json": config})
	m, err := newRegistry(t).Add(t.Context(), told.write(t, "m"), "")
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Training()
	if err != nil || len(got) != 2 || got[0].Digest != examples[1].Digest || len(got[0].Labels) != 0 || got[1].Labels[0] != "a b" {
		t.Errorf("trained on %v, %v", got, err)
	}
	if m.Manifest.Parent != "minilm@0123456789ab" {
		t.Errorf("parent is %q", m.Manifest.Parent)
	}
	for name, list := range map[string]string{"another list": "x" + string(text), "cut off": string(text[:70])} {
		m, err := Open(told.with(files{TrainingName: list}).write(t, "m"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Training(); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	silent, err := Open(classifier.write(t, "m"))
	if err != nil {
		t.Fatal(err)
	}
	if list, err := silent.Training(); list != nil || err != nil {
		t.Errorf("tells of no training: %v, %v", list, err)
	}
}
