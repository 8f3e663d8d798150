package models

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRemove: what is removed is gone, the current version can't be, and what a removal that was cut off left is swept away.
func TestRemove(t *testing.T) {
	r := newRegistry(t)
	var list []*Model
	for _, text := range []string{`{}`, `{"a": 1}`, `{"a": 2}`} {
		m, err := r.Add(t.Context(), classifier.with(files{"tokenizer.json": text}).write(t, "m"), "intents")
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	if _, err := r.Promote("intents", list[0].Manifest.Version); err != nil {
		t.Fatal(err)
	}
	home := filepath.Dir(list[0].Dir)
	if err := r.Remove("intents", list[0].Manifest.Version); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("the version in use: %v", err)
	}
	for _, version := range []string{"0123456789ab", "..", "current", ""} {
		if err := r.Remove("intents", version); !errors.Is(err, ErrNotFound) {
			t.Errorf("version %q: %v", version, err)
		}
	}
	if err := os.Rename(list[1].Dir, filepath.Join(home, removedPrefix+list[1].Manifest.Version)); err != nil { // and then it was killed
		t.Fatal(err)
	}
	if all, err := r.List(); err != nil || len(all) != 2 {
		t.Errorf("listed are %v, %v", all, err)
	}
	if err := r.Remove("intents", list[2].Manifest.Version); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(home)
	if err != nil || len(left) != 2 || left[0].Name() != list[0].Manifest.Version && left[1].Name() != list[0].Manifest.Version {
		t.Errorf("left are %v, %v", left, err)
	}
	if m, err := r.Promoted("intents"); err != nil || m.Verify() != nil {
		t.Errorf("%v is in use: %v", m, err)
	}
}
