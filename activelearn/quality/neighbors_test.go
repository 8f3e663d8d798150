package quality

import (
	"math"
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
