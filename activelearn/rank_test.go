package activelearn

import (
	"cmp"
	"math"
	"slices"
	"testing"
)

func TestLowestIsAStableSort(t *testing.T) {
	rng := seeded(1)
	for range 300 {
		candidates := rng.Perm(1 + rng.IntN(60))
		scores := make([]float64, len(candidates))
		for i := range scores {
			scores[i] = float64(rng.IntN(8))
			if scores[i] == 7 {
				scores[i] = math.Inf(1 - 2*rng.IntN(2))
			}
		}
		order := count(len(candidates))
		slices.SortFunc(order, func(a, b int) int {
			return cmp.Or(cmp.Compare(scores[a], scores[b]), cmp.Compare(candidates[a], candidates[b]))
		})
		n := rng.IntN(70)
		want := make([]int, 0, n)
		for _, at := range order[:min(n, len(order))] {
			want = append(want, candidates[at])
		}
		if got := lowest(scores, candidates, n); !slices.Equal(got, want) {
			t.Fatalf("the lowest %d of %v for %v are %v, want %v", n, scores, candidates, got, want)
		}
	}
}

func TestHighest(t *testing.T) {
	got := highest([]float64{1, 3, math.Inf(1), 3, math.Inf(-1)}, []int{10, 40, 20, 30, 0}, 4)
	if want := []int{20, 30, 40, 10}; !slices.Equal(got, want) {
		t.Errorf("the highest are %v, want %v", got, want)
	}
}
