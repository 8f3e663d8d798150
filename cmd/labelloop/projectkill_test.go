package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

var kills = flag.Int("kills", 3, "times that each verb on a project is killed")

// TestKilledProjectVerbsGoOn kills import, predict, select and the import of answers at random moments, and gives each
// command again until it ends: the project is sound after each kill, and in the end as if nothing had happened.
func TestKilledProjectVerbsGoOn(t *testing.T) {
	base := filepath.Join(t.TempDir(), "base")
	must(t, "init", base, "--labels", "joy,anger,fear,other")
	texts := writeTexts(t, 6000)
	answers := strings.ReplaceAll(read(t, texts), "\"text\":", "\"label\":\"joy\",\"text\":")
	labelled := write(t, "answers.jsonl", answers)
	copyOf := func() string {
		dir := filepath.Join(t.TempDir(), "p")
		if err := os.CopyFS(dir, os.DirFS(base)); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	whole, cut := copyOf(), copyOf()
	for _, verb := range [][]string{
		{"import", texts},
		{"predict", "--model", filepath.Join(fixtures, "bert-single")},
		{"select", "-n", "500", "--strategy", "breaking-ties"},
		{"import", labelled},
	} {
		on := func(dir string) []string { return append([]string{verb[0], "--project", dir}, verb[1:]...) }
		begin := time.Now()
		if out, err := program(on(whole)...).CombinedOutput(); err != nil && code(err) != exitItems {
			t.Fatalf("%v: %v: %s", verb, err, out)
		}
		took := time.Since(begin)
		for killed := 0; killed < *kills; killed++ {
			if verb[0] == "select" && len(queueOf(t, cut)) > 0 {
				break // given again after it ended it would select more
			}
			cmd := program(on(cut)...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(rand.Int64N(int64(took))))
			cmd.Process.Kill()
			cmd.Wait()
			if st := status(t, cut); len(st.Faults) > 0 {
				t.Fatalf("%v: %v", verb, st.Faults)
			}
		}
		if verb[0] != "select" || len(queueOf(t, cut)) == 0 {
			if out, err := program(on(cut)...).CombinedOutput(); err != nil && code(err) != exitItems {
				t.Fatalf("%v: %v: %s", verb, err, out)
			}
		}
		if a, b := contents(t, whole), contents(t, cut); a != b {
			t.Fatalf("%v: the project differs from one that was not killed", verb)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func queueOf(t *testing.T, dir string) []int64 {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	items, err := s.Queued(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return items
}

// contents writes out all that a project holds but for times.
func contents(t *testing.T, dir string) string {
	t.Helper()
	ctx := t.Context()
	s, err := sqlite.Open(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var b strings.Builder
	for r, err := range s.Items(ctx, sqlite.Filter{State: label.AnyState}) {
		if err != nil {
			t.Fatal(err)
		}
		said, err := s.AnnotationsOf(ctx, r.Item.Number)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%d %s %q %s %v %d annotations\n", r.Item.Number, r.Item.ID, r.Item.Text, r.State, r.Labels, len(said))
	}
	list, err := s.Models(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		items, probs, err := s.Probabilities(ctx, m, label.Pool, label.AnyState)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %v %v\n", m, items, probs)
	}
	rounds, err := s.Rounds(ctx)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "%d rounds, queue %v\n", len(rounds), queueOf(t, dir))
	return b.String()
}
