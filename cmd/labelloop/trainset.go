package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/labelloop/labelloop/activelearn/quality"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
	"github.com/labelloop/labelloop/models"
)

// trainingSet is what a model may learn from: the labelled items of the pool, without those that models are judged by.
type trainingSet struct {
	items  []int64
	labels [][]int // of each item, in the label set
	names  []string

	Items     int     `json:"items"`
	Labels    int     `json:"labels"`     // of the label set that occur
	Held      int     `json:"held_out"`   // labelled items that are left out because models are judged by them
	Near      int     `json:"near_same"`  // left out because an evaluation item is nearly the same
	Consensus int     `json:"by_several"` // items whose label several people's answers make
	judged    bool    // there is an evaluation set
	open      []int64 // items of the pool without a label that are not held out
}

// newTrainingSet reads a project's training set. The newest annotation that gives labels counts; where several people gave
// one, the label that is most probable by all that they answered (Dawid and Skene).
func newTrainingSet(ctx context.Context, s *sqlite.Store) (*trainingSet, error) {
	set, err := s.LabelSet(ctx, 0)
	if err != nil {
		return nil, err
	}
	t := &trainingSet{names: set.Names()}
	held, err := heldOut(ctx, s)
	if err != nil {
		return nil, err
	}
	truths, err := s.Truths(ctx, label.Pool)
	if err != nil {
		return nil, err
	}
	class := set.Index()
	for _, truth := range truths {
		if held.has(truth.Item) {
			t.Held++
			continue
		}
		row := []int{}
		for _, id := range truth.Labels {
			row = append(row, class[id])
		}
		t.items, t.labels = append(t.items, truth.Item), append(t.labels, row)
	}
	if err := t.agree(ctx, s); err != nil {
		return nil, err
	}
	if err := t.separate(ctx, s); err != nil {
		return nil, err
	}
	fresh, err := s.Numbers(ctx, label.Pool, label.Unlabelled)
	if err != nil {
		return nil, err
	}
	t.open = slices.DeleteFunc(fresh, held.has)
	t.count()
	return t, nil
}

// agree puts the consensus of several people in the place of the newest answer.
func (t *trainingSet) agree(ctx context.Context, s *sqlite.Store) error {
	if s.Project().MultiLabel {
		return nil
	}
	people, err := readCrowd(ctx, s)
	if err != nil || len(people.people) < 2 {
		return err
	}
	var items []int64
	answers := map[int64]int{}
	given, _ := people.classed(t.names, func(item int64) bool {
		if answers[item]++; answers[item] == 1 {
			items = append(items, item)
		}
		return true
	})
	if given.Items == 0 {
		return nil
	}
	fit, err := quality.FitDawidSkene(given)
	if err != nil {
		return err
	}
	for i, item := range items {
		if at, ok := slices.BinarySearch(t.items, item); ok && answers[item] > 1 {
			t.labels[at] = []int{fit.Consensus[i]}
			t.Consensus++
		}
	}
	return nil
}

// separate leaves out what is nearly the same as an evaluation item.
func (t *trainingSet) separate(ctx context.Context, s *sqlite.Store) error {
	judged, err := evaluationSet(ctx, s)
	if errNoModel(err) {
		return nil // there is none yet
	}
	if err != nil {
		return err
	}
	t.judged = true
	pairs, err := leaks(ctx, s, t.items, judged.items)
	if err != nil {
		return err
	}
	near := map[int64]bool{}
	for _, p := range pairs {
		near[p.training] = true
	}
	t.Near = len(near)
	kept := 0
	for i, item := range t.items {
		if !near[item] {
			t.items[kept], t.labels[kept] = item, t.labels[i]
			kept++
		}
	}
	t.items, t.labels = t.items[:kept], t.labels[:kept]
	return nil
}

func (t *trainingSet) count() {
	occur := map[int]bool{}
	for _, row := range t.labels {
		for _, k := range row {
			occur[k] = true
		}
	}
	t.Items, t.Labels = len(t.items), len(occur)
}

// examples gives what is kept with a model of its training set.
func (t *trainingSet) examples(ctx context.Context, s *sqlite.Store) ([]models.Example, error) {
	digests, err := s.Digests(ctx, t.items)
	if err != nil {
		return nil, err
	}
	list := make([]models.Example, len(t.items))
	for i, row := range t.labels {
		list[i].Digest = digests[i]
		for _, k := range row {
			list[i].Labels = append(list[i].Labels, t.names[k])
		}
	}
	return list, nil
}

// String tells what the set is, and what was left out.
func (t *trainingSet) String() string {
	text := fmt.Sprintf("%s items with %s of %s labels", thousands(t.Items), thousands(t.Labels), thousands(len(t.names)))
	var but []string
	for _, part := range []struct {
		n    int
		what string
	}{{t.Held, "are held out to judge models by"}, {t.Near, "are nearly the same as an evaluation item"}} {
		if part.n > 0 {
			but = append(but, thousands(part.n)+" "+part.what)
		}
	}
	if but != nil {
		text += " (left out: " + strings.Join(but, ", ") + ")"
	}
	if t.Consensus > 0 {
		text += fmt.Sprintf("; %s by the consensus of several people", thousands(t.Consensus))
	}
	return text
}
