package main

import (
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPulledModelLabels pulls a model from a server that speaks a hub's paths, and labels with it.
func TestPulledModelLabels(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	dir := filepath.Join(fixtures, "bert-single")
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, ok := strings.CutPrefix(r.URL.Path, "/some/bert/resolve/"+commit+"/"); ok {
			http.ServeFile(w, r, filepath.Join(dir, filepath.Base(name)))
			return
		}
		var siblings []map[string]any
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			data, _ := os.ReadFile(filepath.Join(dir, e.Name()))
			blob := append(fmt.Appendf(nil, "blob %d\x00", len(data)), data...)
			siblings = append(siblings, map[string]any{"rfilename": e.Name(), "size": len(data), "blobId": fmt.Sprintf("%x", sha1.Sum(blob))})
		}
		json.NewEncoder(w).Encode(map[string]any{"sha": commit, "siblings": siblings})
	}))
	defer hub.Close()
	home := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(home, "cache"))
	t.Setenv("LABELLOOP_MODELS", filepath.Join(home, "models"))
	t.Setenv("HF_ENDPOINT", "")
	if _, stderr, code := run(t, "models", "pull", "some/bert"); code != exitUsage || !strings.Contains(stderr, "HF_ENDPOINT") {
		t.Errorf("without an address: exit code %d, %s", code, stderr)
	}
	t.Setenv("HF_ENDPOINT", hub.URL)
	stdout, stderr, code := run(t, "models", "pull", "some/bert", "--name", "pulled")
	if code != exitDone || !strings.HasPrefix(stdout, "pulled@") {
		t.Fatalf("pull: exit code %d, %s%s", code, stdout, stderr)
	}
	for _, args := range [][]string{{"models", "verify", "pulled"}, {"label", "--model", "pulled", write(t, "texts.csv", "text\nhello\n")}} {
		if _, stderr, code := run(t, args...); code != exitDone {
			t.Errorf("%v: exit code %d, %s", args, code, stderr)
		}
	}
	if left, _ := os.ReadDir(filepath.Join(home, "cache", "labelloop", "pull")); len(left) > 0 {
		t.Errorf("%s is left of the download", left[0].Name())
	}
}
