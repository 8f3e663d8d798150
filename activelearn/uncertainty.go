package activelearn

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Random picks items uniformly, without replacement: the baseline, and the only strategy whose picks speak for the pool.
type Random struct{}

// Select implements Strategy.
func (Random) Select(pool Pool, n int, rng *rand.Rand) ([]int, error) {
	if err := pool.check(0); err != nil {
		return nil, fmt.Errorf("random: %w", err)
	}
	items := pool.unlabelled()
	n = max(0, min(n, len(items)))
	for i := range n {
		j := i + rng.IntN(len(items)-i)
		items[i], items[j] = items[j], items[i]
	}
	return items[:n:n], nil
}

// LeastConfidence picks the items whose most likely class is the least likely (Lewis & Gale 1994, "A sequential algorithm
// for training text classifiers"). It reads Probs.
type LeastConfidence struct{}

// Select implements Strategy.
func (LeastConfidence) Select(pool Pool, n int, _ *rand.Rand) ([]int, error) {
	return selectLowest("least confidence", pool, probs, n, func(item int) float64 {
		return confidence(pool.Probs.Row(item))
	})
}

// PredictionEntropy picks the items with the highest entropy over the classes (Roy & McCallum 2001; Holub et al. 2008,
// "Entropy-based active learning for object recognition"). It reads Probs.
type PredictionEntropy struct{}

// Select implements Strategy.
func (PredictionEntropy) Select(pool Pool, n int, _ *rand.Rand) ([]int, error) {
	return selectLowest("prediction entropy", pool, probs, n, func(item int) float64 {
		return -entropy(pool.Probs.Row(item))
	})
}

// BreakingTies picks the items with the smallest margin between the most likely class and the second (Luo et al. 2005,
// "Active learning to recognize multiple types of plankton"). It reads Probs, of two classes or more.
type BreakingTies struct{}

// Select implements Strategy.
func (BreakingTies) Select(pool Pool, n int, _ *rand.Rand) ([]int, error) {
	if pool.Probs.Cols == 1 {
		return nil, fmt.Errorf("breaking ties: probabilities of one class have no margin")
	}
	return selectLowest("breaking ties", pool, probs, n, func(item int) float64 {
		return margin(pool.Probs.Row(item))
	})
}

// selectLowest checks the fields that a strategy of that name needs and picks the n unlabelled items with the lowest
// scores.
func selectLowest(name string, pool Pool, needs field, n int, score func(item int) float64) ([]int, error) {
	if err := pool.check(needs); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	items := pool.unlabelled()
	return lowest(scoresOf(items, score), items, n), nil
}

// scoresOf gives the score of each item. It calls score on all cores.
func scoresOf(items []int, score func(item int) float64) []float64 {
	scores := make([]float64, len(items))
	parallel(len(items), func(from, to int) {
		for i := from; i < to; i++ {
			scores[i] = score(items[i])
		}
	})
	return scores
}

// confidence is the highest probability of a row.
func confidence(row []float32) float64 {
	highest := row[0]
	for _, p := range row[1:] {
		highest = max(highest, p)
	}
	return float64(highest)
}

// margin is the highest probability of a row less the second highest; a row holds two or more.
func margin(row []float32) float64 {
	first, second := row[0], row[1]
	if second > first {
		first, second = second, first
	}
	for _, p := range row[2:] {
		if p > first {
			first, second = p, first
		} else if p > second {
			second = p
		}
	}
	return float64(first) - float64(second)
}

// entropy is the entropy of a row in nats, after the row was scaled to the sum of 1.
func entropy(row []float32) float64 {
	var sum, plogp float64
	for _, p := range row {
		if p > 0 {
			sum += float64(p)
			plogp += float64(p) * math.Log(float64(p))
		}
	}
	if sum == 0 {
		return 0
	}
	return math.Log(sum) - plogp/sum
}
