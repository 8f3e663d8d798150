package activelearn

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
)

// GreedyCoreset picks, one after the other, the item that is farthest from all that is labelled or picked: the greedy
// solution of the k-center problem (Sener & Savarese 2018, "Active learning for convolutional neural networks: a
// core-set approach"). Without a labelled item the first pick is random. It reads Embeddings and Labels.
type GreedyCoreset struct {
	Distance Distance
}

// Select implements Strategy.
func (g GreedyCoreset) Select(pool Pool, n int, rng *rand.Rand) ([]int, error) {
	if err := pool.check(embeddings); err != nil {
		return nil, fmt.Errorf("greedy coreset: %w", err)
	}
	return newSpace(pool.Embeddings, g.Distance).farthest(pool.unlabelled(), pool.labelled(), n, rng), nil
}

// farthest picks n of the items, each the farthest from the centers and the earlier picks.
func (s space) farthest(items, centers []int, n int, rng *rand.Rand) []int {
	n = max(0, min(n, len(items)))
	picks := make([]int, 0, n)
	distances := make([]float64, len(items))
	for i := range distances {
		distances[i] = math.Inf(1)
	}
	s.approach(items, centers, distances)
	for len(picks) < n {
		at := floats.MaxIdx(distances)
		if len(centers)+len(picks) == 0 {
			at = rng.IntN(len(items))
		}
		picks = append(picks, items[at])
		s.approach(items, items[at:at+1], distances)
		distances[at] = -1 // below that of any other item, a copy of a pick too
	}
	return picks
}

// LightweightCoreset draws items without replacement, by chances of which one half is spread evenly and the other by
// the squared distance to the mean of the unlabelled items (Bachem et al. 2018, "Scalable k-means clustering via
// lightweight coresets"). The distance is the angle, as in small-text. It reads Embeddings.
type LightweightCoreset struct{}

// Select implements Strategy.
func (LightweightCoreset) Select(pool Pool, n int, rng *rand.Rand) ([]int, error) {
	if err := pool.check(embeddings); err != nil {
		return nil, fmt.Errorf("lightweight coreset: %w", err)
	}
	// The first n arrivals of a race, in which an item arrives at a rate, are a draw without replacement by the rates.
	items := pool.unlabelled()
	arrivals := lightweightChances(pool.Embeddings, items)
	for i, chance := range arrivals {
		arrivals[i] = rng.ExpFloat64() / chance
	}
	return lowest(arrivals, items, n), nil
}

// lightweightChances gives each item's chance to be drawn first.
func lightweightChances(points Matrix, items []int) []float64 {
	mean := make([]float64, points.Cols)
	for _, item := range items {
		for j, v := range points.Row(item) {
			mean[j] += float64(v) / float64(len(items))
		}
	}
	length := floats.Norm(mean, 2)
	squares := scoresOf(items, func(item int) float64 {
		row := points.Row(item)
		product, scale := 0.0, math.Sqrt(dot(row, row))*length
		for j, v := range row {
			product += float64(v) * mean[j]
		}
		if scale == 0 { // no direction: at a right angle to all
			return 0.25
		}
		turns := math.Acos(max(-1, min(1, product/scale))) / math.Pi
		return turns * turns
	})
	sum := floats.Sum(squares)
	for i, square := range squares {
		share := 1 / float64(len(items))
		if sum > 0 {
			share = square / sum
		}
		squares[i] = 0.5/float64(len(items)) + 0.5*share
	}
	return squares
}
