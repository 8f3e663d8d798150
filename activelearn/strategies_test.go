package activelearn

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// everyName gives each strategy's name, and those of the wrappers around one that needs labels and one that does not.
func everyName() []string {
	var names []string
	for _, s := range strategies {
		names = append(names, s.name)
	}
	for _, w := range wrappers {
		names = append(names, w.name+":breaking-ties", w.name+":adaptive-active-learning", w.name+":embedding-k-means")
	}
	return names
}

// randomPool fills all fields; the first items are labelled, and many rows are copies of others.
func randomPool(items, labelled, classes int, rng *rand.Rand) Pool {
	matrix := func(cols int) Matrix {
		m := NewMatrix(items, cols)
		for i := range items {
			if i > 0 && rng.IntN(3) == 0 {
				copy(m.Row(i), m.Row(rng.IntN(i)))
				continue
			}
			var sum float32
			row := m.Row(i)
			for j := range row {
				row[j] = rng.Float32()
				sum += row[j]
			}
			for j := range row {
				row[j] /= sum
			}
		}
		return m
	}
	pool := Pool{Probs: matrix(classes), Embeddings: matrix(6), Labels: make([][]int, items)}
	pool.Committee = []Matrix{matrix(classes), matrix(classes), matrix(classes)}
	for i := range labelled {
		pool.Labels[i] = []int{rng.IntN(classes)}
	}
	return pool
}

