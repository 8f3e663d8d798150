package sqlite

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
)

func TestLabelChangesAreRecorded(t *testing.T) {
	s := create(t, texts, "a", "b", "c", "d")
	several(t, s, 4)
	for i, name := range []string{"a", "b", "c", "d"} {
		mustAnnotate(t, s, says(name, "ada", int64(i+1), label.Accepted, name))
	}
	ctx := t.Context()
	changed := func(c label.LabelChange, err error) func(revision int64, items int, labels ...string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return func(revision int64, items int, labels ...string) {
			t.Helper()
			set, err := s.LabelSet(ctx, 0)
			if err != nil || c.Revision != revision || c.Items != items || !slices.Equal(set.Names(), labels) {
				t.Errorf("change %+v leaves %+v, %v; want revision %d of %d items, %q", c, set, err, revision, items, labels)
			}
			sound(t, s)
		}
	}
	changed(s.AddLabels(ctx, "ada", "a", "d"))(0, 0, "a", "b", "c", "d")
	changed(s.RenameLabel(ctx, "ada", "a", "A"))(2, 1, "A", "b", "c", "d")
	changed(s.MergeLabels(ctx, "bob", []string{"b"}, "A"))(3, 1, "A", "c", "d")
	changed(s.SplitLabel(ctx, "bob", "c", "c", "c2"))(4, 1, "A", "d", "c", "c2") // one of the parts may keep the name
	changed(s.DeleteLabel(ctx, "cy", "d"))(5, 1, "A", "c", "c2")
	changed(s.AddLabels(ctx, "cy", "b", "A", "b"))(6, 0, "A", "c", "c2", "b")
	stands(t, s, 1, label.Labelled, "A")
	stands(t, s, 2, label.Labelled, "A")
	stands(t, s, 3, label.Stale)
	stands(t, s, 4, label.Stale)
	for revision, want := range map[int64][]string{1: {"a", "b", "c", "d"}, 3: {"A", "c", "d"}, 5: {"A", "c", "c2"}} {
		if set, err := s.LabelSet(ctx, revision); err != nil || !slices.Equal(set.Names(), want) {
			t.Errorf("label set %d is %+v, want %q, %v", revision, set, want, err)
		}
	}
	changes, err := s.LabelChanges(ctx)
	if err != nil || len(changes) != 6 {
		t.Fatalf("changes are %+v, %v", changes, err)
	}
	split := changes[3]
	if split.At.IsZero() {
		t.Error("a change has no time")
	}
	split.At = changes[0].At
	want := label.LabelChange{Revision: 4, Kind: label.SplitLabel, Before: []string{"c"}, After: []string{"c", "c2"}, By: "bob", At: split.At, Items: 1}
	if !reflect.DeepEqual(split, want) {
		t.Errorf("change is %+v, want %+v", split, want)
	}
	if list, err := s.AnnotationsOf(ctx, 2); err != nil || !slices.Equal(list[0].Labels, []string{"b"}) || list[0].Revision != 1 {
		t.Errorf("what the person saw is %+v, %v", list, err)
	}
}

func TestLabelChangesAreChecked(t *testing.T) {
	s := create(t, texts, "a", "b")
	ctx := t.Context()
	for name, c := range map[string]struct {
		change func() (label.LabelChange, error)
		kind   error
	}{
		"rename to one that is there": {func() (label.LabelChange, error) { return s.RenameLabel(ctx, "ada", "a", "b") }, label.ErrConflict},
		"rename of none":              {func() (label.LabelChange, error) { return s.RenameLabel(ctx, "ada", "z", "y") }, label.ErrNotFound},
		"empty name":                  {func() (label.LabelChange, error) { return s.AddLabels(ctx, "ada", "") }, label.ErrUsage},
		"spaces":                      {func() (label.LabelChange, error) { return s.AddLabels(ctx, "ada", "z ") }, label.ErrUsage},
		"nobody":                      {func() (label.LabelChange, error) { return s.AddLabels(ctx, "", "z") }, label.ErrUsage},
		"merge with itself":           {func() (label.LabelChange, error) { return s.MergeLabels(ctx, "ada", []string{"b", "a"}, "a") }, label.ErrUsage},
		"merge into none":             {func() (label.LabelChange, error) { return s.MergeLabels(ctx, "ada", []string{"b"}, "z") }, label.ErrNotFound},
		"split into one that is there": {func() (label.LabelChange, error) {
			return s.SplitLabel(ctx, "ada", "a", "a1", "b")
		}, label.ErrConflict},
		"deletion of none": {func() (label.LabelChange, error) { return s.DeleteLabel(ctx, "ada", "z") }, label.ErrNotFound},
	} {
		if _, err := c.change(); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v, want %v", name, err, c.kind)
		}
	}
	if set, err := s.LabelSet(ctx, 0); err != nil || set.Revision != 1 || !slices.Equal(set.Names(), []string{"a", "b"}) {
		t.Errorf("refused changes leave %+v, %v", set, err)
	}
}

