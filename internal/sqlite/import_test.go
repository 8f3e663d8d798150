package sqlite

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
)

// all gives every item of a project.
func all(t testing.TB, s *Store) []label.Record {
	t.Helper()
	var list []label.Record
	for r, err := range s.Items(t.Context(), Filter{State: label.AnyState}) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

func TestItemsComeBackAsTheyWere(t *testing.T) {
	s := create(t, texts)
	want := []label.Item{
		item(1, ""),
		item(2, "two\r\nlines, \"quoted\" \x00 and 🙂"),
		item(3, "\xff\xfe no UTF-8"),
		{ID: "pair", Text: "two", Pair: "texts", Place: label.Place{File: "pairs.jsonl", Line: 4}, Meta: map[string]any{
			"big": json.Number("12345678901234567890.10"), "nested": map[string]any{"list": []any{nil, true, "<a>"}}, "": "empty",
		}},
	}
	mustImport(t, s, "", want...)
	for i, r := range all(t, s) {
		want[i].Number, want[i].Split = int64(i+1), label.Pool
		if !reflect.DeepEqual(r.Item, want[i]) || r.State != label.Unlabelled || r.Labels != nil {
			t.Errorf("item is %+v, want %+v", r, want[i])
		}
		if one, err := s.Item(t.Context(), r.Item.Number); err != nil || !reflect.DeepEqual(one, r) {
			t.Errorf("item alone is %+v, want %+v, %v", one, r, err)
		}
	}
	if _, err := s.Item(t.Context(), 5); !errors.Is(err, label.ErrNotFound) {
		t.Errorf("an item that isn't there: %v", err)
	}
}

func TestSameContentIsOneItem(t *testing.T) {
	s := create(t, texts)
	bad := label.Item{Err: errors.New("unreadable")}
	first, numbers, err := s.Import(t.Context(), []label.Item{item(1, "a"), bad, item(2, "b"), item(3, "a")}, label.Pool, "")
	if err != nil || !slices.Equal(numbers, []int64{1, 0, 2, 1}) {
		t.Errorf("the items' numbers are %v, %v", numbers, err)
	}
	want := []label.Duplicate{{Number: 1, First: label.Place{File: "texts.csv", Line: 1}, Again: label.Place{File: "texts.csv", Line: 3}}}
	if first.Added != 2 || first.Known != 0 || len(first.Failed) != 1 || !slices.Equal(first.Duplicates, want) {
		t.Errorf("import gives %+v", first)
	}
	again := mustImport(t, s, "", item(1, "a"), item(2, "b"), item(3, "a"), item(4, "c"))
	if again.Added != 1 || again.Known != 3 || again.Duplicates != nil {
		t.Errorf("import of the same and one more gives %+v", again)
	}
	other := item(9, "b")
	other.Place.File = "other.csv"
	if r := mustImport(t, s, "", other); len(r.Duplicates) != 1 || r.Duplicates[0].First.Line != 2 || r.Duplicates[0].Again != other.Place {
		t.Errorf("import of another file gives %+v", r)
	}
	// A pair is no text, and not its texts the other way round.
	pairs := []label.Item{{Text: "a", Pair: "b"}, {Text: "b", Pair: "a"}, {Text: "ab"}, {Text: "a\x00b"}}
	if r := mustImport(t, s, "", pairs...); r.Added != 4 {
		t.Errorf("import of pairs gives %+v", r)
	}
	if c, err := s.Counts(t.Context()); err != nil || c.Duplicates != 2 || c.Splits[label.Pool][label.Unlabelled] != 7 {
		t.Errorf("counts are %+v, %v", c, err)
	}
	sound(t, s)
}

func TestPicturesAreToldApartByTheirBytes(t *testing.T) {
	s := create(t, label.Project{Task: label.ImageClassification})
	dir := t.TempDir()
	var items []label.Item
	for name, content := range map[string]string{"a.png": "same", "b.png": "same", "c.png": "other"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		items = append(items, label.Item{ID: name, Image: path, Place: label.Place{File: path}, Load: func() ([]byte, error) { return os.ReadFile(path) }})
	}
	gone := filepath.Join(dir, "gone.png")
	items = append(items, label.Item{Image: gone, Place: label.Place{File: gone}, Load: func() ([]byte, error) { return os.ReadFile(gone) }})
	r := mustImport(t, s, "", items...)
	if r.Added != 2 || len(r.Duplicates) != 1 || len(r.Failed) != 1 || !strings.HasPrefix(r.Failed[0].Error(), gone+": ") {
		t.Errorf("import gives %+v", r)
	}
}

func TestKnownLabelsBecomeAnnotations(t *testing.T) {
	s := create(t, texts, "x", "y")
	r := mustImport(t, s, "gold", item(1, "a", "x"), item(2, "b"), item(3, "c", "z"), item(4, "d", "x", "y"), item(5, "a", "y"))
	if r.Added != 2 || r.Labelled != 1 || len(r.Duplicates) != 1 || len(r.Failed) != 2 {
		t.Errorf("import gives %+v", r)
	}
	for i, word := range []string{`texts.csv:3: the label set has no label "z"`, "texts.csv:4: 2 labels"} {
		if !strings.HasPrefix(r.Failed[i].Error(), word) {
			t.Errorf("failure is %q, want %q", r.Failed[i], word)
		}
	}
	// A person's word stays when the same file is imported again; a label that comes later is taken.
	if _, err := s.Annotate(t.Context(), label.Annotation{Key: "k", Item: 1, Annotator: "ada", Verdict: label.Corrected, Labels: []string{"y"}}); err != nil {
		t.Fatal(err)
	}
	if r := mustImport(t, s, "gold", item(1, "a", "x"), item(2, "b", "x")); r.Known != 2 || r.Labelled != 1 {
		t.Errorf("second import gives %+v", r)
	}
	got := all(t, s)
	if !slices.Equal(got[0].Labels, []string{"y"}) || !slices.Equal(got[1].Labels, []string{"x"}) || got[1].State != label.Labelled {
		t.Errorf("items are %+v", got)
	}
	sound(t, s)
}

func TestItemsAreFiltered(t *testing.T) {
	s := create(t, texts, "x")
	several(t, s, 3000)
	if err := s.SetSplit(t.Context(), label.Eval, 2, 2999); err != nil {
		t.Fatal(err)
	}
	mustImport(t, s, "gold", item(1, "text 1", "x"), item(2, "text 2", "x"))
	m, err := s.RegisterModel(t.Context(), label.Model{Name: "m", Version: "1", Labels: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	e, err := s.RegisterEncoder(t.Context(), "e@1", 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutPredictions(t.Context(), m, []label.Probabilities{{Item: 3, Probs: []float32{1}}, {Item: 4, Err: "unreadable"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.PutEmbeddings(t.Context(), e, []int64{5}, []float32{1}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		f     Filter
		count int
		first int64
	}{
		{Filter{State: label.AnyState}, 3000, 1},
		{Filter{}, 2998, 3},
		{Filter{Split: label.Pool}, 2997, 3},
		{Filter{Split: label.Eval, State: label.Labelled}, 1, 2},
		{Filter{State: label.AnyState, After: 10}, 2990, 11},
		{Filter{Unpredicted: m.ID}, 2996, 5},
		{Filter{Split: label.Pool, Unembedded: e.ID, After: 4}, 2994, 6},
		{Filter{Split: label.Audit}, 0, 0},
	} {
		count, first := 0, int64(0)
		for r, err := range s.Items(t.Context(), c.f) {
			if err != nil {
				t.Fatal(err)
			}
			if count++; count == 1 {
				first = r.Item.Number
			}
		}
		if count != c.count || first != c.first {
			t.Errorf("%+v gives %d items from %d, want %d from %d", c.f, count, first, c.count, c.first)
		}
	}
}
