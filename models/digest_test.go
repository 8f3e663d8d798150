package models

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The digests of a bare directory are remembered by size, time and inode; a change of any of them is noticed, and
// Import reads the bytes whatever is remembered.
func TestDigestsAreRemembered(t *testing.T) {
	dir := classifier.write(t, "m")
	past := time.Now().Add(-time.Hour)
	path := filepath.Join(dir, "tokenizer.json")
	age := func(when time.Time) {
		t.Helper()
		for name := range classifier {
			if err := os.Chtimes(filepath.Join(dir, name), when, when); err != nil {
				t.Fatal(err)
			}
		}
	}
	version := func() string {
		t.Helper()
		m, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		return m.Manifest.Version
	}
	overwrite := func(content string) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(content); err != nil {
			t.Fatal(err)
		}
	}
	age(past)
	first := version()

	overwrite("[]")
	age(past) // same size, time and inode: nothing shows
	if v := version(); v != first {
		t.Errorf("version is %s: the files were read again", v)
	}
	m, err := Registry{Dirs: []string{t.TempDir()}}.Import(t.Context(), dir, "m")
	if err != nil {
		t.Fatal(err)
	}
	if m.Manifest.Version == first {
		t.Error("Import trusts remembered digests")
	}
	age(past.Add(time.Nanosecond))
	if v := version(); v != m.Manifest.Version {
		t.Errorf("version is %s after a change of time, want %s", v, m.Manifest.Version)
	}

	if err := os.WriteFile(path+".new", []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	age(past.Add(time.Nanosecond)) // same size and time, another inode
	if v := version(); v != first {
		t.Errorf("version is %s after a change of inode, want %s", v, first)
	}
}

func TestFreshFilesAreNotRemembered(t *testing.T) {
	dir := classifier.write(t, "m")
	if _, err := Open(dir); err != nil {
		t.Fatal(err)
	}
	f, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if d := readDigests(f.digestCache()); len(d) != 0 {
		t.Errorf("remembered %v of files that may still change", d)
	}
}

func TestBrokenCacheIsNoError(t *testing.T) {
	dir := classifier.write(t, "m")
	f, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	store := f.digestCache()
	if err := os.MkdirAll(filepath.Dir(store), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(store, []byte(`{"model.onnx":`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err != nil {
		t.Error(err)
	}
	t.Setenv("HOME", "")
	t.Setenv("XDG_CACHE_HOME", "")
	if _, err := Open(dir); err != nil {
		t.Errorf("without a cache directory: %v", err)
	}
}
