package main

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/report"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// TestOddities finds what was put among random directions: three items that are nearly the same, and one that is far from all.
func TestOddities(t *testing.T) {
	const n, dims = 200, 16
	ctx := t.Context()
	s, err := sqlite.Create(ctx, filepath.Join(t.TempDir(), "project"), label.Project{Task: label.TextClassification, Created: clock()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	var items []label.Item
	var numbers []int64
	vectors := make([]float32, n*dims)
	for i := range n {
		items, numbers = append(items, label.Item{ID: fmt.Sprint("id", i+1), Text: fmt.Sprint("text ", i+1)}), append(numbers, int64(i+1))
		row := vectors[i*dims : (i+1)*dims]
		for k := range row {
			row[k] = float32(0.3*rng.NormFloat64()) + float32(1-k%2) // all of them in one half of the space
		}
	}
	row := func(item int) []float32 { return vectors[(item-1)*dims : item*dims] }
	for _, twin := range []int{50, 90} {
		copy(row(twin), row(10))
		row(twin)[0] += 0.0005
	}
	for k := range dims {
		row(77)[k] = -row(77)[k]
	}
	if _, _, err := s.Import(ctx, items, label.Pool, ""); err != nil {
		t.Fatal(err)
	}
	found := func() report.Oddities {
		t.Helper()
		counts, err := s.Counts(ctx)
		if err != nil {
			t.Fatal(err)
		}
		r, err := oddities(ctx, s, counts)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := found(); r.Compared != 0 || r.Sets != nil {
		t.Errorf("without embeddings: %+v", r)
	}
	e, err := s.RegisterEncoder(ctx, "e@1", dims)
	if err == nil {
		err = s.PutEmbeddings(ctx, e, numbers, vectors)
	}
	if err != nil {
		t.Fatal(err)
	}
	r := found()
	if r.Pool != n || r.Compared != n || r.Duplicates != 1 || r.Outliers != len(r.Items) {
		t.Fatalf("oddities are %+v", r)
	}
	var twins []string
	for _, it := range r.Sets[0] {
		twins = append(twins, it.Content)
	}
	slices.Sort(twins)
	if !slices.Equal(twins, []string{"text 10", "text 50", "text 90"}) || r.Items[0].ID != "id77" || r.Outliers > n/20 {
		t.Errorf("nearly the same are %q, and of %d outliers the first is %+v", twins, r.Outliers, r.Items[0])
	}
}
