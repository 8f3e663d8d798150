package sqlite

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/label"
)

// TestSimilar holds what is found against all cosines, while embeddings come in behind and between others.
func TestSimilar(t *testing.T) {
	const n, dims, wanted = 3000, 44, 24
	s := create(t, texts, "a")
	several(t, s, n)
	if err := s.SketchEmbeddings(t.Context()); err != nil {
		t.Fatal(err)
	}
	e, err := s.RegisterEncoder(t.Context(), "e@1", dims)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	known := map[int64][]float32{}
	put := func(first, last, step int64) {
		var items []int64
		var vectors []float32
		for item := first; item <= last; item += step {
			v := make([]float32, dims)
			for i := range v {
				v[i] = float32(rng.NormFloat64())
			}
			if item > 10 && item%3 == 0 { // near one of the first
				for i := range v {
					v[i] = 0.5*v[i] + known[item%10+1][i]
				}
			}
			known[item] = v
			items, vectors = append(items, item), append(vectors, v...)
		}
		if err := s.PutEmbeddings(t.Context(), e, items, vectors); err != nil {
			t.Fatal(err)
		}
	}
	found, all := 0, 0
	check := func() {
		t.Helper()
		s.sketches.counted = time.Time{} // as after a minute
		for item := range int64(10) {
			item++
			near, err := s.Similar(t.Context(), item, wanted)
			if err != nil {
				t.Fatal(err)
			}
			var want []int64
			for other := range known {
				if other != item {
					want = append(want, other)
				}
			}
			slices.SortFunc(want, func(a, b int64) int {
				return cmp.Or(cmp.Compare(cosine(known[b], known[item]), cosine(known[a], known[item])), cmp.Compare(a, b))
			})
			want = want[:min(wanted, len(want))]
			if len(near) != len(want) || near[0] != want[0] {
				t.Errorf("near item %d are %v, want %v", item, near, want)
			}
			for _, other := range want {
				all++
				if slices.Contains(near, other) {
					found++
				}
			}
		}
	}
	put(1, 10, 1)
	check()
	put(12, 2000, 2)
	check()
	put(2001, n, 1)
	check()
	put(11, 1999, 2)
	if err := s.SketchEmbeddings(t.Context()); err != nil {
		t.Fatal(err)
	}
	check()
	if float64(found) < 0.97*float64(all) {
		t.Errorf("%d of %d are found", found, all)
	}
	if _, err := s.Similar(t.Context(), n+1, 3); !errors.Is(err, label.ErrNotFound) {
		t.Errorf("similar to what has no embedding: %v", err)
	}
}

func cosine(a, b []float32) float64 {
	var dot, square float64
	for i := range a {
		dot += float64(a[i]) * float64(b[i])
		square += float64(a[i]) * float64(a[i])
	}
	return dot * dot * sign(dot) / square
}

func sign(x float64) float64 {
	if x < 0 {
		return -1
	}
	return 1
}
