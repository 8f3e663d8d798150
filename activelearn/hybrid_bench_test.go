package activelearn

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkHybrid picks 100 items of large pools whose embeddings lie elsewhere: there are 20,000, again and again.
func BenchmarkHybrid(b *testing.B) {
	const classes, labelled = 10, 1000
	stored := taught(20_000, classes, 384, rand.New(rand.NewPCG(1, 2))).Embeddings
	for _, items := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprintf("100_of_%d", items), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(3, 4))
			pool := HybridPool{Pool: Pool{Probs: NewMatrix(items, classes), Labels: make([][]int, items)}}
			for i := range pool.Probs.Data {
				pool.Probs.Data[i] = rng.Float32()
			}
			for i := range labelled {
				pool.Labels[i] = []int{i % classes}
			}
			pool.Embed = func(asked []int) (Matrix, error) {
				rows := make([]int, len(asked))
				for i, item := range asked {
					rows[i] = item % stored.Rows
				}
				return stored.Gather(rows), nil
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := (Hybrid{}).Pick(pool, 100, rng); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(items)*float64(b.N)/b.Elapsed().Seconds(), "items/s")
		})
	}
}
