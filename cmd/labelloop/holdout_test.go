package main

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// TestHoldoutShrinks: an item that could be trained on is never held out later, however many come in, and about as many are
// held out as shall be.
func TestHoldoutShrinks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	s, err := sqlite.Create(t.Context(), dir, label.Project{Task: label.TextClassification, Created: clock()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	was, last := map[int64]bool{}, int64(0)
	for _, n := range []int64{100, 1000, 3900, 4100, 6000, 12000} {
		var items []label.Item
		for i := last + 1; i <= n; i++ {
			items = append(items, label.Item{Text: fmt.Sprint("text ", i), Place: label.Place{File: "f", Line: int(i)}})
		}
		if _, _, err := s.Import(t.Context(), items, label.Pool, ""); err != nil {
			t.Fatal(err)
		}
		held, err := heldOut(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		is, count := map[int64]bool{}, 0.0
		for item := int64(1); item <= n; item++ {
			if is[item] = held.has(item); !is[item] {
				continue
			}
			count++
			if item <= last && !was[item] {
				t.Fatalf("item %d of %d is held out, and was not when there were %d", item, n, last)
			}
		}
		want := float64(n) * min(max(1000/float64(n), 0.1), 0.25)
		if math.Abs(count-want) > 5*math.Sqrt(want) {
			t.Errorf("%g of %d items are held out, want about %g", count, n, want)
		}
		if order := held.order(); float64(len(order)) != count || slices.ContainsFunc(order, func(item int64) bool { return !is[item] }) {
			t.Errorf("the order has %d items, %g are held out", len(order), count)
		}
		was, last = is, n
	}
	// What models were judged on stays held out.
	for item := range was {
		if was[item] {
			continue
		}
		if _, err := s.PutEvaluation(t.Context(), "digest", []int64{item}); err != nil {
			t.Fatal(err)
		}
		if held, err := heldOut(t.Context(), s); err != nil || !held.has(item) {
			t.Errorf("item %d is not held out, though models were judged on it: %v", item, err)
		}
		break
	}
}

// TestStrategiesLeaveTheHoldout: query strategies choose among the other items alone, control items and audits come from
// the held-out part, and people are told when it is used up.
func TestStrategiesLeaveTheHoldout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	must(t, "init", dir, "--labels", "joy,anger,fear,other")
	if _, stderr, code := run(t, "import", "--project", dir, writeTexts(t, 300)); code > exitDone && code != exitItems {
		t.Fatal(stderr)
	}
	must(t, "predict", "--project", dir, "--model", filepath.Join(fixtures, "bert-single"))
	s, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	held, err := heldOut(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	must(t, "select", "--project", dir, "-n", "100", "--strategy", "breaking-ties", "--control", "0.2")
	queued, err := s.Queued(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	random := 0
	for _, item := range queued {
		if held.has(item) {
			random++
		}
	}
	if len(queued) != 100 || random != 20 {
		t.Errorf("%d items in the queue, %d of them held out, want 100 and 20", len(queued), random)
	}
	out, stderr, code := run(t, "select", "--project", dir, "-n", "250", "--strategy", "audit", "--json")
	var said struct{ Added int }
	if err := json.Unmarshal([]byte(out), &said); err != nil || code != exitDone {
		t.Fatalf("%v: %s", err, stderr)
	}
	if said.Added != len(held.order())-random || !strings.Contains(stderr, "the random sample is used up") {
		t.Errorf("%d of %d held-out items were added to %d: %s", said.Added, len(held.order()), random, stderr)
	}
	// With the audits used up, too, there is nothing left but what the others can't choose.
	_, stderr, _ = run(t, "select", "--project", dir, "-n", "300", "--strategy", "audit")
	if !strings.Contains(stderr, "no more items for audits") {
		t.Errorf("no audits are left: %s", stderr)
	}
}

// TestHoldoutIsToldOf: where nothing but held-out items is left, select says how to get at them, and status says how many
// audits there can be.
func TestHoldoutIsToldOf(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	must(t, "init", dir, "--labels", "joy,anger,fear,other")
	must(t, "import", "--project", dir, writeTexts(t, 100))
	must(t, "predict", "--project", dir, "--model", filepath.Join(fixtures, "bert-single"))
	s, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	held, err := heldOut(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	n := len(held.order())
	_, stderr, code := run(t, "select", "--project", dir, "-n", "200", "--strategy", "breaking-ties", "--control", "0")
	if want := fmt.Sprintf("%d that are left are held out to judge models by: labelloop select --strategy audit", n); code != exitDone || !strings.Contains(stderr, want) {
		t.Errorf("exit code %d, %s, want %q", code, stderr, want)
	}
	for audits, want := range map[int]string{n: fmt.Sprintf("before all of %d audits are answered; 0 are", n), n + 1: fmt.Sprintf("--audits %d can't be reached; give %d at most", n+1, n)} {
		if out := must(t, "status", "--project", dir, "--epsilon", "0.2", "--audits", fmt.Sprint(audits)); !strings.Contains(out, want) {
			t.Errorf("with --audits %d status does not say %q:\n%s", audits, want, out)
		}
	}
}