// Every strategy keeps the contract: distinct unlabelled items, n or all of them, the same on any number of cores, the
// pool left as it was.
func TestContract(t *testing.T) {
	for _, name := range everyName() {
		strategy, err := Named(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct{ items, labelled, n int }{
			{60, 20, 10}, {60, 20, 40}, {60, 20, 100}, {1500, 30, 25}, {2, 1, 1}, {2, 1, 3}, {9, 9, 2}, {30, 5, 0}, {0, 0, 4},
		} {
			t.Run(fmt.Sprintf("%s/%dof%d", name, c.n, c.items), func(t *testing.T) {
				pool := randomPool(c.items, c.labelled, 4, seeded(3))
				before := pool.gather(count(c.items))
				picks, err := strategy.Select(pool, c.n, seeded(5))
				if err != nil {
					t.Fatal(err)
				}
				if want := min(c.n, c.items-c.labelled); len(picks) != want {
					t.Errorf("%d picks, want %d", len(picks), want)
				}
				for i, pick := range picks {
					if pick < c.labelled || pick >= c.items || slices.Contains(picks[:i], pick) {
						t.Errorf("pick %d is %d in %v", i, pick, picks)
					}
				}
				if !slices.Equal(pool.Probs.Data, before.Probs.Data) || !slices.Equal(pool.Embeddings.Data, before.Embeddings.Data) {
					t.Error("the pool was changed")
				}
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
				if again, _ := strategy.Select(pool, c.n, seeded(5)); !slices.Equal(picks, again) {
					t.Errorf("picks %v, and on one core %v", picks, again)
				}
			})
		}
	}
}

func TestNamed(t *testing.T) {
	for name, want := range map[string]Strategy{
		"breaking-ties":                         BreakingTies{},
		"BreakingTies":                          BreakingTies{},
		"BALD":                                  BALD{},
		"EmbeddingKMeans":                       EmbeddingKMeans{},
		"ClassBalancer:BreakingTies":            ClassBalancer{BreakingTies{}},
		"anchor:random":                         AnchorSubsampling{Base: Random{}},
		"seals:class-balancer:vote-entropy":     SEALS{Base: ClassBalancer{VoteEntropy{}}},
		"AnchorSubsampling:least-confidence":    AnchorSubsampling{Base: LeastConfidence{}},
		"CategoryVectorInconsistencyAndRanking": CategoryVectorInconsistencyAndRanking{},
	} {
		if got, err := Named(name); err != nil || got != want {
			t.Errorf("%s is %#v, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "margin", "seals", "seals:", "random:random", "seals:margin"} {
		_, err := Named(name)
		if err == nil || !strings.Contains(err.Error(), "breaking-ties") || !strings.Contains(err.Error(), "class-balancer:") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestTiesGoToTheLowestIndex(t *testing.T) {
	row := []float32{0.5, 0.25, 0.25}
	m := rowsOf([][]float32{row, row, row, row, row, row})
	pool := Pool{Probs: m, Embeddings: m, Committee: []Matrix{m, m}, Labels: make([][]int, 6)}
	pool.Labels[1] = []int{0}
	for _, strategy := range []Strategy{
		LeastConfidence{}, PredictionEntropy{}, BreakingTies{}, BALD{}, VoteEntropy{}, ContrastiveActiveLearning{K: 2},
		CategoryVectorInconsistencyAndRanking{}, AdaptiveActiveLearning{}, ClassBalancer{BreakingTies{}},
		SEALS{BreakingTies{}, 3},
	} {
		picks, err := strategy.Select(pool, 3, nil)
		if err != nil || !slices.Equal(picks, []int{0, 2, 3}) {
			t.Errorf("%T picks %v, %v", strategy, picks, err)
		}
	}
}

func TestBreakingTiesNeedsTwoClasses(t *testing.T) {
	if _, err := (BreakingTies{}).Select(Pool{Probs: NewMatrix(3, 1)}, 1, nil); err == nil {
		t.Error("one class had a margin")
	}
}

// Each of 10 items is among 3 picks in 3 of 10 draws, within six standard deviations.
func TestRandomIsUniform(t *testing.T) {
	rng := seeded(7)
	var times [10]int
	for range 6000 {
		picks, err := Random{}.Select(Pool{Labels: make([][]int, 10)}, 3, rng)
		if err != nil {
			t.Fatal(err)
		}
		for _, pick := range picks {
			times[pick]++
		}
	}
	for item, n := range times {
		if n < 1800-213 || n > 1800+213 {
			t.Errorf("item %d was picked %d times in 6,000, want about 1,800", item, n)
		}
	}
}

// A neighbour that deems possible what an item rules out makes the item infinitely unlike it.
func TestContrastOfImpossibleClass(t *testing.T) {
	pool := Pool{
		Probs:      rowsOf([][]float32{{0.5, 0.5}, {1, 0}, {0.75, 0.25}, {1, 0}}),
		Embeddings: rowsOf([][]float32{{1, 0}, {1, 0.1}, {0, 1}, {0.1, 1}}),
	}
	picks, err := ContrastiveActiveLearning{K: 2}.Select(pool, 4, nil)
	if want := []int{1, 3, 0, 2}; err != nil || !slices.Equal(picks, want) {
		t.Errorf("picks %v, %v, want %v", picks, err, want)
	}
}

func TestNearestIsExhaustive(t *testing.T) {
	rng := seeded(11)
	for _, kind := range []Distance{Cosine, Euclidean} {
		points := randomPool(90, 0, 2, rng).Embeddings // with copies
		clear(points.Row(8))
		s := newSpace(points, kind)
		candidates := rng.Perm(90)[:70]
		for _, k := range []int{1, 7, 100} {
			for i, got := range s.nearest([]int{8, 3, 60}, candidates, k) {
				query := []int{8, 3, 60}[i]
				want := make([]neighbour, 0, len(candidates))
				for _, c := range candidates {
					want = append(want, neighbour{c, s.squared(query, c)})
				}
				slices.SortFunc(want, neighbour.compare)
				if want = want[:min(k, len(want))]; !slices.Equal(got, want) {
					t.Fatalf("%d nearest of %d are %v, want %v", k, query, got, want)
				}
			}
		}
	}
}

// witness is a strategy that remembers what it was shown, and picks the first items.
type witness struct{ pool Pool }

func (w *witness) Select(pool Pool, n int, _ *rand.Rand) ([]int, error) {
	w.pool = pool
	items := pool.unlabelled()
	return items[:min(n, len(items))], nil
}

// Four items near the labelled one; of the others, as many as are asked for are let through.
func TestSEALSWidens(t *testing.T) {
	pool := Pool{Embeddings: NewMatrix(12, 2), Labels: make([][]int, 12)}
	for i := range 12 {
		copy(pool.Embeddings.Row(i), []float32{10, float32(i)})
	}
	pool.Labels[0] = []int{0}
	for n, want := range map[int]int{1: 4, 4: 4, 5: 8, 8: 8, 9: 11} {
		var seen witness
		if _, err := (SEALS{&seen, 4}).Select(pool, n, nil); err != nil {
			t.Fatal(err)
		}
		if got := len(seen.pool.unlabelled()); got != want {
			t.Errorf("for %d, %d are let through, want %d", n, got, want)
		}
	}
}

// 30 labelled items of class 0 lie on one side and one of class 1 on the other: half of what is let through is like it.
func TestAnchorsServeRareClasses(t *testing.T) {
	const items = 400
	rng := seeded(13)
	pool := Pool{Embeddings: NewMatrix(items, 3), Labels: make([][]int, items)}
	for i := range items {
		rare := float32(i % 2)
		copy(pool.Embeddings.Row(i), []float32{rare, 1 - rare, 0.1 * rng.Float32()})
	}
	for i := range 30 {
		pool.Labels[2*i] = []int{0}
	}
	pool.Labels[1] = []int{1}
	var seen witness
	if _, err := (AnchorSubsampling{&seen, 120, 1, 50}).Select(pool, 5, rng); err != nil {
		t.Fatal(err)
	}
	var rare, all int
	for _, item := range seen.pool.unlabelled() {
		rare += int(seen.pool.Embeddings.Row(item)[0])
		all++
	}
	if rare != 50 || all != 100 {
		t.Errorf("%d of %d are like the rare class, want 50 of 100", rare, all)
	}
}
