package activelearn

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// taught is a pool of classes that lie around points of their own, with the probabilities of a model that has seen little.
func taught(items, classes, dimensions int, rng *rand.Rand) Pool {
	pool := Pool{NewMatrix(items, classes), NewMatrix(items, dimensions), make([][]int, items), nil}
	for i := range items {
		class := i % classes
		for j := range dimensions {
			pool.Embeddings.Row(i)[j] = float32(0.5 * rng.NormFloat64())
		}
		pool.Embeddings.Row(i)[class] += 2
		sum := float32(0)
		for j := range classes {
			p := rng.Float32()
			if j == class {
				p++
			}
			pool.Probs.Row(i)[j] = p
			sum += p
		}
		for j := range classes {
			pool.Probs.Row(i)[j] /= sum
		}
	}
	return pool
}

// TestFacilities compares the choices with those of a greedy that measures every gain in every step.
func TestFacilities(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		n := 1 + rng.IntN(300)
		pool := taught(n, 4, 6, rng)
		for i := range n / 3 { // ties
			copy(pool.Embeddings.Row(n-1-i), pool.Embeddings.Row(i))
		}
		points := unit(pool.Embeddings, count(n))
		others := points.Gather(count(rng.IntN(1 + n/4)))
		weights := make([]float64, n)
		for i := range weights {
			weights[i] = float64(rng.IntN(3))
		}
		f := newFacilities(points, weights)
		f.standing(others)
		got := f.choose(n/2 + 1)
		if len(got) != min(n, n/2+1) {
			t.Fatalf("%d of %d points chosen", len(got), n)
		}

		naive := newFacilities(points, weights)
		naive.standing(others)
		taken := make([]bool, n)
		for step, chosen := range got {
			best := math.Inf(-1)
			for i := range n {
				if !taken[i] {
					best = max(best, naive.gain(i))
				}
			}
			if gain := naive.gain(chosen); taken[chosen] || gain < best-1e-4 {
				t.Fatalf("step %d chose point %d, which adds %g, where %g is possible", step, chosen, gain, best)
			}
			taken[chosen] = true
			naive.raise(naive.similar.Row(chosen))
		}
	}
}

func TestHybrid(t *testing.T) {
	pool := taught(3000, 5, 8, rand.New(rand.NewPCG(1, 1)))
	for i := range 50 {
		pool.Labels[i*7] = []int{i * 7 % 5}
	}
	pick := func(pool HybridPool, n int) []Pick {
		t.Helper()
		picks, err := Hybrid{}.Pick(pool, n, rand.New(rand.NewPCG(8, 9)))
		if err != nil {
			t.Fatal(err)
		}
		return picks
	}
	picks := pick(HybridPool{Pool: pool}, 100)
	if got := tally(picks); !reflect.DeepEqual(got, map[Reason]int{Uncertain: 90, Controlling: 10}) {
		t.Errorf("reasons are %v", got)
	}
	for i := 0; i < 100; i += 10 {
		if got := tally(picks[i : i+10])[Controlling]; got != 1 {
			t.Errorf("%d of picks %d to %d are control", got, i, i+9)
		}
	}
	seen := map[int]bool{}
	for _, p := range picks {
		if seen[p.Item] || pool.Labels[p.Item] != nil {
			t.Errorf("item %d is picked twice or labelled", p.Item)
		}
		seen[p.Item] = true
	}

	lean := HybridPool{Pool: pool, Embed: func(items []int) (Matrix, error) { return pool.Embeddings.Gather(items), nil }}
	lean.Embeddings = Matrix{}
	if got := pick(lean, 100); !slices.Equal(got, picks) {
		t.Error("picks with fetched embeddings differ")
	}
	if got := pick(HybridPool{Pool: pool}, 5000); len(got) != 2950 {
		t.Errorf("%d of 2,950 items are picked", len(got))
	}

	scored := HybridPool{Pool: pool, Scores: make([]float64, 3000)}
	for i := range scored.Scores {
		scored.Scores[i] = float64(3000 - i)
	}
	scored.Scores[0], scored.Scores[7] = 1.5, -1 // both labelled
	picks = pick(scored, 100)
	if got := tally(picks); got[Relabelling] != 2 || len(picks) != 100 {
		t.Errorf("%d picks for %v", len(picks), got)
	}

	pool.Labels = nil
	picks = pick(HybridPool{Pool: pool}, 50)
	if got := tally(picks); !reflect.DeepEqual(got, map[Reason]int{Cold: 45, Controlling: 5}) {
		t.Errorf("reasons of a cold start are %v", got)
	}
	pool.Probs = Matrix{}
	if got := tally(pick(HybridPool{Pool: pool}, 50)); got[Cold] != 45 {
		t.Errorf("reasons of a cold start without probabilities are %v", got)
	}
}

