package activelearn

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// The constants of the authors' code: batches in which the picks are made, and unlabelled items that the classifier
// is shown for each labelled one.
const (
	discriminativeBatches = 10
	discriminativeRatio   = 10
)

// DiscriminativeActiveLearning picks the items that are least likely to be labelled already, in the eyes of a
// classifier that learned to tell labelled from unlabelled items; in ten batches, the picks of each counting as
// labelled in the next (Gissin & Shalev-Shwartz 2019, "Discriminative active learning"). The classifier is logistic
// regression. It reads Embeddings, of which lengths do not count, and Labels; at least one item must be labelled.
type DiscriminativeActiveLearning struct{}

// Select implements Strategy.
func (DiscriminativeActiveLearning) Select(pool Pool, n int, rng *rand.Rand) ([]int, error) {
	if err := pool.check(embeddings | labels); err != nil {
		return nil, fmt.Errorf("discriminative active learning: %w", err)
	}
	points := unit(pool.Embeddings, count(pool.items()))
	items, labelled := pool.unlabelled(), pool.labelled()
	n = max(0, min(n, len(items)))
	batches := min(n, discriminativeBatches)
	var picks []int
	for b := range batches {
		size := n / batches
		if b == batches-1 {
			size = n - len(picks)
		}
		batch, err := leastLabelled(points, items, append(labelled, picks...), size, rng)
		if err != nil {
			return nil, fmt.Errorf("discriminative active learning: %w", err)
		}
		picks = append(picks, batch...)
		items = slices.DeleteFunc(items, func(item int) bool { return slices.Contains(batch, item) })
	}
	return picks, nil
}

// leastLabelled picks the n items that a new classifier finds the least likely to be labelled.
func leastLabelled(points Matrix, items, labelled []int, n int, rng *rand.Rand) ([]int, error) {
	shown := slices.Clone(items)
	rng.Shuffle(len(shown), func(i, j int) { shown[i], shown[j] = shown[j], shown[i] })
	shown = append(shown[:min(len(shown), discriminativeRatio*len(labelled))], labelled...)
	isLabelled := make([]int, len(shown))
	for i := range labelled {
		isLabelled[len(shown)-1-i] = 1
	}
	classifier, err := FitLogistic(points.Gather(shown), isLabelled, 2, 1, nil)
	if err != nil {
		return nil, err
	}
	probs := classifier.Probs(points)
	chances := scoresOf(items, func(item int) float64 { return float64(probs.Row(item)[1]) })
	return lowest(chances, items, n), nil
}
