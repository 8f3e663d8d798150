package activelearn

import (
	"fmt"
	"math/rand/v2"
)

// BADGE picks items whose gradients, of the loss by the weights of the last layer if the most likely class were right,
// are long and far apart (Ash et al. 2020, "Deep batch active learning by diverse, uncertain gradient lower bounds"):
// k-means++ seeding over the products of embeddings and probabilities, these less 1 for the most likely class. It reads
// Embeddings and Probs, of a single label.
type BADGE struct{}

// Select implements Strategy.
func (BADGE) Select(pool Pool, n int, rng *rand.Rand) ([]int, error) {
	if err := pool.check(embeddings | probs); err != nil {
		return nil, fmt.Errorf("BADGE: %w", err)
	}
	items := pool.unlabelled()
	picks := plusPlus(len(items), n, nil, gradients(pool, items), rng)
	for i, pick := range picks {
		picks[i] = items[pick]
	}
	return picks, nil
}

// gradients measures between the items' gradients, classes x dimensions numbers each, without computing any: they are
// outer products, so the product of two is that of their factors' products.
func gradients(pool Pool, items []int) metric {
	guesses := make([]int, pool.items())
	for _, item := range items {
		guesses[item] = Argmax(pool.Probs.Row(item))
	}
	product := func(a, b int) float64 {
		p, q := pool.Probs.Row(a), pool.Probs.Row(b)
		errors := dot(p, q) - float64(p[guesses[b]]) - float64(q[guesses[a]])
		if guesses[a] == guesses[b] {
			errors++
		}
		return errors * dot(pool.Embeddings.Row(a), pool.Embeddings.Row(b))
	}
	squares := make([]float64, pool.items())
	for _, item := range items {
		squares[item] = product(item, item)
	}
	return func(center, from, to int, d []float64) {
		c := items[center]
		for i, item := range items[from:to] {
			d[i] = min(d[i], Euclidean.squared(product(c, item), squares[c], squares[item]))
		}
	}
}
