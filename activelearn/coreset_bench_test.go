package activelearn

import (
	"fmt"
	"testing"
)

// BenchmarkCoreset picks 100 of the items of a pool of embeddings of 384 dimensions in 77 classes.
func BenchmarkCoreset(b *testing.B) {
	for _, bench := range []struct {
		strategy Strategy
		items    int
	}{
		{GreedyCoreset{}, 50_000},
		{GreedyCoreset{Distance: Euclidean}, 50_000},
		{LightweightCoreset{}, 50_000},
		{EmbeddingKMeans{}, 50_000},
		{BADGE{}, 50_000},
		{DiscriminativeActiveLearning{}, 50_000},
		{TypiClust{}, 50_000},
		{ProbCover{}, 10_000},
	} {
		b.Run(fmt.Sprintf("%T/items=%d", bench.strategy, bench.items), func(b *testing.B) {
			const classes = 77
			pool := Pool{
				Embeddings: blobs(bench.items, 384, classes, 1),
				Probs:      NewMatrix(bench.items, classes),
				Labels:     make([][]int, bench.items),
			}
			rng := seeded(2)
			for i := range bench.items {
				row, sum := pool.Probs.Row(i), float32(0)
				for j := range row {
					row[j] = float32(rng.ExpFloat64())
					sum += row[j]
				}
				for j := range row {
					row[j] /= sum
				}
				if i < 100 {
					pool.Labels[i] = []int{i % classes}
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bench.strategy.Select(pool, 100, seeded(3)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(bench.items)*float64(b.N)/b.Elapsed().Seconds(), "items/s")
		})
	}
}
