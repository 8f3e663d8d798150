package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// TestFollowing counts the answers of two people, one of whom follows what is suggested.
func TestFollowing(t *testing.T) {
	ctx := t.Context()
	s, err := sqlite.Create(ctx, filepath.Join(t.TempDir(), "project"), label.Project{Task: label.TextClassification, Created: clock()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = s.AddLabels(ctx, "ada", "yes", "no", "old")
	check(err)
	var items []label.Item
	var said []label.Probabilities
	for i := range 400 {
		items = append(items, label.Item{ID: fmt.Sprint(i), Text: fmt.Sprint("text ", i)})
		said = append(said, label.Probabilities{Item: int64(i + 1), Probs: []float32{0.75, 0.25}})
	}
	_, _, err = s.Import(ctx, items, label.Pool, "")
	check(err)
	m, err := s.RegisterModel(ctx, label.Model{Name: "m", Version: "1", Labels: []string{"yes", "no"}})
	check(err)
	check(s.PutPredictions(ctx, m, said))
	crowd := func() *followed {
		t.Helper()
		c, err := readCrowd(ctx, s)
		check(err)
		f, err := c.following(ctx, s)
		check(err)
		return f
	}
	n := 0
	// say gives answers, of which the first same ones are what is suggested.
	say := func(who string, of, same int, change func(*label.Annotation)) {
		t.Helper()
		var list []label.Annotation
		for i := range of {
			n++
			a := label.Annotation{Key: fmt.Sprint("k", n), Item: int64(n), Annotator: who, Verdict: label.Corrected, Labels: []string{"no"}, Model: m.ID, Round: 1, Revision: 1}
			if i < same {
				a.Labels = []string{"yes"}
			}
			if change != nil {
				change(&a)
			}
			list = append(list, a)
		}
		_, err := s.AnnotateAll(ctx, list)
		check(err)
	}
	_, _, err = s.Enqueue(ctx, label.Round{Strategy: "test"}, []label.Entry{{Item: 400, Reason: label.Control}})
	check(err)
	shown := func(a *label.Annotation) { a.Suggestion = []string{"yes"} }
	say("ann", 100, 90, shown)
	if f := crowd(); f != nil {
		t.Errorf("where nothing was blind: %+v", f)
	}
	say("ann", 50, 30, nil) // held back
	say("bob", 30, 15, shown)
	say("bob", 10, 5, nil)
	// What says nothing of following: passing, lists, adjudication, what no model was asked about.
	say("bob", 10, 0, func(a *label.Annotation) { a.Verdict, a.Labels = label.Skipped, nil })
	say("bob", 10, 10, func(a *label.Annotation) { shown(a); a.Round = 0 })
	say("bob", 10, 10, func(a *label.Annotation) { a.Model = 0 })
	say("bob", 5, 0, func(a *label.Annotation) { shown(a); a.Verdict, a.Labels = label.Rejected, nil }) // does not follow
	f := crowd()
	if f.Shown != 135 || f.ShownSame != 105 || f.Blind != 60 || f.BlindSame != 35 || f.Difference == nil || f.Difference.Low <= 0 ||
		!strings.Contains(f.Sentence, "77.8 % of 135 items") || !strings.Contains(f.Sentence, "58.3 % of 60") || !strings.Contains(f.Sentence, "They follow it") {
		t.Errorf("following is %+v, %s", f.follower, f.Sentence)
	}
	if len(f.Annotators) != 2 || f.Annotators[0].Name != "ann" || f.Annotators[0].Difference == nil || f.Annotators[1].Blind != 10 || f.Annotators[1].Difference != nil {
		t.Errorf("by person it is %+v", f.Annotators)
	}
	if rows := f.section().Rows; len(rows) != 3 || rows[0].Who != "all" || rows[1].Blind != 50 {
		t.Errorf("the report shows %+v", rows)
	}
	// A blind answer is compared by the names that its person saw.
	_, err = s.RenameLabel(ctx, "ada", "yes", "sure")
	check(err)
	if again := crowd(); again.BlindSame != 35 || again.Blind != 60 {
		t.Errorf("after a label has another name it is %+v", again.follower)
	}
}
