package activelearn

import (
	"slices"
	"testing"
)

func TestBalance(t *testing.T) {
	for _, c := range []struct {
		name    string
		labels  [][]int
		members []int // predicted items of each class
		n       int
		want    []int
	}{
		{"levels the rare classes first", [][]int{{0}, {0}, {0}, {1}}, []int{9, 9, 9}, 5, []int{2, 1, 2, 1, 2}},
		{"goes round when level", nil, []int{9, 9, 9}, 7, []int{0, 1, 2, 0, 1, 2, 0}},
		{"passes by classes without items", nil, []int{1, 0, 3}, 3, []int{0, 2, 2}},
		{"ends with the items", [][]int{{2}}, []int{1, 0, 1}, 9, []int{0, 2}},
		{"wants none", nil, []int{4}, 0, nil},
	} {
		members := make([][]int, len(c.members))
		for class, n := range c.members {
			members[class] = count(n)
		}
		if got := balance(Pool{Labels: c.labels}, members, c.n); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// Labels 0, 0, 1; the least certain items are all of class 0, but classes 2 and 1 are short.
func TestClassBalancer(t *testing.T) {
	pool := Pool{
		Probs: rowsOf([][]float32{
			{1, 0, 0}, {1, 0, 0}, {0, 1, 0},
			{0.34, 0.33, 0.33}, {0.35, 0.33, 0.32},
			{0.1, 0.8, 0.1}, {0.2, 0.7, 0.1},
			{0.1, 0, 0.9}, {0.2, 0, 0.8},
		}),
		Labels: [][]int{{0}, {0}, {1}, nil, nil, nil, nil, nil, nil},
	}
	picks, err := ClassBalancer{BreakingTies{}}.Select(pool, 4, nil)
	if want := []int{8, 6, 7, 3}; err != nil || !slices.Equal(picks, want) {
		t.Errorf("picks %v, %v, want %v", picks, err, want)
	}
}
