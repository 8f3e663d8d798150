package inference

import "slices"

// Plan groups rows into batches of one size. It returns indexes into sizes: longest rows first, each batch at most budget
// tokens (its rows x their size), but at least one row.
// The plan depends on sizes and budget alone, so a job that is resumed makes the same batches.
func Plan(sizes []int, budget int) [][]int {
	order := make([]int, len(sizes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return sizes[b] - sizes[a] })
	var batches [][]int
	for len(order) > 0 {
		size := sizes[order[0]]
		same := slices.IndexFunc(order, func(at int) bool { return sizes[at] != size })
		if same < 0 {
			same = len(order)
		}
		n := min(max(1, budget/max(1, size)), same)
		batches = append(batches, order[:n:n])
		order = order[n:]
	}
	return batches
}