// TestAnnotationsOfAnOlderLabelSet: a person labels on a page that was loaded before the label set changed.
func TestAnnotationsOfAnOlderLabelSet(t *testing.T) {
	s := create(t, texts, "a", "b", "c")
	several(t, s, 3)
	ctx := t.Context()
	for _, change := range []func() (label.LabelChange, error){
		func() (label.LabelChange, error) { return s.RenameLabel(ctx, "bob", "a", "x") },
		func() (label.LabelChange, error) { return s.RenameLabel(ctx, "bob", "b", "a") }, // the name is another label's now
		func() (label.LabelChange, error) { return s.SplitLabel(ctx, "bob", "c", "c1", "c2") },
	} {
		if _, err := change(); err != nil {
			t.Fatal(err)
		}
	}
	for i, name := range []string{"a", "b", "c"} {
		a := says(name, "ada", int64(i+1), label.Accepted, name)
		a.Revision = 1
		mustAnnotate(t, s, a)
	}
	stands(t, s, 1, label.Labelled, "x")
	stands(t, s, 2, label.Labelled, "a")
	stands(t, s, 3, label.Stale)
	sound(t, s)
}

// model is what a project should hold, kept in the plainest way.
type model struct {
	multi       bool
	names       map[int64]string // of active labels
	becomes     map[int64]int64  // merged labels
	split, gone map[int64]bool
	next        int64
	said        []said
}

type said struct {
	item      int64
	annotator string
	verdict   label.Verdict
	labels    []int64
	undone    bool
}

func (m *model) find(name string) int64 {
	for id, n := range m.names {
		if n == name {
			return id
		}
	}
	panic(name)
}

func (m *model) add(names ...string) {
	for _, name := range names {
		m.next++
		m.names[m.next] = name
	}
}

