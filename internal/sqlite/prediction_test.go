package sqlite

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
)

func mustRegister(t testing.TB, s *Store, version string, labels ...string) label.Model {
	t.Helper()
	m, err := s.RegisterModel(t.Context(), label.Model{Name: "m", Version: version, Labels: labels})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestModelsAreRegisteredOnce(t *testing.T) {
	s := create(t, texts, "a", "b", "c", "d")
	ctx := t.Context()
	first := mustRegister(t, s, "1", "b", "z", "a", "c", "d")
	again, err := s.RegisterModel(ctx, label.Model{Name: "m", Version: "1", Labels: first.Labels, Calibration: []byte(`{"temperature":2}`)})
	if err != nil || again.ID != first.ID || !again.Registered.Equal(first.Registered) {
		t.Errorf("registered again: %+v, %v", again, err)
	}
	mustRegister(t, s, "1", first.Labels...) // its calibration stays
	if m, err := s.Model(ctx, "m", "1"); err != nil || !reflect.DeepEqual(m, again) {
		t.Errorf("model is %+v, want %+v, %v", m, again, err)
	}
	if _, err := s.RegisterModel(ctx, label.Model{Name: "m", Version: "1", Labels: []string{"a"}}); !errors.Is(err, label.ErrConflict) {
		t.Errorf("registered with other labels: %v", err)
	}
	if _, err := s.Model(ctx, "m", "2"); !errors.Is(err, label.ErrNotFound) || !strings.Contains(err.Error(), "labelloop predict") {
		t.Errorf("a model that isn't there: %v", err)
	}
	for _, change := range []func() (label.LabelChange, error){
		func() (label.LabelChange, error) { return s.RenameLabel(ctx, "ada", "b", "B") },
		func() (label.LabelChange, error) { return s.MergeLabels(ctx, "ada", []string{"c"}, "B") },
		func() (label.LabelChange, error) { return s.DeleteLabel(ctx, "ada", "d") },
	} {
		if _, err := change(); err != nil {
			t.Fatal(err)
		}
	}
	if ids, err := s.ModelLabels(ctx, first.ID); err != nil || !slices.Equal(ids, []int64{2, 0, 1, 2, 0}) {
		t.Errorf("the model's labels are %v, %v", ids, err)
	}
	sound(t, s)
}

func TestPredictionsAreReplaced(t *testing.T) {
	s := create(t, texts, "a", "b")
	several(t, s, 5)
	ctx := t.Context()
	one, two := mustRegister(t, s, "1", "a", "b"), mustRegister(t, s, "2", "a", "b")
	put := func(m label.Model, predictions ...label.Probabilities) {
		t.Helper()
		if err := s.PutPredictions(ctx, m, predictions); err != nil {
			t.Fatal(err)
		}
	}
	put(one, label.Probabilities{Item: 3, Probs: []float32{0.25, 0.75}}, label.Probabilities{Item: 1, Probs: []float32{1, 0}}, label.Probabilities{Item: 2, Err: "broken"})
	put(two, label.Probabilities{Item: 3, Probs: []float32{0.5, 0.5}})
	put(one, label.Probabilities{Item: 1, Probs: []float32{0.125, 0.875}}, label.Probabilities{Item: 5, Probs: []float32{0, 1}})
	put(one, label.Probabilities{Item: 5, Err: "gone"})
	if err := s.SetSplit(ctx, label.Eval, 3); err != nil {
		t.Fatal(err)
	}
	items, probs, err := s.Probabilities(ctx, one, label.Pool, label.AnyState)
	if err != nil || !slices.Equal(items, []int64{1}) || !slices.Equal(probs, []float32{0.125, 0.875}) {
		t.Errorf("the pool's probabilities are %v %v, %v", items, probs, err)
	}
	if items, probs, err = s.Probabilities(ctx, one, label.Eval, label.Unlabelled); err != nil || !slices.Equal(items, []int64{3}) || probs[1] != 0.75 {
		t.Errorf("the held-out items' probabilities are %v %v, %v", items, probs, err)
	}
	list, err := s.Predictions(ctx, one, []int64{5, 4, 3})
	want := []label.Probabilities{{Item: 5, Err: "gone"}, {Item: 4}, {Item: 3, Probs: []float32{0.25, 0.75}}}
	if err != nil || !reflect.DeepEqual(list, want) {
		t.Errorf("predictions are %+v, want %+v, %v", list, want, err)
	}
	c, err := s.Counts(ctx)
	if err != nil || len(c.Models) != 2 || c.Models[0].Predictions != 2 || c.Models[0].Errors != 2 || c.Models[1].Predictions != 1 {
		t.Errorf("counts are %+v, %v", c, err)
	}
	for word, p := range map[string]label.Probabilities{
		"1 probabilities of model m@1": {Item: 1, Probs: []float32{1}}, "NaN": {Item: 1, Probs: []float32{1, float32(math.NaN())}},
		"1.5": {Item: 1, Probs: []float32{1.5, 0}}, "item 6": {Item: 6, Probs: []float32{1, 0}},
	} {
		err := s.PutPredictions(ctx, one, []label.Probabilities{{Item: 4, Probs: []float32{1, 0}}, p})
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%+v: %v, want %q", p, err, word)
		}
	}
	if list, err := s.Predictions(ctx, one, []int64{4}); err != nil || list[0].Probs != nil {
		t.Errorf("a refused batch leaves %+v, %v", list, err)
	}
	sound(t, s)
}

