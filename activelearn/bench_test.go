package activelearn

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// randomProbs gives softmax-like rows.
func randomProbs(items, classes int) Matrix {
	rng := rand.New(rand.NewPCG(1, 2))
	m := NewMatrix(items, classes)
	for i := range items {
		row, sum := m.Row(i), float32(0)
		for c := range row {
			row[c] = rng.Float32()
			sum += row[c]
		}
		for c := range row {
			row[c] /= sum
		}
	}
	return m
}

func benchmarkSelect(b *testing.B, strategy Strategy, pool Pool, n int) {
	b.Run(fmt.Sprintf("%T/%dof%d", strategy, n, pool.items()), func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := strategy.Select(pool, n, rand.New(rand.NewPCG(3, 4))); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(pool.items())*float64(b.N)/b.Elapsed().Seconds(), "items/s")
	})
}

func BenchmarkSelect(b *testing.B) {
	million := Pool{Probs: randomProbs(1_000_000, 10)}
	for _, strategy := range []Strategy{Random{}, LeastConfidence{}, PredictionEntropy{}, BreakingTies{}} {
		benchmarkSelect(b, strategy, million, 100)
	}
	benchmarkSelect(b, ClassBalancer{BreakingTies{}}, million, 100)

	committee := Pool{Committee: []Matrix{randomProbs(100_000, 10), randomProbs(100_000, 10), randomProbs(100_000, 10)}}
	for _, strategy := range []Strategy{BALD{}, VoteEntropy{}} {
		benchmarkSelect(b, strategy, committee, 100)
	}

	multi := Pool{Probs: randomProbs(100_000, 20), Labels: make([][]int, 100_000)}
	for i := range 500 {
		multi.Labels[i] = []int{i % 20, (i + 7) % 20}
	}
	for _, strategy := range []Strategy{CategoryVectorInconsistencyAndRanking{}, AdaptiveActiveLearning{}} {
		benchmarkSelect(b, strategy, multi, 100)
	}

	embedded := Pool{Probs: randomProbs(2_000, 20), Embeddings: randomProbs(2_000, 384), Labels: multi.Labels[:2_000]}
	for _, strategy := range []Strategy{
		ContrastiveActiveLearning{}, SEALS{Base: BreakingTies{}}, AnchorSubsampling{Base: BreakingTies{}},
	} {
		benchmarkSelect(b, strategy, embedded, 100)
	}
}
