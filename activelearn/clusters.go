package activelearn

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/floats"
)

// EmbeddingKMeans parts the unlabelled items into n clusters and picks the item nearest to each center that no larger
// cluster has picked (Yuan et al. 2020, "Cold-start active learning through self-supervised language modeling":
// BERT-KM, for any embeddings). Lengths of embeddings do not count. The picks of large clusters come first. It reads
// Embeddings.
type EmbeddingKMeans struct{}

// Select implements Strategy.
func (EmbeddingKMeans) Select(pool Pool, n int, rng *rand.Rand) ([]int, error) {
	if err := pool.check(embeddings); err != nil {
		return nil, fmt.Errorf("embedding k-means: %w", err)
	}
	items := pool.unlabelled()
	points := unit(pool.Embeddings, items)
	centers, cluster := kMeans(points, n, nil, rng)
	sizes := make([]int, centers.Rows)
	for _, c := range cluster {
		sizes[c]++
	}
	bySize := count(centers.Rows)
	slices.SortStableFunc(bySize, func(a, b int) int { return cmp.Compare(sizes[b], sizes[a]) })
	picks := medoids(centers.Gather(bySize), points)
	for i, pick := range picks {
		picks[i] = items[pick]
	}
	return picks, nil
}

// medoids gives, for one center after the other, the point at the smallest angle to it that is not yet given. Points
// have length 1.
func medoids(centers, points Matrix) []int {
	given := make([]int, 0, centers.Rows)
	products := make([]float64, points.Rows)
	for c := range centers.Rows {
		parallel(points.Rows, func(from, to int) {
			for i := from; i < to; i++ {
				products[i] = dot(centers.Row(c), points.Row(i))
			}
		})
		for _, i := range given {
			products[i] = math.Inf(-1)
		}
		given = append(given, floats.MaxIdx(products))
	}
	return given
}
