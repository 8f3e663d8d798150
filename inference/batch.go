package inference

import "slices"

// Plan groups rows into batches of similar size, so that little is spent on padding. It returns indexes into sizes:
// longest rows first, each batch at most budget padded tokens (its rows x its longest row), but at least one row.
// The plan depends on sizes and budget alone, so a job that is resumed makes the same batches.
func Plan(sizes []int, budget int) [][]int {
	order := make([]int, len(sizes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return sizes[b] - sizes[a] })
	var batches [][]int
	for len(order) > 0 {
		n := min(max(1, budget/max(1, sizes[order[0]])), len(order))
		batches = append(batches, order[:n:n])
		order = order[n:]
	}
	return batches
}
