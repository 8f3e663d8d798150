// Package golden reads the numbers that scripts/goldens.py took from the reference libraries.
package golden

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Load reads the goldens of a topic: those of testdata/activelearn, or fresh ones in the folder that LABELLOOP_GOLDENS
// names (`make parity`).
func Load[T any](t testing.TB, topic string) T {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	dir := filepath.Join(filepath.Dir(here), "..", "..", "..", "testdata", "activelearn")
	if fresh := os.Getenv("LABELLOOP_GOLDENS"); fresh != "" {
		dir = fresh
	}
	data, err := os.ReadFile(filepath.Join(dir, topic+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases T
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatalf("%s: %v", topic, err)
	}
	return cases
}
