package activelearn

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestPoolCheck(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	two := rowsOf([][]float32{{0.5, 0.5}, {0.25, 0.75}})
	for _, c := range []struct {
		pool  Pool
		needs field
		want  string // part of the error; empty: none
	}{
		{Pool{}, probs | embeddings, ""},
		{Pool{Probs: two, Labels: [][]int{{1}, nil}}, probs | labels, ""},
		{Pool{Labels: [][]int{nil, nil}}, probs, "probabilities of 0 items in a pool of 2"},
		{Pool{Probs: two}, embeddings, "embeddings of 0 items in a pool of 2"},
		{Pool{Probs: two, Embeddings: NewMatrix(3, 4)}, probs, "probabilities of 2 items in a pool of 3"},
		{Pool{Probs: Matrix{Rows: 2, Cols: 2, Data: make([]float32, 3)}}, 0, "2 x 2 has 3 values"},
		{Pool{Probs: NewMatrix(2, 0)}, probs, "no columns"},
		{Pool{Probs: rowsOf([][]float32{{1, 0}, {0, nan}})}, probs, "item 1: not finite"},
		{Pool{Probs: rowsOf([][]float32{{1, 0}, {0, 1.1}})}, probs, "item 1: not from 0 to 1"},
		{Pool{Probs: rowsOf([][]float32{{1, -0.1}, {0, 1.1}})}, probs, "item 0: not from 0 to 1"},
		{Pool{Probs: two, Embeddings: rowsOf([][]float32{{-4}, {inf}})}, embeddings, "embeddings of item 1: not finite"},
		{Pool{Probs: two, Embeddings: rowsOf([][]float32{{-4}, {inf}})}, probs, ""},
		{Pool{Probs: two, Labels: [][]int{{0}}}, probs, "labels of 1 items in a pool of 2"},
		{Pool{Probs: two, Labels: [][]int{nil, {0, 2}}}, probs, "label of item 1: class 2 of 2"},
		{Pool{Embeddings: two, Labels: [][]int{{-1}, nil}}, 0, "label of item 0: class -1"},
		{Pool{Probs: two, Labels: [][]int{nil, nil}}, labels, "no item is labelled"},
		{Pool{Probs: two}, labels, "no item is labelled"},
		{Pool{Probs: two}, committee, "committee of 0"},
		{Pool{Committee: []Matrix{two}}, committee, "committee of 1"},
		{Pool{Committee: []Matrix{two, two}}, committee, ""},
		{Pool{Committee: []Matrix{two, NewMatrix(2, 3)}}, committee, "member 1 of 3 classes in a pool of 2"},
		{Pool{Committee: []Matrix{two, {}}}, committee, "member 1 of 0 items in a pool of 2"},
	} {
		err := c.pool.check(c.needs)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("the check of %+v says %v, want %q", c.pool, err, c.want)
		}
	}
}

func TestPoolLabelled(t *testing.T) {
	pool := Pool{Probs: NewMatrix(4, 2), Labels: [][]int{nil, {}, {1}, nil}}
	if got := pool.unlabelled(); !slices.Equal(got, []int{0, 3}) {
		t.Errorf("unlabelled are %v", got)
	}
	if got := pool.labelled(); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("labelled are %v", got)
	}
	if got := (Pool{Probs: NewMatrix(2, 2)}).unlabelled(); !slices.Equal(got, []int{0, 1}) {
		t.Errorf("without labels, unlabelled are %v", got)
	}
}
