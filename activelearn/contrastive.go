package activelearn

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// ContrastiveActiveLearning picks the items whose probabilities are most unlike those of their nearest neighbours, by the
// mean Kullback-Leibler divergence of the neighbours from the item (Margatina et al. 2021, "Active learning by acquiring
// contrastive examples"). As in small-text, neighbours are sought among all items, by cosine; the item itself is one of
// them. It reads Probs and Embeddings of all items, labelled ones included. Time is quadratic in the items: of a large
// pool, hand it a part.
type ContrastiveActiveLearning struct {
	K int // neighbours; 0: 10
}

// Select implements Strategy.
func (s ContrastiveActiveLearning) Select(pool Pool, n int, _ *rand.Rand) ([]int, error) {
	if err := pool.check(probs | embeddings); err != nil {
		return nil, fmt.Errorf("contrastive active learning: %w", err)
	}
	items := pool.unlabelled()
	return highest(contrasts(pool, items, orDefault(s.K, 10)), items, n), nil
}

// contrasts gives, for each item, the divergence of its k nearest neighbours' probabilities from its own, in nats, as a
// mean over neighbours and classes; infinite where a neighbour deems a class possible that the item rules out.
func contrasts(pool Pool, items []int, k int) []float64 {
	scores := make([]float64, len(items))
	near := newSpace(pool.Embeddings, Cosine).nearest(items, count(pool.items()), k)
	for i, item := range items {
		for _, neighbour := range near[i] {
			scores[i] += divergence(pool.Probs.Row(neighbour.item), pool.Probs.Row(item))
		}
		scores[i] /= float64(len(near[i]) * pool.classes())
	}
	return scores
}

// divergence is the Kullback-Leibler divergence of p from q, in nats.
func divergence(p, q []float32) float64 {
	var nats float64
	for class, v := range p {
		if v > 0 {
			nats += float64(v) * math.Log(float64(v)/float64(q[class]))
		}
	}
	return nats
}

// orDefault is an option, or what it stands for where it was left zero.
func orDefault(option, usual int) int {
	if option > 0 {
		return option
	}
	return usual
}
