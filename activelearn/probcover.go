package activelearn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// ProbCover picks, one after the other, the item whose ball of radius Delta holds the most items that lie in no ball of
// a labelled or picked item yet (Yehuda et al. 2022, "Active learning through a covering lens"). When all are covered,
// it goes on as GreedyCoreset does. It suits small budgets and cold starts. It reads Embeddings and Labels; Probs,
// where there are any, tell the number of classes. It takes time that grows with the square of the pool, but memory
// that does not.
type ProbCover struct {
	// Delta is the radius of a ball, a Euclidean distance between embeddings scaled to length 1. With 0 it is estimated
	// as in the paper: the largest radius at which 95 % of the balls hold items of one class alone, with clusters by
	// k-means, as many as there are classes (n, where that is not known), in the place of the classes.
	Delta float64
}

// Select implements Strategy.
func (p ProbCover) Select(pool Pool, n int, rng *rand.Rand) ([]int, error) {
	if err := pool.check(embeddings); err != nil {
		return nil, fmt.Errorf("ProbCover: %w", err)
	}
	if p.Delta < 0 {
		return nil, fmt.Errorf("ProbCover: delta is %g: give a distance over 0, or 0 to have it estimated", p.Delta)
	}
	items, labelled := pool.unlabelled(), pool.labelled()
	if n = min(n, len(items)); n <= 0 {
		return nil, nil
	}
	s := newSpace(pool.Embeddings, Cosine)
	delta := p.Delta
	if delta == 0 {
		k := pool.classes()
		if k == 0 {
			k = n
		}
		_, cluster := kMeans(unit(pool.Embeddings, count(pool.items())), k, nil, rng)
		delta = s.pureRadius(cluster, rng)
	}
	picks := s.cover(items, labelled, delta*delta, n)
	rest := slices.DeleteFunc(items, func(item int) bool { return slices.Contains(picks, item) })
	return append(picks, s.farthest(rest, append(labelled, picks...), n-len(picks), rng)...), nil
}

// cover picks up to n of the items, until no ball of squared radius limit holds an item that is not covered.
func (s space) cover(items, labelled []int, limit float64, n int) []int {
	var picks []int
	_, uncovered := s.part(labelled, items, limit)
	gains := make([]int, s.points.Rows) // by item: how many uncovered ones its ball holds
	add := func(items, others []int, sign int) {
		for i, count := range s.within(items, others, limit) {
			gains[items[i]] += sign * count
		}
	}
	add(items, uncovered, 1)
	for len(picks) < n {
		best := items[0]
		for _, item := range items {
			if gains[item] > gains[best] {
				best = item
			}
		}
		if gains[best] == 0 {
			break
		}
		picks = append(picks, best)
		var covered []int
		covered, uncovered = s.part([]int{best}, uncovered, limit)
		// Only balls around items within two radii of the pick hold any of what it covers.
		near, _ := s.part([]int{best}, items, 4.001*limit)
		add(near, covered, -1)
	}
	return picks
}

// part gives those of the items that lie at less than the squared distance limit from one of the centers, and the others.
func (s space) part(centers, items []int, limit float64) (near, far []int) {
	distances := make([]float64, len(items))
	for i := range distances {
		distances[i] = math.Inf(1)
	}
	s.approach(items, centers, distances)
	for i, d := range distances {
		if d < limit {
			near = append(near, items[i])
		} else {
			far = append(far, items[i])
		}
	}
	return near, far
}

// within counts, for each item, the others at less than the squared distance limit.
func (s space) within(items, others []int, limit float64) []int {
	counts := make([]int, len(items))
	parallelRuns(len(items), cached, func(from, to int) {
		for _, other := range others {
			for i := from; i < to; i++ {
				if s.floor(items[i], other) < limit && s.squared(items[i], other) < limit {
					counts[i]++
				}
			}
		}
	})
	return counts
}

// pureSample is how many balls pureRadius looks at.
const pureSample = 1000

// pureRadius estimates the largest radius at which 95 % of the balls around items hold items of one cluster alone: a
// ball is pure up to the distance to the nearest item of another cluster.
func (s space) pureRadius(cluster []int, rng *rand.Rand) float64 {
	sample := rng.Perm(len(cluster))
	sample = sample[:min(len(sample), pureSample)]
	radii := make([]float64, len(sample))
	parallelRuns(len(sample), cached, func(from, to int) {
		for i := from; i < to; i++ {
			radii[i] = math.Inf(1)
		}
		for other, c := range cluster {
			for i := from; i < to; i++ {
				if c != cluster[sample[i]] {
					s.lower(&radii[i], sample[i], other)
				}
			}
		}
	})
	slices.Sort(radii)
	return math.Sqrt(radii[len(radii)/20])
}
