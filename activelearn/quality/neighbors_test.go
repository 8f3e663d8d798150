package quality

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/labelloop/labelloop/activelearn"
	"github.com/labelloop/labelloop/activelearn/internal/golden"
)

func TestGoldenNeighbors(t *testing.T) {
	type neighborsGolden struct {
		Embeddings        activelearn.Matrix
		K                 int
		Items             [][]int
		Distances         [][]float64
		Typical, Distinct []float64
		Outliers          []int
		Duplicates        [][]int
	}
	for n, c := range golden.Load[[]neighborsGolden](t, "neighbors") {
		found := must(FindNeighbors(c.Embeddings, c.K))(t)
		for i, near := range found {
			distances := make([]float64, len(near))
			for j, neighbor := range near {
				distances[j] = neighbor.Distance
				// The reference has another order of equal distances.
				if neighbor.Item != c.Items[i][j] && math.Abs(cosine(c.Embeddings, i, c.Items[i][j])-neighbor.Distance) > 1e-12 {
					t.Fatalf("case %d: neighbour %d of item %d is %d, want %d", n, j, i, neighbor.Item, c.Items[i][j])
				}
			}
			approx(t, "distances", distances, c.Distances[i])
		}
		scores, outlier := found.Outliers()
		approx(t, "typical", scores, c.Typical)
		if !slices.Equal(marked(outlier), c.Outliers) {
			t.Fatalf("case %d: outliers %v, want %v", n, marked(outlier), c.Outliers)
		}
		scores, duplicates := found.NearDuplicates()
		approx(t, "distinct", scores, c.Distinct)
		if !slices.EqualFunc(duplicates, c.Duplicates, slices.Equal) {
			t.Fatalf("case %d: duplicates %v, want %v", n, duplicates, c.Duplicates)
		}
	}
}

// cosine is the cosine distance by its definition.
func cosine(m activelearn.Matrix, i, j int) float64 {
	var product, a, b float64
	for d, v := range m.Row(i) {
		w := float64(m.Row(j)[d])
		product += float64(v) * w
		a += float64(v) * float64(v)
		b += w * w
	}
	if a == 0 || b == 0 {
		return 1
	}
	return 1 - product/math.Sqrt(a*b)
}

// Many rows that differ by rounding alone, or not at all, crowd out the room that the search leaves for rounding.
func TestFindNeighborsIsExactAmongNearEquals(t *testing.T) {
	const rows, cols, k = 400, 48, 7
	rng := rand.New(rand.NewPCG(3, 4))
	m := gaussian(rows, cols)
	for i := range rows / 2 {
		copy(m.Row(i), m.Row(rows-1))
		if i%2 == 0 {
			m.Row(i)[rng.IntN(cols)] *= 1 + 1e-6
		}
	}
	found := must(FindNeighbors(m, k))(t)
	for i, near := range found {
		all := make([]Neighbor, 0, rows)
		for j := range rows {
			if j != i {
				all = append(all, Neighbor{j, apart(m.Row(i), m.Row(j))})
			}
		}
		slices.SortFunc(all, func(a, b Neighbor) int {
			return cmp.Or(cmp.Compare(a.Distance, b.Distance), cmp.Compare(a.Item, b.Item))
		})
		if !slices.Equal(near, all[:k]) {
			t.Fatalf("item %d: %v, want %v", i, near, all[:k])
		}
	}
}

// apart is half the squared distance of two rows scaled to length 1.
func apart(a, b []float32) float64 {
	length := func(row []float32) float64 {
		total := 0.0
		for _, v := range row {
			total += float64(v) * float64(v)
		}
		return math.Sqrt(total)
	}
	total, m, n := 0.0, length(a), length(b)
	for d := range a {
		total += (float64(a[d])/m - float64(b[d])/n) * (float64(a[d])/m - float64(b[d])/n)
	}
	return total / 2
}
