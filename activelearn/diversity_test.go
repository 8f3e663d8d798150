package activelearn

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// diverse holds the strategies that read embeddings.
var diverse = map[string]Strategy{
	"greedy coreset":                 GreedyCoreset{},
	"greedy coreset, Euclidean":      GreedyCoreset{Distance: Euclidean},
	"lightweight coreset":            LightweightCoreset{},
	"embedding k-means":              EmbeddingKMeans{},
	"TypiClust":                      TypiClust{},
	"ProbCover":                      ProbCover{},
	"ProbCover, narrow":              ProbCover{Delta: 0.01},
	"ProbCover, wide":                ProbCover{Delta: 3},
	"BADGE":                          BADGE{},
	"discriminative active learning": DiscriminativeActiveLearning{},
}

// diversePool holds embeddings, even probabilities and every fourth item labelled.
func diversePool(embeddings Matrix) Pool {
	pool := Pool{Embeddings: embeddings, Probs: NewMatrix(embeddings.Rows, 3), Labels: make([][]int, embeddings.Rows)}
	for i := range pool.Probs.Data {
		pool.Probs.Data[i] = 1. / 3
	}
	for i := 0; i < embeddings.Rows; i += 4 {
		pool.Labels[i] = []int{0}
	}
	return pool
}

func TestDiverse(t *testing.T) {
	single := NewMatrix(1, 3)
	single.Data[0] = 1
	pools := map[string]Pool{
		"blobs":      diversePool(blobs(200, 6, 5, 1)),
		"equal":      diversePool(NewMatrix(40, 3)),
		"repeated":   diversePool(blobs(10, 4, 2, 2).Gather([]int{0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 5, 6, 7, 8, 9})),
		"wide":       diversePool(blobs(9, 100, 2, 3)),
		"one left":   diversePool(blobs(2, 3, 1, 4)),
		"none left":  diversePool(single),
		"two, a row": diversePool(NewMatrix(2, 1)),
	}
	for name, strategy := range diverse {
		for poolName, pool := range pools {
			for _, n := range []int{-1, 0, 1, 7, 1000} {
				picks, err := strategy.Select(pool, n, seeded(1))
				if err != nil {
					t.Errorf("%s, %d of %s: %v", name, n, poolName, err)
					continue
				}
				items := pool.unlabelled()
				if want := max(0, min(n, len(items))); len(picks) != want {
					t.Errorf("%s, %d of %s: %d picks, want %d", name, n, poolName, len(picks), want)
				}
				again, _ := strategy.Select(pool, n, seeded(1))
				if !slices.Equal(picks, again) {
					t.Errorf("%s, %d of %s: other picks from the same seed", name, n, poolName)
				}
				slices.Sort(picks)
				for _, pick := range picks {
					if !slices.Contains(items, pick) {
						t.Errorf("%s, %d of %s: item %d is labelled", name, n, poolName, pick)
					}
				}
				if len(slices.Compact(picks)) < len(again) {
					t.Errorf("%s, %d of %s: picks repeat in %v", name, n, poolName, again)
				}
			}
		}
	}
}

func TestDiverseOnCores(t *testing.T) {
	pool := diversePool(blobs(1100, 8, 20, 1))
	for name, strategy := range diverse {
		var first []int
		onCores(func(cores int) {
			picks, err := strategy.Select(pool, 20, seeded(1))
			if err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = picks
			}
			if !slices.Equal(picks, first) {
				t.Errorf("%s: on %d cores other picks", name, cores)
			}
		})
	}
}

func TestDiverseErrors(t *testing.T) {
	for name, strategy := range diverse {
		for field, pool := range map[string]Pool{
			"embeddings": {Probs: NewMatrix(3, 2), Labels: make([][]int, 3)},
			"2 values":   {Probs: NewMatrix(3, 2), Embeddings: Matrix{Rows: 3, Cols: 2, Data: make([]float32, 2)}},
		} {
			if _, err := strategy.Select(pool, 1, seeded(1)); err == nil || !strings.Contains(err.Error(), field) {
				t.Errorf("%s without %s: %v", name, field, err)
			}
		}
	}
	unlabelled := Pool{Embeddings: blobs(5, 2, 1, 1)}
	if _, err := (DiscriminativeActiveLearning{}).Select(unlabelled, 1, seeded(1)); err == nil {
		t.Error("discriminative active learning of nothing labelled: no error")
	}
	if _, err := (ProbCover{Delta: -1}).Select(unlabelled, 1, seeded(1)); err == nil {
		t.Error("ProbCover with a negative delta: no error")
	}
}

// In a pool of well parted blobs that hold no label yet, these strategies go to another blob with each pick.
func TestDiverseColdStart(t *testing.T) {
	const n = 12
	points, blob := NewMatrix(30*n, n), make([]int, 30*n)
	rng := seeded(1)
	for i := range points.Rows {
		blob[i] = rng.IntN(n)
		for j := range points.Row(i) {
			points.Row(i)[j] = 0.05 * float32(rng.NormFloat64())
		}
		points.Row(i)[blob[i]]++
	}
	for _, name := range []string{"greedy coreset", "embedding k-means", "TypiClust", "ProbCover"} {
		picks, err := diverse[name].Select(Pool{Embeddings: points}, n, seeded(2))
		if err != nil {
			t.Fatal(err)
		}
		seen := map[int]bool{}
		for _, pick := range picks {
			seen[blob[pick]] = true
		}
		if len(seen) != n {
			t.Errorf("%s picks from %d blobs of %d", name, len(seen), n)
		}
	}
}

// Items are drawn first, and second, as often as drawing without replacement has it.
func TestLightweightCoresetLaw(t *testing.T) {
	pool := Pool{Embeddings: blobs(5, 3, 3, 1)}
	chances := lightweightChances(pool.Embeddings, pool.unlabelled())
	const draws = 40_000
	var counts [5][5]float64
	rng := seeded(2)
	for range draws {
		picks, err := LightweightCoreset{}.Select(pool, 2, rng)
		if err != nil {
			t.Fatal(err)
		}
		counts[picks[0]][picks[1]]++
	}
	for i := range counts {
		for j, count := range counts[i] {
			want := 0.0
			if i != j {
				want = draws * chances[i] * chances[j] / (1 - chances[i])
			}
			if math.Abs(count-want) > 5*math.Sqrt(want) {
				t.Errorf("items %d and %d were drawn %g times, want %g", i, j, count, want)
			}
		}
	}
}
