package activelearn

import (
	"cmp"
	"slices"
)

// lowest gives the n candidates with the lowest scores, the lowest first (all of them where there are fewer); scores[i]
// is the score of candidates[i]. Of equal scores the lower candidate goes first, whatever the order of candidates. Scores
// must not be NaN. It takes O(len(scores) log n) time and O(n) memory.
func lowest(scores []float64, candidates []int, n int) []int {
	n = min(n, len(candidates))
	if n <= 0 {
		return nil
	}
	worse := func(a, b int) int { // a, b: places in scores and candidates
		return cmp.Or(cmp.Compare(scores[a], scores[b]), cmp.Compare(candidates[a], candidates[b]))
	}
	heap := make([]int, n) // the best n so far, each parent worse than its children
	sink := func(at int) {
		for {
			child := 2*at + 1
			if child >= n {
				return
			}
			if child+1 < n && worse(heap[child+1], heap[child]) > 0 {
				child++
			}
			if worse(heap[at], heap[child]) >= 0 {
				return
			}
			heap[at], heap[child] = heap[child], heap[at]
			at = child
		}
	}
	for i := range heap {
		heap[i] = i
	}
	for i := n/2 - 1; i >= 0; i-- {
		sink(i)
	}
	for i := n; i < len(candidates); i++ {
		if scores[i] <= scores[heap[0]] && worse(i, heap[0]) < 0 {
			heap[0] = i
			sink(0)
		}
	}
	slices.SortFunc(heap, worse)
	for i, at := range heap {
		heap[i] = candidates[at]
	}
	return heap
}

// highest is lowest for scores of which the highest are wanted.
func highest(scores []float64, candidates []int, n int) []int {
	negated := make([]float64, len(scores))
	for i, s := range scores {
		negated[i] = -s
	}
	return lowest(negated, candidates, n)
}
