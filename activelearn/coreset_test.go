package activelearn

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/labelloop/labelloop/activelearn/internal/golden"
)

// coresetCase is a case of any of the strategies over embeddings; each has some of the fields.
type coresetCase struct {
	X, Probs, Centers        [][]float32
	Labelled, Cluster, Picks []int
	Cosine                   bool
	N, K                     int
	Weights                  []float32
	Drawn, Chances, Squares  []float64
	Best, Delta, Radius      float64
}

// coresetGoldens runs the cases of a strategy; pool holds their items and labels.
func coresetGoldens(t *testing.T, strategy string, check func(t *testing.T, c coresetCase, pool Pool)) {
	for _, c := range golden.Load[map[string][]coresetCase](t, "coreset")[strategy] {
		t.Run("", func(t *testing.T) {
			pool := Pool{Embeddings: rowsOf(c.X), Labels: make([][]int, len(c.X))}
			for _, item := range c.Labelled {
				pool.Labels[item] = []int{0}
			}
			check(t, c, pool)
		})
	}
}

func equalPicks(t *testing.T, got, want []int) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("picks %v, want %v", got, want)
	}
}

// replay draws the uniform numbers that a reference drew.
type replay struct{ drawn []float64 }

func (r *replay) Uint64() uint64 {
	u := r.drawn[0]
	r.drawn = r.drawn[1:]
	return uint64(u * (1 << 53)) // Float64 reads 53 bits
}

func TestGreedyCoresetGolden(t *testing.T) {
	coresetGoldens(t, "greedy", func(t *testing.T, c coresetCase, pool Pool) {
		strategy := GreedyCoreset{Distance: Euclidean}
		if c.Cosine {
			strategy.Distance = Cosine
		}
		picks, err := strategy.Select(pool, c.N, nil)
		if err != nil {
			t.Fatal(err)
		}
		equalPicks(t, picks, c.Picks)
	})
}

func TestLightweightCoresetGolden(t *testing.T) {
	coresetGoldens(t, "lightweight", func(t *testing.T, c coresetCase, pool Pool) {
		for i, chance := range lightweightChances(pool.Embeddings, pool.unlabelled()) {
			if math.Abs(chance-c.Chances[i]) > 1e-12 {
				t.Errorf("chance %d is %g, want %g", i, chance, c.Chances[i])
			}
		}
	})
}

func TestEmbeddingKMeansGolden(t *testing.T) {
	coresetGoldens(t, "medoids", func(t *testing.T, c coresetCase, pool Pool) {
		equalPicks(t, medoids(rowsOf(c.Centers), unit(pool.Embeddings, pool.unlabelled())), c.Picks)
	})
}

func TestKMeansGolden(t *testing.T) {
	coresetGoldens(t, "kmeans", func(t *testing.T, c coresetCase, pool Pool) {
		centers, cluster := kMeans(pool.Embeddings, c.K, c.Weights, rand.New(&replay{c.Drawn}))
		if !slices.Equal(cluster, c.Cluster) {
			t.Errorf("clusters %v, want %v", cluster, c.Cluster)
		}
		for i, want := range rowsOf(c.Centers).Data {
			if math.Abs(float64(centers.Data[i]-want)) > 1e-5 {
				t.Errorf("center %d has %g, want %g", i/centers.Cols, centers.Data[i], want)
			}
		}
		least := math.Inf(1)
		for seed := range uint64(30) {
			least = min(least, inertia(pool.Embeddings, c.Weights, c.K, seed))
		}
		if least > 1.05*c.Best+1e-9 {
			t.Errorf("least inertia of 30 runs is %g; scikit-learn's of 10 is %g", least, c.Best)
		}
	})
}

func inertia(points Matrix, weights []float32, k int, seed uint64) (sum float64) {
	centers, cluster := kMeans(points, k, weights, seeded(seed))
	for i, c := range cluster {
		for j, v := range points.Row(i) {
			d := float64(v) - float64(centers.Row(c)[j])
			sum += d * d * weight(weights, i)
		}
	}
	return sum
}

func TestBADGEGolden(t *testing.T) {
	coresetGoldens(t, "badge", func(t *testing.T, c coresetCase, pool Pool) {
		pool.Probs = rowsOf(c.Probs)
		squares := make([]float64, len(c.X))
		for i := range squares {
			squares[i] = math.Inf(1)
		}
		gradients(pool, pool.unlabelled())(0, 0, len(c.X), squares)
		for i, d := range squares {
			if math.Abs(d-c.Squares[i]) > 1e-12*(1+c.Squares[i]) {
				t.Errorf("squared distance of items 0 and %d is %g, want %g", i, d, c.Squares[i])
			}
		}
		picks, err := BADGE{}.Select(pool, c.N, rand.New(&replay{c.Drawn}))
		if err != nil {
			t.Fatal(err)
		}
		equalPicks(t, picks, c.Picks)
	})
}

func TestProbCoverGolden(t *testing.T) {
	coresetGoldens(t, "prob_cover", func(t *testing.T, c coresetCase, pool Pool) {
		s := newSpace(pool.Embeddings, Cosine)
		equalPicks(t, s.cover(pool.unlabelled(), c.Labelled, c.Delta*c.Delta, c.N), c.Picks)
		picks, err := ProbCover{Delta: c.Delta}.Select(pool, c.N, seeded(1))
		if err != nil {
			t.Fatal(err)
		}
		if len(picks) != c.N {
			t.Fatalf("%d picks, want %d", len(picks), c.N)
		}
		equalPicks(t, picks[:len(c.Picks)], c.Picks)
	})
	coresetGoldens(t, "pure_radius", func(t *testing.T, c coresetCase, pool Pool) {
		radius := newSpace(pool.Embeddings, Cosine).pureRadius(c.Cluster, seeded(1))
		if math.Abs(radius-c.Radius) > 1e-7 {
			t.Errorf("radius %g, want %g", radius, c.Radius)
		}
	})
}

func TestTypiClustGolden(t *testing.T) {
	coresetGoldens(t, "typi_clust", func(t *testing.T, c coresetCase, pool Pool) {
		equalPicks(t, newSpace(pool.Embeddings, Cosine).typical(c.Cluster, c.Labelled, c.N), c.Picks)
	})
}

func TestDiscriminativeGolden(t *testing.T) {
	coresetGoldens(t, "discriminative", func(t *testing.T, c coresetCase, pool Pool) {
		picks, err := DiscriminativeActiveLearning{}.Select(pool, c.N, seeded(1))
		if err != nil {
			t.Fatal(err)
		}
		// small-text gives the picks of a batch in no order.
		slices.Sort(picks)
		slices.Sort(c.Picks)
		equalPicks(t, picks, c.Picks)
	})
}
