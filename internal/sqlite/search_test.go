package sqlite

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
)

// everything is a search that lets all pass.
var everything = label.Search{State: label.AnyState, Most: 1, Sort: label.ByNumber, N: 1000}

// pages gives what a search finds page by page.
func pages(t testing.TB, s *Store, q label.Search) (all []int64) {
	t.Helper()
	for {
		page, err := s.Search(t.Context(), q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		all = append(all, page...)
		if len(page) < q.N {
			return all
		}
		q.After = page[len(page)-1]
	}
}

// TestSearchFindsWhatAFullLookDoes holds random searches against a look at each item.
func TestSearchFindsWhatAFullLookDoes(t *testing.T) {
	const items = 300
	rng := rand.New(rand.NewPCG(1, 2))
	s := create(t, texts, "x", "y", "z")
	words := []string{"alpha", "beta", "gamma", "delta"}
	var list []label.Item
	for i := range items {
		list = append(list, item(i+1, fmt.Sprintf("%s %s number%d", words[rng.IntN(4)], words[rng.IntN(4)], i+1)))
	}
	mustImport(t, s, "", list...)
	older := mustRegister(t, s, "1", "y", "x")
	m := mustRegister(t, s, "2", "z", "x", "w")
	said, before := map[int64]label.Probabilities{}, map[int64]label.Probabilities{}
	for i := range items {
		if rng.IntN(5) > 0 {
			p := label.Probabilities{Item: int64(i + 1), Probs: []float32{float32(rng.IntN(8)) / 8, float32(rng.IntN(8)) / 8, 0.3}}
			said[p.Item] = p
			if err := s.PutPredictions(t.Context(), m, []label.Probabilities{p}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range items {
		if rng.IntN(5) > 0 {
			p := label.Probabilities{Item: int64(i + 1), Probs: []float32{0, float32(rng.IntN(8)) / 8}}
			p.Probs[0] = 1 - p.Probs[1]
			before[p.Item] = p
			if err := s.PutPredictions(t.Context(), older, []label.Probabilities{p}); err != nil {
				t.Fatal(err)
			}
		}
	}
	overlap := func(number int64) (shared float64, differ bool) {
		now, then := said[number].Probs, before[number].Probs
		if now == nil || then == nil || now[2] >= max(now[0], now[1]) && now[2] > 0 && now[2] != now[0] && now[2] != now[1] {
			return 0, false // the model's w is no label of the project
		}
		a, _ := said[number].Top(false)
		b, _ := before[number].Top(false)
		return float64(min(now[1], then[1])), m.Labels[a] != older.Labels[b]
	}
	var queued []int64
	for i := range items {
		if i%3 == 0 {
			queued = append(queued, int64(i+1))
		}
	}
	rng.Shuffle(len(queued), func(i, j int) { queued[i], queued[j] = queued[j], queued[i] })
	enqueue(t, s, 3, label.Control, queued...)
	annotators := map[int64][]string{}
	for k := range 200 {
		who, number := []string{"ada", "bob"}[rng.IntN(2)], int64(1+rng.IntN(items))
		a := says(fmt.Sprint("k", k), who, number, label.Corrected, []string{"x", "y", "z"}[rng.IntN(3)])
		if rng.IntN(4) == 0 {
			a.Verdict, a.Labels = label.Flagged, nil
		}
		mustAnnotate(t, s, a)
		if rng.IntN(6) == 0 {
			if _, err := s.Undo(t.Context(), who, fmt.Sprint("u", k)); err != nil {
				t.Fatal(err)
			}
		} else if !slices.Contains(annotators[number], who) {
			annotators[number] = append(annotators[number], who)
		}
	}
	open, err := s.Queued(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	records, err := s.ItemPage(t.Context(), Filter{State: label.AnyState}, items)
	if err != nil {
		t.Fatal(err)
	}
	defer func(n int) { few = n }(few)
	for range 600 {
		few = []int{0, 50, items}[rng.IntN(3)]
		q := everything
		q.N = 1 + rng.IntN(60)>>rng.IntN(6) // few, so that more is looked up in the index of words
		pick := func(of int, values ...string) string {
			if rng.IntN(of) > 0 {
				return ""
			}
			return values[rng.IntN(len(values))]
		}
		q.Label, q.Predicted, q.Annotator = pick(4, "x", "y", "z"), pick(4, "x", "z", "y"), pick(4, "ada", "bob", "nobody")
		q.Text = pick(3, "alpha", "ALPHA beta", "gam", "number1", `"*`, "be", "alpha AND beta", "number12 NEAR alpha")
		if rng.IntN(4) == 0 {
			q.State = []label.State{label.Unlabelled, label.Labelled, label.StateFlagged}[rng.IntN(3)]
		}
		if rng.IntN(4) == 0 {
			q.Least, q.Most = float64(rng.IntN(8))/8, float64(rng.IntN(9))/8
		}
		if rng.IntN(5) == 0 {
			q.Reason = []label.Reason{label.Control, label.Cold}[rng.IntN(2)]
		}
		q.Changed = rng.IntN(5) == 0
		q.Sort = []label.SearchOrder{label.ByNumber, label.ByConfidence, label.AtRandom, label.ByQueue, label.ByVersions}[rng.IntN(5)]

		var want []int64
		for _, r := range records {
			number := r.Item.Number
			class, confidence := said[number].Top(false)
			judged := q.Sort == label.ByConfidence || q.Predicted != "" || q.Least > 0 || q.Most < 1
			switch {
			case q.State != label.AnyState && r.State != q.State, q.Label != "" && !slices.Contains(r.Labels, q.Label),
				q.Annotator != "" && !slices.Contains(annotators[number], q.Annotator), judged && class < 0,
				q.Predicted != "" && m.Labels[class] != q.Predicted, judged && (float64(confidence) < q.Least || float64(confidence) > q.Most),
				q.Reason != "" && !(q.Reason == label.Control && slices.Contains(open, number)), !holds(r.Item.Text, q.Text),
				q.Sort == label.ByQueue && !slices.Contains(open, number):
				continue
			}
			if _, differ := overlap(number); differ || !q.Changed && q.Sort != label.ByVersions {
				want = append(want, number)
			}
		}
		slices.SortStableFunc(want, func(a, b int64) int {
			switch q.Sort {
			case label.ByConfidence:
				_, x := said[a].Top(false)
				_, y := said[b].Top(false)
				return cmp.Compare(x, y)
			case label.ByQueue:
				return cmp.Compare(slices.Index(queued, a), slices.Index(queued, b))
			case label.ByVersions:
				x, _ := overlap(a)
				y, _ := overlap(b)
				return cmp.Compare(x, y)
			}
			return 0
		})
		got := pages(t, s, q)
		if q.Sort == label.AtRandom {
			if len(got) > 30 && slices.IsSorted(got) {
				t.Errorf("%+v: in order", q)
			}
			slices.Sort(got)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: found %v, want %v", q, got, want)
		}
	}
	q := everything
	if q.Label = "gone"; !errors.Is(second(s.Search(t.Context(), q)), label.ErrNotFound) {
		t.Error("a search for a label that isn't there is no error")
	}
	sound(t, s)
}

func second[T any](_ T, err error) error { return err }

// holds tells whether a text has the words that are searched for.
func holds(text, words string) bool {
	if words == `"*` {
		return false // no words, nothing found
	}
	have := strings.Fields(text)
	want := strings.Fields(strings.ToLower(words))
	for i, w := range want {
		if !slices.ContainsFunc(have, func(h string) bool { return h == w || i == len(want)-1 && len(w) > 2 && strings.HasPrefix(h, w) }) {
			return false
		}
	}
	return true
}

func TestSearchForDisputes(t *testing.T) {
	s := create(t, texts, "x", "y", "z")
	several(t, s, 5)
	n := 0
	say := func(who string, number int64, verdict label.Verdict, labels ...string) {
		n++
		mustAnnotate(t, s, says(fmt.Sprint("k", n), who, number, verdict, labels...))
	}
	disputed := func(want ...int64) {
		t.Helper()
		q := everything
		q.Disputed = true
		if got := pages(t, s, q); !slices.Equal(got, want) {
			t.Errorf("disputed are %v, want %v", got, want)
		}
		q.Text = "text"
		if got := pages(t, s, q); !slices.Equal(got, want) {
			t.Errorf("disputed, with a text, are %v, want %v", got, want)
		}
	}
	say("ada", 1, label.Corrected, "x")
	say("bob", 1, label.Accepted, "x")
	say("ada", 2, label.Corrected, "x")
	say("bob", 2, label.Skipped)
	disputed()
	say("bob", 3, label.Corrected, "x")
	say("ada", 3, label.Corrected, "y")
	say("bob", 4, label.Corrected, "y")
	say("ada", 4, label.Flagged)
	disputed(3, 4)
	say("cy", 3, label.Corrected, "x") // two of three
	say("ada", 4, label.Flagged)       // looked twice
	disputed()
	say("cy", 4, label.Corrected, "z")
	disputed(4)
	q := everything
	q.Sort = label.ByPeople
	if got := pages(t, s, q); !slices.Equal(got, []int64{4, 3}) { // all differ; two of three agree
		t.Errorf("by people's agreement they are %v", got)
	}
	q.N = 1
	if got := pages(t, s, q); !slices.Equal(got, []int64{4, 3}) {
		t.Errorf("one by one they are %v", got)
	}
	if _, err := s.MergeLabels(t.Context(), "ada", []string{"z"}, "y"); err != nil {
		t.Fatal(err)
	}
	disputed()
	sound(t, s)
}
