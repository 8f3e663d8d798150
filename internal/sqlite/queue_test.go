package sqlite

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/label"
)

// enqueue makes a round of items, to be labelled by so many people each.
func enqueue(t testing.TB, s *Store, people int, reason label.Reason, items ...int64) label.Round {
	t.Helper()
	var entries []label.Entry
	for _, n := range items {
		entries = append(entries, label.Entry{Item: n, Reason: reason, Score: math.NaN(), People: people})
	}
	r, _, err := s.Enqueue(t.Context(), label.Round{Strategy: "Random", N: len(items)}, entries)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// lease fails the test unless a person gets the given items.
func lease(t testing.TB, s *Store, annotator string, n int, want ...int64) {
	t.Helper()
	leaseFor(t, s, annotator, n, time.Hour, want...)
}

func leaseFor(t testing.TB, s *Store, annotator string, n int, term time.Duration, want ...int64) {
	t.Helper()
	entries, err := s.Lease(t.Context(), annotator, n, term)
	var got []int64
	for _, e := range entries {
		got = append(got, e.Item)
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%s gets %v, want %v, %v", annotator, got, want, err)
	}
}

// open fails the test unless so many entries are open.
func open(t testing.TB, s *Store, want int) {
	t.Helper()
	c, err := s.Counts(t.Context())
	n := 0
	for _, k := range c.Queue {
		n += k
	}
	if err != nil || n != want {
		t.Errorf("%d entries are open, want %d, %v", n, want, err)
	}
}

func TestEntriesKeepWhatWasSaid(t *testing.T) {
	s := create(t, texts, "x")
	several(t, s, 3)
	m := mustRegister(t, s, "1", "x")
	want := label.Round{
		Strategy: "hybrid", N: 2, Seed: math.MaxUint64, Model: m.ID, Parameters: json.RawMessage(`{"control":0.1}`),
	}
	r, added, err := s.Enqueue(t.Context(), want, []label.Entry{
		{Item: 3, Reason: label.Uncertain, Score: 0.5}, {Item: 1, Reason: label.Control, Score: math.NaN(), People: 2}, {Item: 3, Reason: label.Control},
	})
	if err != nil || added != 2 {
		t.Fatalf("%d added, %v", added, err)
	}
	entries, err := s.Lease(t.Context(), "ada", 5, time.Minute)
	if err != nil || len(entries) != 2 || entries[0].Score != 0.5 || !math.IsNaN(entries[1].Score) {
		t.Fatalf("entries are %+v, %v", entries, err)
	}
	second := entries[1]
	second.Score = 0
	if left := time.Until(second.Expires); left < 50*time.Second || left > time.Minute {
		t.Errorf("the lease has %v", left)
	}
	if e := (label.Entry{ID: 2, Round: r.ID, Item: 1, Position: 1, Reason: label.Control, People: 2, Expires: second.Expires}); second != e {
		t.Errorf("entry is %+v, want %+v", second, e)
	}
	if err := s.SetMetrics(t.Context(), r.ID, json.RawMessage(`{"accuracy":0.9}`)); err != nil {
		t.Fatal(err)
	}
	r.Metrics = json.RawMessage(`{"accuracy":0.9}`)
	if rounds, err := s.Rounds(t.Context()); err != nil || !reflect.DeepEqual(rounds, []label.Round{r}) {
		t.Errorf("rounds are %+v, want %+v, %v", rounds, r, err)
	}
	if err := s.SetMetrics(t.Context(), 9, nil); err == nil {
		t.Error("metrics of a round that isn't there are taken")
	}
}

func TestLeasesKeepPeopleApart(t *testing.T) {
	s := create(t, texts, "x")
	several(t, s, 6)
	enqueue(t, s, 1, label.Uncertain, 4, 2, 6)
	enqueue(t, s, 1, label.Uncertain, 2, 5) // 2 is in the queue already
	open(t, s, 4)
	lease(t, s, "ada", 2, 4, 2)
	lease(t, s, "bob", 2, 6, 5)
	lease(t, s, "cy", 2)
	lease(t, s, "ada", 3, 4, 2) // a page that is loaded again shows the same
	mustAnnotate(t, s, says("1", "ada", 4, label.Accepted, "x"))
	lease(t, s, "ada", 2, 2)
	if err := s.Release(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	lease(t, s, "cy", 1, 6)
	if err := s.Release(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	leaseFor(t, s, "bob", 1, time.Millisecond, 2)
	time.Sleep(5 * time.Millisecond)
	lease(t, s, "ada", 1, 2) // the lease has expired
	mustAnnotate(t, s, says("2", "bob", 2, label.Accepted, "x"))
	lease(t, s, "ada", 2, 5) // bob's late answer counts all the same
	open(t, s, 2)
	sound(t, s)
}

func TestSeveralPeopleAnswerOneEntry(t *testing.T) {
	s := create(t, texts, "x", "y")
	several(t, s, 2)
	enqueue(t, s, 2, label.Control, 1, 2)
	lease(t, s, "ada", 1, 1)
	lease(t, s, "bob", 1, 1)
	lease(t, s, "cy", 1, 2) // two have the first one before them
	mustAnnotate(t, s, says("1", "ada", 1, label.Accepted, "x"))
	lease(t, s, "ada", 1, 2)
	mustAnnotate(t, s, says("2", "bob", 1, label.Skipped)) // leaves it to others, but not to bob again
	lease(t, s, "bob", 1)                                  // ada and cy have the second one
	mustAnnotate(t, s, says("3", "cy", 2, label.Flagged))
	lease(t, s, "cy", 1, 1)
	open(t, s, 2)
	mustAnnotate(t, s, says("4", "cy", 1, label.Corrected, "y"))
	open(t, s, 1)
	if _, err := s.Undo(t.Context(), "cy", "5"); err != nil {
		t.Fatal(err)
	}
	open(t, s, 2)
	lease(t, s, "cy", 1, 1)
	mustAnnotate(t, s, says("6", "cy", 1, label.Accepted, "x"))
	mustAnnotate(t, s, says("7", "cy", 1, label.Corrected, "y")) // again: no second answer
	mustAnnotate(t, s, says("8", "ada", 2, label.Accepted, "x"))
	open(t, s, 0)
	truths, err := s.Reviewed(t.Context(), label.Control)
	want := []label.Truth{{Item: 1, Annotation: 7, Labels: []int64{2}}, {Item: 2, Annotation: 8, Labels: []int64{1}}}
	if err != nil || !reflect.DeepEqual(truths, want) {
		t.Errorf("reviewed are %+v, want %+v, %v", truths, want, err)
	}
	if truths, err := s.Reviewed(t.Context(), label.ForAudit); err != nil || truths != nil {
		t.Errorf("audited are %+v, %v", truths, err)
	}
	sound(t, s)
}

func TestItemsComeUpAgain(t *testing.T) {
	s := create(t, texts, "x", "y")
	several(t, s, 2)
	first := enqueue(t, s, 1, label.Uncertain, 1)
	mustAnnotate(t, s, says("1", "ada", 1, label.Accepted, "x")) // without a lease
	open(t, s, 0)
	enqueue(t, s, 1, label.Relabel, 1)
	open(t, s, 1)
	lease(t, s, "ada", 1, 1)
	if _, err := s.Undo(t.Context(), "ada", "2"); err != nil { // of the first round's answer, while the item is open in the second
		t.Fatal(err)
	}
	open(t, s, 1)
	mustAnnotate(t, s, says("3", "ada", 1, label.Corrected, "y"))
	open(t, s, 0)
	last := enqueue(t, s, 1, label.Uncertain, 2, 1)
	lease(t, s, "bob", 1, 2)
	for _, c := range []struct {
		round int64
		want  int
	}{{first.ID, 0}, {last.ID, 1}, {0, 0}} { // bob has the other one before him
		if n, err := s.Withdraw(t.Context(), c.round); err != nil || n != c.want {
			t.Errorf("%d entries of round %d are withdrawn, want %d, %v", n, c.round, c.want, err)
		}
	}
	open(t, s, 1)
	mustAnnotate(t, s, says("4", "bob", 2, label.Accepted, "x"))
	open(t, s, 0)
	sound(t, s)
}
