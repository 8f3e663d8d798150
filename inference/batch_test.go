package inference

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestPlanHoldsEveryRowOnceWithinItsBudget(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		sizes := make([]int, random.IntN(300))
		for i := range sizes {
			sizes[i] = random.IntN(600)
		}
		budget := 1 + random.IntN(2000)
		seen := make([]int, len(sizes))
		longest := 1 << 30
		for _, batch := range Plan(sizes, budget) {
			width := sizes[batch[0]]
			for _, at := range batch {
				if seen[at]++; sizes[at] != width {
					t.Fatalf("rows of %d and of %d tokens are in one batch", width, sizes[at])
				}
			}
			if len(batch) > 1 && len(batch)*width > budget {
				t.Fatalf("batch of %d x %d tokens is over the budget of %d", len(batch), width, budget)
			}
			if width > longest {
				t.Fatalf("a batch of %d follows one of %d: the longest come first", width, longest)
			}
			longest = width
		}
		if slices.ContainsFunc(seen, func(n int) bool { return n != 1 }) {
			t.Fatalf("rows are planned %v times", seen)
		}
	}
}

func ExamplePlan() {
	fmt.Println(Plan([]int{4, 40, 4, 40, 4, 40}, 80))
	// Output: [[1 3] [5] [0 2 4]]
}
