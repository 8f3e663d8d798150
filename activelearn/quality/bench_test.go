package quality

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/labelloop/labelloop/activelearn"
)

// gaussian draws rows around a tenth as many centers.
func gaussian(rows, cols int) activelearn.Matrix {
	rng := rand.New(rand.NewPCG(1, 2))
	centers := activelearn.NewMatrix(rows/10+1, cols)
	for i := range centers.Data {
		centers.Data[i] = float32(rng.NormFloat64())
	}
	m := activelearn.NewMatrix(rows, cols)
	for i := range rows {
		center := centers.Row(rng.IntN(centers.Rows))
		for d := range m.Row(i) {
			m.Row(i)[d] = center[d] + float32(rng.NormFloat64())
		}
	}
	return m
}

func BenchmarkFindNeighbors(b *testing.B) {
	for _, rows := range []int{2000, 10000, 50000} {
		m := gaussian(rows, 384)
		b.Run(fmt.Sprintf("%dx384", rows), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := FindNeighbors(m, 10); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "items/s")
		})
	}
}

func BenchmarkLabelIssues(b *testing.B) {
	const rows, classes = 100_000, 20
	rng := rand.New(rand.NewPCG(1, 2))
	probs, labels := activelearn.NewMatrix(rows, classes), make([]int, rows)
	for i := range labels {
		labels[i] = rng.IntN(classes)
		total := float32(0)
		for c := range classes {
			probs.Row(i)[c] = rng.Float32()
			if c == labels[i] && rng.IntN(5) > 0 {
				probs.Row(i)[c] += 4
			}
			total += probs.Row(i)[c]
		}
		for c := range classes {
			probs.Row(i)[c] /= total
		}
	}
	for _, filter := range []Filter{ConfidentLearning, PruneByNoiseRate, Both, LowSelfConfidence} {
		b.Run(fmt.Sprintf("%s/%dx%d", filter, rows, classes), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := LabelIssues(labels, probs, filter); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "items/s")
		})
	}
}
