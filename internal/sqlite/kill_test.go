package sqlite

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/label"
)

var kills = flag.Int("kills", 3, "how often each kind of work is killed")

// TestMain lets the test binary be run as a process that does one of the jobs: TEST-BINARY job NAME DIR.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "job" {
		if err := jobs[os.Args[2]](context.Background(), os.Args[3]); err != nil {
			log.Fatal(err)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// job runs a job as a process of its own.
func job(name, dir string) *exec.Cmd {
	return exec.Command(os.Args[0], "job", name, dir)
}

// jobs are what processes do to a project. Each goes on where it was cut short, and writes a line for every piece of work
// after the store has acknowledged it.
var jobs = map[string]func(ctx context.Context, dir string) error{
	"import":   importJob,
	"predict":  predictJob,
	"select":   selectJob,
	"annotate": annotateJob,
	"limited":  limitedJob,
	"nobody":   nobodyJob,
}

const (
	jobItems = 2000
	jobBatch = 50
)

// jobTexts are texts of which every tenth stands twice, and every third has a label.
func jobTexts() []label.Item {
	items := make([]label.Item, jobItems)
	for i := range items {
		items[i] = item(i+1, fmt.Sprint("text ", i-i%10/9))
		if i%3 == 0 {
			items[i].Gold = []string{"x"}
		}
	}
	return items
}

func importJob(ctx context.Context, dir string) error {
	return withStore(ctx, dir, func(s *Store) error {
		for batch := range slices.Chunk(jobTexts(), jobBatch) {
			if _, _, err := s.Import(ctx, batch, label.Pool, "gold"); err != nil {
				return err
			}
			fmt.Println(batch[len(batch)-1].Place.Line)
		}
		return nil
	})
}

func predictJob(ctx context.Context, dir string) error {
	return withStore(ctx, dir, func(s *Store) error {
		m, err := s.RegisterModel(ctx, label.Model{Name: "m", Version: "1", Labels: []string{"x", "y"}})
		if err != nil {
			return err
		}
		for {
			page, err := s.ItemPage(ctx, Filter{State: label.AnyState, Unpredicted: m.ID}, jobBatch)
			if err != nil || len(page) == 0 {
				return err
			}
			var list []label.Probabilities
			for _, r := range page {
				p := float32(r.Item.Number%100) / 100
				list = append(list, label.Probabilities{Item: r.Item.Number, Probs: []float32{p, 1 - p}})
			}
			if err := s.PutPredictions(ctx, m, list); err != nil {
				return err
			}
			fmt.Println(list[len(list)-1].Item)
		}
	})
}

func selectJob(ctx context.Context, dir string) error {
	const rounds = 20
	return withStore(ctx, dir, func(s *Store) error {
		for {
			done, err := s.Rounds(ctx)
			if err != nil || len(done) == rounds {
				return err
			}
			var entries []label.Entry
			for i := range 40 {
				entries = append(entries, label.Entry{Item: int64(1 + len(done)*50 + i), Reason: label.Uncertain, Score: float64(i)})
			}
			r, _, err := s.Enqueue(ctx, label.Round{Strategy: "BreakingTies", N: len(entries), Seed: uint64(len(done))}, entries)
			if err != nil {
				return err
			}
			fmt.Println(r.ID)
		}
	})
}

func annotateJob(ctx context.Context, dir string) error {
	return withStore(ctx, dir, func(s *Store) error {
		for {
			entries, err := s.Lease(ctx, "ada", 5, time.Hour)
			if err != nil || len(entries) == 0 {
				return err
			}
			for _, e := range entries {
				key := fmt.Sprint("k", e.Item)
				a := label.Annotation{Key: key, Annotator: "ada", Item: e.Item, Verdict: label.Corrected, Labels: []string{"y"}, Round: e.Round}
				if _, err := s.Annotate(ctx, a); err != nil {
					return err
				}
				fmt.Println(e.Item)
			}
		}
	})
}

func withStore(ctx context.Context, dir string, work func(s *Store) error) error {
	s, err := Open(ctx, dir)
	if err != nil {
		return err
	}
	if err := work(s); err != nil {
		s.Close()
		return err
	}
	return s.Close()
}

// dump gives all of a project but its times.
func dump(t *testing.T, dir string) []string {
	t.Helper()
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sound(t, s)
	var lines []string
	for _, query := range []string{
		"SELECT 'item', id, source_id, text, line, hex(digest), split, state, annotation_id FROM items ORDER BY id",
		"SELECT 'copy', item_id, line, source_id, labels FROM copies ORDER BY item_id, line",
		"SELECT 'label', label_id, item_id FROM item_labels ORDER BY item_id, label_id",
		"SELECT 'prediction', id, hex(probs), position, confidence, error FROM predictions ORDER BY id",
		"SELECT 'round', id, strategy, n, seed FROM rounds ORDER BY id",
		"SELECT 'entry', id, round_id, item_id, position, score, answered, state FROM queue ORDER BY id",
		"SELECT 'assignment', entry_id, annotator_id, annotation_id FROM assignments ORDER BY entry_id, annotator_id",
		"SELECT 'annotation', id, key, item_id, annotator_id, verdict, round_id, undoes FROM annotations ORDER BY id",
		"SELECT 'annotated', annotation_id, position, label_id, name FROM annotation_labels ORDER BY annotation_id, position",
	} {
		rows, err := s.reader.Query(query)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		for rows.Next() {
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			var line strings.Builder
			for _, v := range values {
				fmt.Fprintf(&line, "%v|", *v.(*any))
			}
			lines = append(lines, line.String())
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return lines
}

// copyFolder copies a closed project.
func copyFolder(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "project")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestKilledJobsGoOn kills each kind of work at random moments and without warning. What the store acknowledged must be
// there, the project sound, and the end that of work that was never interrupted.
func TestKilledJobsGoOn(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole")
	s, err := Create(t.Context(), whole, texts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddLabels(t.Context(), "ada", "x", "y"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	acknowledged := map[string]string{ // counts what there is of the piece of work with this number
		"import":   "SELECT (SELECT count(*) FROM items WHERE line = ?1) + (SELECT count(*) FROM copies WHERE line = ?1)",
		"predict":  "SELECT count(*) FROM predictions WHERE item_id = ?",
		"select":   "SELECT count(*) / 40 FROM queue WHERE round_id = ?",
		"annotate": "SELECT count(*) FROM annotations WHERE item_id = ? AND annotator_id = 2",
	}
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	for _, name := range []string{"import", "predict", "select", "annotate"} { // each works on what the one before made
		start := copyFolder(t, whole)
		cut := copyFolder(t, start)
		begin := time.Now()
		if out, err := job(name, whole).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
		took := time.Since(begin)
		killed, seen := 0, 0
		for killed < *kills {
			after := time.Duration(rng.Int64N(int64(took) / int64(*kills/2+2)))
			last, interrupted := killAfter(t, job(name, cut), killed%2 == 0, after)
			if !interrupted { // it was done before
				cut = copyFolder(t, start)
				continue
			}
			killed++
			seen += len(last)
			s, err := Open(t.Context(), cut)
			if err != nil {
				t.Fatal(err)
			}
			sound(t, s)
			for _, number := range last {
				var n int
				if err := s.reader.QueryRow(acknowledged[name], number).Scan(&n); err != nil || n != 1 {
					t.Fatalf("%s: %d was acknowledged, and is there %d times, %v", name, number, n, err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if out, err := job(name, cut).CombinedOutput(); err != nil {
			t.Fatalf("%s, resumed: %v: %s", name, err, out)
		}
		want, got := dump(t, whole), dump(t, cut)
		if !slices.Equal(got, want) {
			t.Errorf("%s, killed %d times, ends with %d rows, want %d, or with others", name, killed, len(got), len(want))
		}
		t.Logf("%s took %v; was killed %d times, with %d pieces of work acknowledged; ends with %d rows", name, took, killed, seen, len(got))
	}
}

// killAfter starts a process, kills it some time after its start, or after its first line, and gives the numbers that it
// wrote.
func killAfter(t *testing.T, cmd *exec.Cmd, atWork bool, after time.Duration) (numbers []int, interrupted bool) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	first := ""
	if atWork {
		if first, err = lines.ReadString('\n'); err != nil && err != io.EOF {
			t.Fatal(err)
		}
	}
	time.Sleep(after)
	cmd.Process.Signal(syscall.SIGKILL)
	rest, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	interrupted = cmd.Wait() != nil
	for line := range strings.Lines(first + string(rest)) {
		if n, err := strconv.Atoi(strings.TrimSuffix(line, "\n")); err == nil && strings.HasSuffix(line, "\n") {
			numbers = append(numbers, n)
		}
	}
	return numbers, interrupted
}