// stands gives what the annotations say of an item.
func (m *model) stands(item int64) (label.State, []string) {
	newest := map[string]int{}
	for i, a := range m.said {
		if a.item == item && !a.undone {
			newest[a.annotator] = i
		}
	}
	best, gives := -1, false
	for _, i := range newest {
		if g := m.said[i].verdict.GivesLabels(); best < 0 || g && !gives || g == gives && i > best {
			best, gives = i, g
		}
	}
	if best < 0 {
		return label.Unlabelled, nil
	}
	if !gives {
		return label.State(m.said[best].verdict), nil
	}
	var ids []int64
	for _, id := range m.said[best].labels {
		for m.becomes[id] != 0 {
			id = m.becomes[id]
		}
		if m.split[id] || m.gone[id] && !m.multi {
			return label.Stale, nil
		}
		if !m.gone[id] && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	var names []string
	for _, id := range ids {
		names = append(names, m.names[id])
	}
	return label.Labelled, names
}

// TestAnyHistory does what people may do in random order, and holds the project to the plain model all the way.
func TestAnyHistory(t *testing.T) {
	for seed := range uint64(6) {
		multi := seed%2 == 1
		t.Run(fmt.Sprintf("seed=%d,multi=%v", seed, multi), func(t *testing.T) { anyHistory(t, rand.New(rand.NewPCG(seed, 5)), multi) })
	}
}

func anyHistory(t *testing.T, rng *rand.Rand, multi bool) {
	const items, steps = 5, 100
	ctx := t.Context()
	s := create(t, label.Project{Task: label.TextClassification, MultiLabel: multi}, "l1", "l2", "l3")
	several(t, s, items)
	m := &model{multi: multi, names: map[int64]string{}, becomes: map[int64]int64{}, split: map[int64]bool{}, gone: map[int64]bool{}}
	m.add("l1", "l2", "l3")
	fresh := 3
	newName := func() string { fresh++; return fmt.Sprint("l", fresh) }
	for step := range steps {
		set, err := s.LabelSet(ctx, 0)
		if err != nil {
			t.Fatal(err)
		}
		names := set.Names()
		pick := func() string { return names[rng.IntN(len(names))] }
		annotator := []string{"ada", "bob", "cy"}[rng.IntN(3)]
		var did string
		switch kind := rng.IntN(100); {
		case kind < 60:
			verdict := []label.Verdict{label.Accepted, label.Corrected, label.Corrected, label.Rejected, label.Skipped, label.Flagged}[rng.IntN(6)]
			var labels []string
			if verdict.GivesLabels() {
				labels = []string{pick()}
				for multi && rng.IntN(2) == 0 {
					if name := pick(); !slices.Contains(labels, name) {
						labels = append(labels, name)
					}
				}
				if multi && rng.IntN(5) == 0 {
					labels = nil
				}
			}
			a := said{item: int64(1 + rng.IntN(items)), annotator: annotator, verdict: verdict}
			for _, name := range labels {
				a.labels = append(a.labels, m.find(name))
			}
			m.said = append(m.said, a)
			_, err = s.Annotate(ctx, says(fmt.Sprint("k", step), annotator, a.item, verdict, labels...))
			did = fmt.Sprint("annotate ", a, labels)
		case kind < 75:
			at := -1
			for i, a := range m.said {
				if a.annotator == annotator && !a.undone {
					at = i
				}
			}
			if _, err = s.Undo(ctx, annotator, fmt.Sprint("k", step)); at < 0 {
				if !errors.Is(err, label.ErrNotFound) {
					t.Fatalf("step %d: undo of nothing: %v", step, err)
				}
				err = nil
			} else {
				m.said[at].undone = true
			}
			did = "undo of " + annotator
		case kind < 80:
			name := newName()
			m.add(name)
			_, err = s.AddLabels(ctx, annotator, name)
			did = "add " + name
		case kind < 86:
			from, to := pick(), newName()
			m.names[m.find(from)] = to
			_, err = s.RenameLabel(ctx, annotator, from, to)
			did = "rename " + from + " " + to
		case kind < 91 && len(names) > 2:
			from, to := pick(), pick()
			if from == to {
				continue
			}
			id := m.find(from)
			m.becomes[id] = m.find(to)
			delete(m.names, id)
			_, err = s.MergeLabels(ctx, annotator, []string{from}, to)
			did = "merge " + from + " " + to
		case kind < 95:
			from, one, two := pick(), newName(), newName()
			id := m.find(from)
			m.split[id] = true
			delete(m.names, id)
			m.add(one, two)
			_, err = s.SplitLabel(ctx, annotator, from, one, two)
			did = "split " + from
		case len(names) > 2:
			name := pick()
			id := m.find(name)
			m.gone[id] = true
			delete(m.names, id)
			_, err = s.DeleteLabel(ctx, annotator, name)
			did = "delete " + name
		}
		if err != nil {
			t.Fatalf("step %d: %s: %v", step, did, err)
		}
		counts := map[string]int{}
		for _, r := range all(t, s) {
			state, labels := m.stands(r.Item.Number)
			if r.State != state || !slices.Equal(r.Labels, labels) {
				t.Fatalf("step %d: after %s item %d is %q %q, want %q %q", step, did, r.Item.Number, r.State, r.Labels, state, labels)
			}
			for _, name := range labels {
				counts[name]++
			}
		}
		c, err := s.Counts(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range c.Labels {
			if l.Items != counts[l.Label.Name] {
				t.Fatalf("step %d: label %q is counted %d times, want %d", step, l.Label.Name, l.Items, counts[l.Label.Name])
			}
		}
		if step%10 == 0 {
			sound(t, s)
		}
	}
	sound(t, s)
}