func TestProbabilitiesOfManyItems(t *testing.T) {
	s := create(t, texts)
	several(t, s, 5000)
	m := mustRegister(t, s, "1", "a", "b", "c")
	want := random(rand.New(rand.NewPCG(3, 4)), 1, 5000, 3)
	for _, at := range rand.New(rand.NewPCG(5, 6)).Perm(5) { // in any order
		if err := s.PutPredictions(t.Context(), m, want[at*1000:(at+1)*1000]); err != nil {
			t.Fatal(err)
		}
	}
	items, probs, err := s.Probabilities(t.Context(), m, label.Pool, label.Unlabelled)
	if err != nil || len(items) != 5000 || len(probs) != 15000 {
		t.Fatalf("%d items, %d probabilities, %v", len(items), len(probs), err)
	}
	for i, p := range want {
		if items[i] != p.Item || !slices.Equal(probs[3*i:3*i+3], p.Probs) {
			t.Fatalf("row %d is item %d %v, want %+v", i, items[i], probs[3*i:3*i+3], p)
		}
	}
}

func TestEmbeddings(t *testing.T) {
	s := create(t, texts)
	several(t, s, 4)
	ctx := t.Context()
	e, err := s.RegisterEncoder(ctx, "minilm@1", 2)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.RegisterEncoder(ctx, "minilm@1", 2); err != nil || again != e {
		t.Errorf("registered again: %+v, %v", again, err)
	}
	if _, err := s.RegisterEncoder(ctx, "minilm@1", 3); !errors.Is(err, label.ErrConflict) {
		t.Errorf("registered with other dimensions: %v", err)
	}
	if found, err := s.Encoder(ctx, "minilm@1"); err != nil || found != e {
		t.Errorf("encoder is %+v, %v", found, err)
	}
	if _, err := s.Encoder(ctx, "other"); !errors.Is(err, label.ErrNotFound) {
		t.Errorf("an encoder that isn't there: %v", err)
	}
	if err := s.PutEmbeddings(ctx, e, []int64{4, 1, 2}, []float32{7, 8, 0, 0, 3, 4}); err != nil {
		t.Fatal(err)
	}
	if err := s.PutEmbeddings(ctx, e, []int64{1}, []float32{1, 2}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Embeddings(ctx, e, []int64{2, 4}); err != nil || !slices.Equal(got, []float32{3, 4, 7, 8}) {
		t.Errorf("embeddings are %v, %v", got, err)
	}
	if _, err := s.Embeddings(ctx, e, []int64{2, 3}); !errors.Is(err, label.ErrNotFound) {
		t.Errorf("an embedding that isn't there: %v", err)
	}
	items, got, err := s.AllEmbeddings(ctx, e, label.Pool, label.AnyState)
	if err != nil || !slices.Equal(items, []int64{1, 2, 4}) || !slices.Equal(got, []float32{1, 2, 3, 4, 7, 8}) {
		t.Errorf("all embeddings are %v %v, %v", items, got, err)
	}
	if err := s.PutEmbeddings(ctx, e, []int64{1}, []float32{1}); err == nil {
		t.Error("half a row is taken")
	}
	if c, err := s.Counts(ctx); err != nil || len(c.Encoders) != 1 || c.Encoders[0].Embeddings != 3 {
		t.Errorf("counts are %+v, %v", c, err)
	}
	sound(t, s)
}
