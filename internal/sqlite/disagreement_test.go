package sqlite

import (
	"slices"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
)

// TestVersionsDisagree compares model versions whose labels stand in other orders, as they predict and predict again.
func TestVersionsDisagree(t *testing.T) {
	for _, c := range []struct {
		multi         bool
		first, second [][]float32 // of x, y, z and of z, x, w
		want          []int64
	}{
		{false, [][]float32{{1, 0, 0}, {.8, .2, 0}, {0, .4, .6}, {0, 0, 1}, {.6, .4, 0}}, [][]float32{{0, 1, 0}, {.9, .1, 0}, {.1, .2, .7}, {.3, .7, 0}}, []int64{2, 4}},
		{true, [][]float32{{1, .6, 0}, {.8, .2, .4}, {0, 0, .6}, {0, 0, 0}, {0, 0, 1}}, [][]float32{{0, .6, .9}, {.5, .9, 0}, {0, 0, 1}, {.1, .7, 0}}, []int64{4, 3, 1, 2}},
	} {
		s := create(t, label.Project{Task: label.TextClassification, MultiLabel: c.multi}, "x", "y", "z")
		several(t, s, 5)
		first, second := mustRegister(t, s, "1", "x", "y", "z"), mustRegister(t, s, "2", "z", "x", "w")
		put := func(m label.Model, rows [][]float32) {
			t.Helper()
			var list []label.Probabilities
			for i, row := range rows {
				list = append(list, label.Probabilities{Item: int64(i + 1), Probs: row})
			}
			if err := s.PutPredictions(t.Context(), m, list); err != nil {
				t.Fatal(err)
			}
		}
		q := everything
		q.Sort = label.ByVersions
		found := func(want ...int64) {
			t.Helper()
			if got := pages(t, s, q); !slices.Equal(got, want) {
				t.Errorf("multi-label is %v: versions differ on %v, want %v", c.multi, got, want)
			}
		}
		put(second, c.second)
		found()
		put(first, c.first)
		put(second, c.second)
		found(c.want...)
		put(second, [][]float32{{0, 1, 0}, {0, 1, 0}, {1, 0, 0}, {1, 0, 0}, {1, 0, 0}})
		put(first, c.first)
		if err := s.PutPredictions(t.Context(), second, []label.Probabilities{{Item: 5, Err: "unreadable"}}); err != nil {
			t.Fatal(err)
		}
		if q.Sort, q.Changed = label.ByNumber, true; c.multi {
			found(1, 4)
		} else {
			found()
		}
		mustRegister(t, s, "3", "x") // has said nothing yet
		found()
	}
}
