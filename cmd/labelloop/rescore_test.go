package main

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// TestZeroShotByEmbeddings: what was embedded need not be run again to be compared with other labels, and gets the same
// probabilities.
func TestZeroShotByEmbeddings(t *testing.T) {
	texts := writeTexts(t, 150)
	labelled := func(verbs ...string) []label.Probabilities {
		dir := filepath.Join(t.TempDir(), "project")
		if _, stderr, code := run(t, "init", dir, "--labels", "sports,politics,music,science"); code != exitDone {
			t.Fatal(stderr)
		}
		if _, stderr, code := run(t, "import", "--project", dir, texts); code != exitDone && code != exitItems {
			t.Fatal(stderr)
		}
		for _, task := range verbs {
			_, stderr, code := run(t, "predict", "--project", dir, "--model", "minilm", "--task", task)
			if code != exitDone {
				t.Fatal(stderr)
			}
			if quick := strings.Contains(stderr, "by embeddings that were kept"); quick != (task == taskZeroShot && len(verbs) > 1) {
				t.Errorf("%v: %s", verbs, stderr)
			}
		}
		s, err := sqlite.Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		list, err := s.Models(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		numbers := make([]int64, 100)
		for i := range numbers {
			numbers[i] = int64(i + 1)
		}
		said, err := s.Predictions(t.Context(), list[0], numbers)
		if err != nil {
			t.Fatal(err)
		}
		return said
	}
	want, got := labelled(taskZeroShot), labelled(taskEmbed, taskZeroShot)
	for i := range want {
		if len(want[i].Probs) == 0 {
			t.Fatalf("item %d has no probabilities: %s", i+1, want[i].Err)
		}
		for k, p := range want[i].Probs {
			if math.Abs(float64(p-got[i].Probs[k])) > 1e-5 {
				t.Errorf("item %d: probabilities %v by embeddings, %v by the model", i+1, got[i].Probs, want[i].Probs)
			}
		}
	}
}
