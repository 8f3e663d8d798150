package main

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// TestZeroShotByEmbeddings: what was embedded need not be run again to be compared with other labels, and gets the same
// probabilities. What was embedded in another way is no help.
func TestZeroShotByEmbeddings(t *testing.T) {
	texts := writeTexts(t, 150)
	const short = " --max-length 5 --precision fp32"
	for _, c := range []struct {
		embed []string
		label string
		quick bool
	}{
		{[]string{taskEmbed}, taskZeroShot, true},
		{[]string{taskEmbed}, taskZeroShot + short, false},
		{[]string{taskEmbed, taskEmbed + short}, taskZeroShot + short, true},
		{[]string{taskEmbed + short}, taskZeroShot, false},
	} {
		want, _ := labelledBy(t, texts, c.label)
		got, quick := labelledBy(t, texts, append(slices.Clone(c.embed), c.label)...)
		if quick != c.quick {
			t.Errorf("%q, then %s: by embeddings that were kept is %v", c.embed, c.label, quick)
		}
		for i := range want {
			if len(want[i].Probs) == 0 {
				t.Fatalf("item %d has no probabilities: %s", i+1, want[i].Err)
			}
			for k, p := range want[i].Probs {
				if math.Abs(float64(p-got[i].Probs[k])) > 1e-5 {
					t.Errorf("%q, then %s: item %d: probabilities %v, without embeddings %v", c.embed, c.label, i+1, got[i].Probs, want[i].Probs)
				}
			}
		}
	}
}

// labelledBy gives what is said of the first 100 texts after `predict` was run for tasks, each with its flags, and whether
// the last one went by embeddings that were kept.
func labelledBy(t *testing.T, texts string, tasks ...string) (said []label.Probabilities, quick bool) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "project")
	if _, stderr, code := run(t, "init", dir, "--labels", "sports,politics,music,science"); code != exitDone {
		t.Fatal(stderr)
	}
	if _, stderr, code := run(t, "import", "--project", dir, texts); code != exitDone && code != exitItems {
		t.Fatal(stderr)
	}
	for _, task := range tasks {
		_, stderr, code := run(t, append([]string{"predict", "--project", dir, "--model", "minilm", "--task"}, strings.Fields(task)...)...)
		if code != exitDone {
			t.Fatal(stderr)
		}
		quick = strings.Contains(stderr, "by embeddings that were kept")
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
	if said, err = s.Predictions(t.Context(), list[0], numbers); err != nil {
		t.Fatal(err)
	}
	return said, quick
}

func TestEncoderName(t *testing.T) {
	f := modelFlags{precision: "int8", long: "window-mean", stride: 64, maxLength: 32, orient: true}
	name := f.encoderName("minilm@1")
	if want := "minilm@1 precision=int8 max-length=32 long=window-mean,64 exif-orientation"; name != want {
		t.Errorf("name is %q, want %q", name, want)
	}
	if model := encoderModel(label.Encoder{Name: name}); model != "minilm@1" {
		t.Errorf("its model is %q", model)
	}
	usual := modelFlags{precision: "auto", long: "truncate", stride: 64}
	if name := usual.encoderName("minilm@1"); name != "minilm@1" {
		t.Errorf("name is %q where all is as usual", name)
	}
}
