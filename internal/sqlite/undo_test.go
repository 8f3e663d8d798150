package sqlite

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/label"
)

func TestUndoTakesBackWhatWasDecidedInOne(t *testing.T) {
	s := create(t, texts, "x")
	several(t, s, 6)
	mustImport(t, s, "ada", item(90, "imported", "x"))
	say := func(group, who string, keys ...string) {
		t.Helper()
		var list []label.Annotation
		for i, key := range keys {
			a := says(key, who, int64(i+1), label.Corrected, "x")
			a.Group = group
			list = append(list, a)
		}
		for range 2 { // sent again it is the same
			if refused, err := s.AnnotateAll(t.Context(), list); err != nil || slices.ContainsFunc(refused, func(err error) bool { return err != nil }) {
				t.Fatal(refused, err)
			}
		}
	}
	say("", "ada", "k0", "k1")
	say("g", "ada", "g0", "g1", "g2")
	say("g", "bob", "b0", "b1") // another person's name for something else
	say("h", "ada", "h0", "h1")
	undo := func(key string, want ...string) {
		t.Helper()
		for range 2 {
			back, err := s.Undo(t.Context(), "ada", key)
			var keys []string
			for _, a := range back {
				keys = append(keys, a.Key)
			}
			if !slices.Equal(keys, want) || (err != nil) != (want == nil) {
				t.Errorf("%s takes %q back, want %q, %v", key, keys, want, err)
			}
		}
	}
	undo("u", "h1", "h0")
	undo("v", "g2", "g1", "g0")
	mustAnnotate(t, s, says("k9", "ada", 5, label.Corrected, "x"))
	undo("w", "k9")
	undo("x", "k1")
	undo("y", "k0")
	undo("z") // the imported label stays
	stands(t, s, 7, label.Labelled, "x")
	stands(t, s, 1, label.Labelled, "x") // by bob
	stands(t, s, 3, label.Unlabelled)
	sound(t, s)
}

// TestManyOfOneItem decides on one item as often as a request of the review page may, and takes that back, within the time that
// the page's server gives an answer.
func TestManyOfOneItem(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s := create(t, texts, "x", "y")
	several(t, s, 1)
	list := make([]label.Annotation, 10_000)
	for i := range list {
		list[i] = says(fmt.Sprint("k", i), "ada", 1, label.Corrected, []string{"x", "y"}[i%2])
		list[i].Group = "g"
	}
	if _, err := s.AnnotateAll(ctx, list); err != nil {
		t.Fatal(err)
	}
	stands(t, s, 1, label.Labelled, "y")
	if back, err := s.Undo(ctx, "ada", "u"); err != nil || len(back) != len(list) {
		t.Errorf("%d are taken back, %v", len(back), err)
	}
	stands(t, s, 1, label.Unlabelled)
	sound(t, s)
}

// TestUndoHasNoLimit takes a bulk of thousands back in one step, and what came before it one by one.
func TestUndoHasNoLimit(t *testing.T) {
	const n = 1000
	s := create(t, texts, "x")
	several(t, s, n)
	var list []label.Annotation
	for i := range n {
		a := says(fmt.Sprint("k", i), "ada", int64(i+1), label.Corrected, "x")
		if i >= 100 {
			a.Group = "bulk"
		}
		list = append(list, a)
	}
	if _, err := s.AnnotateAll(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	back, err := s.Undo(t.Context(), "ada", "bulk/undo")
	if err != nil || len(back) != n-100 {
		t.Errorf("%d were taken back, %v", len(back), err)
	}
	for i := range 100 {
		back, err := s.Undo(t.Context(), "ada", fmt.Sprint("u", i))
		if err != nil || len(back) != 1 || back[0].Key != fmt.Sprint("k", 99-i) {
			t.Fatalf("undo %d takes %v back, %v", i, back, err)
		}
	}
	if standing, err := s.Standing(t.Context()); err != nil || len(standing) > 0 {
		t.Errorf("%d stand, %v", len(standing), err)
	}
}
