package activelearn

import "math/rand/v2"

// Pool is what a strategy chooses from. Row i of each field speaks of item i; fields that a strategy does not read may be
// left zero.
type Pool struct {
	Probs      Matrix   // items x classes: softmax rows that sum to 1 (single label) or sigmoids (multi-label)
	Embeddings Matrix   // items x dimensions
	Labels     [][]int  // classes of each labelled item (empty, not nil: none applies); nil for an unlabelled one
	Committee  []Matrix // probabilities by each member of a committee, of the shape of Probs
}

// Strategy is a query strategy: it picks the items that a person should label next.
type Strategy interface {
	// Select gives the indexes of n distinct unlabelled items, the most wanted first (fewer where the pool has fewer). The
	// same pool, n and state of rng give the same indexes. An error says which field of the pool is missing or does not fit.
	Select(pool Pool, n int, rng *rand.Rand) ([]int, error)
}
