package sqlite

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/label"
)

// says is an annotation.
func says(key, annotator string, item int64, verdict label.Verdict, labels ...string) label.Annotation {
	return label.Annotation{Key: key, Annotator: annotator, Item: item, Verdict: verdict, Labels: labels}
}

func mustAnnotate(t testing.TB, s *Store, a label.Annotation) label.Annotation {
	t.Helper()
	kept, err := s.Annotate(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

// stands fails the test unless an item has a state and labels.
func stands(t testing.TB, s *Store, number int64, state label.State, labels ...string) {
	t.Helper()
	r, err := s.Item(t.Context(), number)
	if err != nil || r.State != state || !slices.Equal(r.Labels, labels) {
		t.Errorf("item %d is %q %q, want %q %q, %v", number, r.State, r.Labels, state, labels, err)
	}
}

func TestAnnotationsAreKeptWhole(t *testing.T) {
	s := create(t, label.Project{Task: label.TextClassification, MultiLabel: true}, "x", "y")
	several(t, s, 2)
	m, err := s.RegisterModel(t.Context(), label.Model{Name: "m", Version: "1", Labels: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	round, _, err := s.Enqueue(t.Context(), label.Round{Strategy: "Random"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := label.Annotation{
		Key: "k1", Item: 2, Annotator: "ada", At: time.UnixMilli(1234567890123).UTC(), Took: 1500 * time.Millisecond, Verdict: label.Corrected,
		Labels: []string{"y", "x"}, Note: "näh", Suggestion: []string{}, Model: m.ID, Round: round.ID, Revision: 1,
	}
	kept := mustAnnotate(t, s, want)
	want.ID = kept.ID
	if !reflect.DeepEqual(kept, want) {
		t.Errorf("kept is %+v, want %+v", kept, want)
	}
	later := want
	later.At = time.Time{} // a second sending knows no better
	if again := mustAnnotate(t, s, later); !reflect.DeepEqual(again, want) {
		t.Errorf("sent again it is %+v, want %+v", again, want)
	}
	plain := mustAnnotate(t, s, says("k2", "bob", 2, label.Accepted))
	list, err := s.AnnotationsOf(t.Context(), 2)
	if err != nil || len(list) != 2 || !reflect.DeepEqual(list[0], want) || !reflect.DeepEqual(list[1], plain) || plain.Suggestion != nil {
		t.Errorf("annotations are %+v, %v", list, err)
	}
	stands(t, s, 2, label.Labelled) // multi-label: none applies
	var streamed []label.Annotation
	for a, err := range s.Annotations(t.Context(), want.ID) {
		if err != nil {
			t.Fatal(err)
		}
		streamed = append(streamed, a)
	}
	if len(streamed) != 1 || streamed[0].Key != "k2" {
		t.Errorf("annotations after the first are %+v", streamed)
	}
}

func TestAnnotationsAreChecked(t *testing.T) {
	s := create(t, texts, "x", "y")
	several(t, s, 1)
	mustAnnotate(t, s, says("taken", "ada", 1, label.Accepted, "x"))
	for _, c := range []struct {
		a    label.Annotation
		kind error
		word string
	}{
		{says("", "ada", 1, label.Accepted, "x"), label.ErrUsage, "no key"},
		{says("k", "", 1, label.Accepted, "x"), label.ErrUsage, "no annotator"},
		{says("k", "ada", 1, label.Undone), label.ErrUsage, `verdict "undone"`},
		{says("k", "ada", 1, label.Accepted), label.ErrUsage, "0 labels, want one"},
		{says("k", "ada", 1, label.Accepted, "x", "y"), label.ErrUsage, "2 labels, want one"},
		{says("k", "ada", 1, label.Accepted, "z"), label.ErrNotFound, `no label "z"`},
		{says("k", "ada", 2, label.Accepted, "x"), label.ErrNotFound, "no such item"},
		{says("taken", "ada", 1, label.Accepted, "y"), label.ErrConflict, "another annotation"},
		{says("taken", "bob", 1, label.Accepted, "x"), label.ErrConflict, "another annotation"},
		{label.Annotation{Key: "k", Annotator: "ada", Item: 1, Verdict: label.Skipped, Revision: 2}, label.ErrUsage, "at revision 1, not yet at 2"},
		{label.Annotation{Key: "k", Annotator: "ada", Item: 1, Verdict: label.Skipped, Model: 9}, label.ErrNotFound, "no item, model"},
	} {
		if _, err := s.Annotate(t.Context(), c.a); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%+v: %v, want %q", c.a, err, c.word)
		}
	}
	refused, err := s.AnnotateAll(t.Context(), []label.Annotation{
		says("2", "ada", 1, label.Accepted, "z"), says("taken", "ada", 1, label.Accepted, "x"), says("3", "cy", 7, label.Skipped), says("4", "bob", 1, label.Accepted, "y"),
		{Key: "5", Annotator: "bob", Item: 1, Verdict: label.Skipped, Model: 9}, {Key: "6", Annotator: "bob", Item: 1, Verdict: label.Skipped, Round: 9},
	})
	if err != nil || refused[0] == nil || refused[1] != nil || refused[2] == nil || refused[3] != nil ||
		!errors.Is(refused[4], label.ErrNotFound) || !errors.Is(refused[5], label.ErrNotFound) {
		t.Errorf("of many are refused %v, %v", refused, err)
	}
	stands(t, s, 1, label.Labelled, "y")
	sound(t, s)
	if c, err := s.Counts(t.Context()); err != nil || len(c.Annotators) != 2 || c.Annotators[0].Verdicts[label.Accepted] != 1 {
		t.Errorf("counts are %+v, %v", c, err)
	}
}

func TestAnnotationsAreAppendOnly(t *testing.T) {
	s := create(t, texts, "x", "y")
	several(t, s, 2)
	grouped := says("k", "ada", 1, label.Accepted, "x")
	grouped.Group = "g"
	mustAnnotate(t, s, grouped)
	for _, query := range []string{
		"UPDATE annotations SET note = 'changed'",
		"DELETE FROM annotations",
		"REPLACE INTO annotations (id, key, item_id, annotator_id, at, took, verdict, note, revision) VALUES (1, 'new', 1, 1, 0, 0, 'skipped', '', 1)",
		"REPLACE INTO annotations (key, item_id, annotator_id, at, took, verdict, note, revision) VALUES ('k', 1, 1, 0, 0, 'skipped', '', 1)",
		"UPDATE annotation_labels SET label_id = 2",
		"DELETE FROM annotation_labels",
		"UPDATE annotation_groups SET name = ''",
		"DELETE FROM annotation_groups",
		"REPLACE INTO annotation_groups VALUES (1, 'h')",
		"REPLACE INTO annotation_labels VALUES (1, 0, 2, 'y')",
		"UPDATE label_changes SET author = 'nobody'",
		"DELETE FROM label_changes",
	} {
		if _, err := s.writer.Exec(query); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", query, err)
		}
	}
	stands(t, s, 1, label.Labelled, "x")
	sound(t, s)
}

func TestUndoTakesBackTheNewestThatStands(t *testing.T) {
	s := create(t, texts, "x", "y")
	several(t, s, 3)
	mustAnnotate(t, s, says("1", "ada", 1, label.Accepted, "x"))
	mustAnnotate(t, s, says("2", "bob", 1, label.Skipped))
	mustAnnotate(t, s, says("3", "ada", 1, label.Corrected, "y"))
	mustAnnotate(t, s, says("4", "ada", 2, label.Flagged))
	undo := func(annotator, key, undone string) {
		t.Helper()
		for range 2 { // the second sending changes nothing
			if a, err := s.Undo(t.Context(), annotator, key); err != nil || len(a) != 1 || a[0].Key != undone {
				t.Fatalf("undo gives %+v, want %q, %v", a, undone, err)
			}
		}
	}
	stands(t, s, 1, label.Labelled, "y")
	stands(t, s, 2, label.StateFlagged)
	undo("ada", "u1", "4")
	stands(t, s, 2, label.Unlabelled)
	undo("ada", "u2", "3")
	stands(t, s, 1, label.Labelled, "x")
	undo("ada", "u3", "1")
	stands(t, s, 1, label.StateSkipped) // bob's word is left
	undo("bob", "u4", "2")
	stands(t, s, 1, label.Unlabelled)
	if _, err := s.Undo(t.Context(), "ada", "u5"); !errors.Is(err, label.ErrNotFound) {
		t.Errorf("undo of nothing: %v", err)
	}
	if _, err := s.Undo(t.Context(), "bob", "u1"); !errors.Is(err, label.ErrConflict) {
		t.Errorf("undo with another's key: %v", err)
	}
	if list, err := s.Standing(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("standing are %+v, %v", list, err)
	}
	if list, err := s.AnnotationsOf(t.Context(), 1); err != nil || len(list) != 6 || list[5].Verdict != label.Undone || list[5].Undoes != 2 {
		t.Errorf("annotations of item 1 are %+v, %v", list, err)
	}
	sound(t, s)
}

func TestTheNewestLabelsOfSeveralPeopleCount(t *testing.T) {
	s := create(t, texts, "x", "y")
	several(t, s, 2)
	mustAnnotate(t, s, says("1", "ada", 1, label.Accepted, "x"))
	mustAnnotate(t, s, says("2", "bob", 1, label.Corrected, "y"))
	mustAnnotate(t, s, says("3", "cy", 1, label.Skipped))
	stands(t, s, 1, label.Labelled, "y")
	mustAnnotate(t, s, says("4", "bob", 1, label.Rejected))
	stands(t, s, 1, label.Labelled, "x")
	list, err := s.Standing(t.Context())
	if err != nil || len(list) != 3 || list[0].Key != "1" || list[1].Key != "4" || list[2].Key != "3" {
		t.Errorf("standing are %+v, %v", list, err)
	}
	truths, err := s.Truths(t.Context(), label.Pool)
	if want := []label.Truth{{Item: 1, Annotation: 1, Labels: []int64{1}}}; err != nil || !reflect.DeepEqual(truths, want) {
		t.Errorf("truths are %+v, want %+v, %v", truths, want, err)
	}
	sound(t, s)
}

func TestItemsAreSkippedBeforeThereAreLabels(t *testing.T) {
	s := create(t, texts)
	several(t, s, 1)
	mustAnnotate(t, s, says("k", "ada", 1, label.Skipped))
	stands(t, s, 1, label.StateSkipped)
	sound(t, s)
}
