package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
	"github.com/labelloop/labelloop/models/gate"
)

// shelf is a project with n models of its own, of which none was judged.
func shelf(t *testing.T, n int) (dir string, s *sqlite.Store, names []string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "p")
	must(t, "init", dir, "--labels", "joy,anger,fear,other")
	must(t, "import", "--project", dir, "--annotator", "ann", "--split", "eval", writeCSV(t, []string{"text", "label"}, [][]string{{"good", "joy"}, {"bad", "anger"}}))
	for i := range n {
		export := filepath.Join(t.TempDir(), "model")
		if err := os.CopyFS(export, os.DirFS(filepath.Join(fixtures, "bert-single"))); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(export, "NOTICE"), []byte(fmt.Sprint(i)), 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := ownModels(dir).Add(t.Context(), export, "model")
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, m.String())
	}
	s, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return dir, s, names
}

// turnedDown puts on record that models were refused.
func turnedDown(t *testing.T, s *sqlite.Store, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := s.Log(t.Context(), verdictEvent, "ann", gate.Verdict{Candidate: name, Sentence: name + " is worse"}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPrune: what was refused, rolled back or replaced long ago goes, and is told of; all else stays.
func TestPrune(t *testing.T) {
	dir, s, m := shelf(t, 10)
	force := func(names ...string) {
		for _, name := range names {
			must(t, "models", "promote", name, "--project", dir, "--force", "--reason", "a test")
		}
	}
	force(m[0], m[1], m[2])
	must(t, "models", "rollback", "--project", dir) // from 2 to 1
	force(m[3], m[4])
	turnedDown(t, s, m[5], m[6], m[7])
	if err := s.Log(t.Context(), verdictEvent, "ann", gate.Verdict{Candidate: m[6], Promote: true}); err != nil { // judged again; not promoted yet
		t.Fatal(err)
	}
	if _, err := s.PutPromotion(t.Context(), label.Promotion{Kind: label.Promote, Name: "model", Version: strings.TrimPrefix(m[8], "model@"), Before: m[4]}); err != nil {
		t.Fatal(err) // and was cut off
	}
	want := map[string]string{m[0]: "3 models came into use after it", m[2]: "rolled back", m[5]: "is worse"}
	var said struct {
		Models []pruned
		Bytes  int64
	}
	for _, args := range [][]string{{"--dry-run"}, {}} {
		if err := json.Unmarshal([]byte(must(t, append([]string{"models", "prune", "--project", dir, "--keep", "2", "--json"}, args...)...)), &said); err != nil {
			t.Fatal(err)
		}
		for _, p := range said.Models {
			if w := want[p.Model]; w == "" || !strings.Contains(p.Why, w) || p.Bytes < 1000 {
				t.Errorf("%v: %+v", args, p)
			}
		}
		if len(said.Models) != len(want) || said.Bytes < 3000 {
			t.Errorf("%v: %+v, want %v", args, said, want)
		}
	}
	list, err := ownModels(dir).List()
	if err != nil || len(list) != len(m)-len(want) {
		t.Errorf("%d models are left, %v", len(list), err)
	}
	if _, stderr, code := run(t, "models", "compare", m[5][:12], m[4], "--project", dir); code != exitFailed || !strings.Contains(stderr, m[5]+" was removed") || !strings.Contains(stderr, "is worse") {
		t.Errorf("compared with a model that was removed: exit code %d, %s", code, stderr)
	}
	for _, now := range []string{m[3], m[1]} {
		must(t, "models", "rollback", "--project", dir)
		if got, err := promoted(t.Context(), s); err != nil || got.String() != now {
			t.Fatalf("%v is in use after a rollback, want %s: %v", got, now, err)
		}
	}
	if _, stderr, code := run(t, "models", "rollback", "--project", dir); code != exitFailed || !strings.Contains(stderr, m[0]+" was removed") {
		t.Errorf("rollback to a model that was removed: exit code %d, %s", code, stderr)
	}
	if _, _, code := run(t, "models", "prune", "--project", dir, "--keep", "-1"); code != exitUsage {
		t.Errorf("--keep -1: exit code %d", code)
	}
}

// TestKilledPruneGoesOn kills prune at random moments: what is listed is whole, and in the end what nothing needs is gone.
func TestKilledPruneGoesOn(t *testing.T) {
	dir, s, m := shelf(t, 12)
	must(t, "models", "promote", m[0], "--project", dir, "--force", "--reason", "a test")
	turnedDown(t, s, m[1:]...)
	begin := time.Now()
	if out, err := program("models", "prune", "--project", dir, "--dry-run").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	took := time.Since(begin)
	for range *kills {
		cmd := program("models", "prune", "--project", dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(took/2 + time.Duration(rand.Int64N(int64(took))))
		cmd.Process.Kill()
		cmd.Wait()
		list, err := ownModels(dir).List()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			if err := m.Verify(); err != nil {
				t.Fatal(err)
			}
		}
		if now, err := promoted(t.Context(), s); err != nil || now.String() != m[0] {
			t.Fatalf("%v is in use: %v", now, err)
		}
	}
	must(t, "models", "prune", "--project", dir)
	var left []string
	list, err := ownModels(dir).List()
	for _, m := range list {
		left = append(left, m.String())
	}
	if last := m[len(m)-1]; err != nil || !slices.Equal(left, []string{m[0], last}) {
		t.Errorf("left are %v, %v; want the one in use and %s, which was refused last", left, err, last)
	}
}

// TestLoopTidies: a loop removes of its own models those that were refused but for the last one, and those in use long ago; what
// others brought in it leaves alone.
func TestLoopTidies(t *testing.T) {
	dir, s, m := shelf(t, 10)
	var turns []loopRound
	for _, name := range m[5:] { // five in use, one after the other, of which rollback keeps three and the present one
		must(t, "models", "promote", name, "--project", dir, "--force", "--reason", "a test")
		turns = append(turns, loopRound{Model: name, Promoted: true})
	}
	turnedDown(t, s, m[1:5]...) // the first of them by models promote
	turns = append(turns, loopRound{Model: m[2]}, loopRound{Model: m[3]}, loopRound{Model: m[4]})
	if err := (&loopFlags{}).tidy(t.Context(), s, turns); err != nil {
		t.Fatal(err)
	}
	var left []string
	list, err := ownModels(dir).List()
	for _, m := range list {
		left = append(left, m.String())
	}
	slices.Sort(left)
	want := append([]string{m[0], m[1], m[4]}, m[6:]...)
	if slices.Sort(want); err != nil || !slices.Equal(left, want) {
		t.Errorf("left are %v, want %v: %v", left, want, err)
	}
}