func tally(picks []Pick) map[Reason]int {
	counts := map[Reason]int{}
	for _, p := range picks {
		counts[p.Reason]++
	}
	return counts
}

// TestHybridDuplicates floods the pool with copies of the least certain items.
func TestHybridDuplicates(t *testing.T) {
	pool := taught(400, 4, 8, rand.New(rand.NewPCG(2, 2)))
	for i := range 300 {
		copy(pool.Embeddings.Row(i), pool.Embeddings.Row(i%3))
		copy(pool.Probs.Row(i), []float32{0.26, 0.25, 0.25, 0.24})
	}
	pool.Labels[2] = []int{2}
	items, err := Hybrid{Control: -1}.Select(pool, 20, rand.New(rand.NewPCG(1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	copies := map[int]int{}
	for _, item := range items {
		if item < 300 {
			copies[item%3]++
		}
	}
	if copies[0] > 1 || copies[1] > 1 || copies[2] > 0 {
		t.Errorf("picks hold %v copies of items 0, 1 and 2, of which the last is labelled", copies)
	}
}

// TestHybridControl wants each unlabelled item to be drawn equally often.
func TestHybridControl(t *testing.T) {
	pool := taught(40, 4, 8, rand.New(rand.NewPCG(2, 2)))
	pool.Labels[0] = []int{0}
	rng := rand.New(rand.NewPCG(4, 5))
	times, total := make([]int, 40), 0
	for range 4000 {
		picks, err := Hybrid{}.Pick(HybridPool{Pool: pool}, 4, rng)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range picks {
			if p.Reason == Controlling {
				times[p.Item]++
				total++
			}
		}
	}
	if total < 1480 || total > 1720 { // 1,600 and three standard deviations
		t.Errorf("%d of 16,000 picks are control", total)
	}
	square, expected := 0.0, float64(total)/39
	for _, n := range times[1:] {
		square += (float64(n) - expected) * (float64(n) - expected) / expected
	}
	if square > 70 { // 99.8 % of chi-square with 38 degrees of freedom
		t.Errorf("items are drawn %v times, chi-square %g", times, square)
	}
}

func TestHybridErrors(t *testing.T) {
	pool := taught(10, 2, 3, rand.New(rand.NewPCG(1, 1)))
	pool.Labels[0] = []int{0}
	broken := errors.New("disk is gone")
	for want, pool := range map[string]HybridPool{
		"embeddings of 0 items": {Pool: Pool{Probs: pool.Probs, Labels: pool.Labels}},
		"probabilities of 0":    {Pool: Pool{Embeddings: pool.Embeddings, Labels: pool.Labels}},
		"scores of 3":           {Pool: pool, Scores: make([]float64, 3)},
		"disk is gone":          {Pool: pool, Embed: func([]int) (Matrix, error) { return Matrix{}, broken }},
		"got 1 rows":            {Pool: pool, Embed: func([]int) (Matrix, error) { return NewMatrix(1, 3), nil }},
	} {
		if _, err := (Hybrid{}).Pick(pool, 4, rand.New(rand.NewPCG(1, 1))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
	}
}
