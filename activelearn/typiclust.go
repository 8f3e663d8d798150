package activelearn

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/floats"
)

// The constants of the authors' code.
const (
	typiClusters   = 500 // at most
	typiNeighbours = 20
	typiSmall      = 5 // clusters up to this size are left for last
)

// TypiClust parts all items into as many clusters as there will be labels (500 at most), and goes through the clusters
// from those with the fewest labelled items, the largest of them first; of each it picks the most typical unlabelled
// item, the one with the lowest mean distance to its 20 nearest neighbours within the cluster (Hacohen et al. 2022,
// "Active learning on a budget: opposite strategies suit high and low budgets"). It suits small budgets and cold
// starts. It reads Embeddings, of which lengths do not count, and Labels. It takes time that grows with the square of a
// cluster's size, but memory that does not.
type TypiClust struct{}

// Select implements Strategy.
func (TypiClust) Select(pool Pool, n int, rng *rand.Rand) ([]int, error) {
	if err := pool.check(embeddings); err != nil {
		return nil, fmt.Errorf("TypiClust: %w", err)
	}
	n = max(0, min(n, len(pool.unlabelled())))
	points := unit(pool.Embeddings, count(pool.items()))
	labelled := pool.labelled()
	_, cluster := kMeans(points, min(len(labelled)+n, typiClusters), nil, rng)
	return newSpace(points, Euclidean).typical(cluster, labelled, n), nil
}

// typical picks n items, at most as many as are not labelled, by their clusters, which are numbered from 0.
func (s space) typical(cluster, labelled []int, n int) []int {
	type group struct {
		labelled, size int
		items          []int
	}
	groups := make([]group, len(cluster))
	for _, item := range labelled {
		groups[cluster[item]].labelled++
	}
	isLabelled := make([]bool, len(cluster))
	for _, item := range labelled {
		isLabelled[item] = true
	}
	for item, c := range cluster {
		groups[c].size++
		if !isLabelled[item] {
			groups[c].items = append(groups[c].items, item)
		}
	}
	slices.SortStableFunc(groups, func(a, b group) int {
		return cmp.Or(cmp.Compare(a.labelled, b.labelled), cmp.Compare(b.size, a.size))
	})
	var picks []int
	for _, small := range []bool{false, true} {
		for left := true; left; {
			left = false
			for g := range groups {
				group := &groups[g]
				if len(picks) == n {
					return picks
				}
				if len(group.items) == 0 || small != (group.size <= typiSmall) {
					continue
				}
				at := floats.MinIdx(s.sparsity(group.items))
				picks = append(picks, group.items[at])
				group.items = slices.Delete(group.items, at, at+1)
				left = true
			}
		}
	}
	return picks
}

// sparsity gives the mean distance of each item to its nearest neighbours among the items: 20, or half of the items
// where these are fewer than 40.
func (s space) sparsity(items []int) []float64 {
	k := min(typiNeighbours, len(items)/2)
	means := make([]float64, len(items))
	for i, near := range s.nearest(items, items, k+1) { // the item itself, at 0, is one of them
		for _, neighbour := range near {
			means[i] += math.Sqrt(neighbour.squared) / float64(max(k, 1))
		}
	}
	return means
}
