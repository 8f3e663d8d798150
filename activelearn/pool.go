package activelearn

import (
	"fmt"
	"slices"
	"sync/atomic"
)

// field is a set of fields of a Pool.
type field int

const (
	probs field = 1 << iota
	embeddings
	labels // at least one item is labelled
	committee
)

// part is a matrix of a Pool.
type part struct {
	Matrix
	as   field
	name string
}

func (p Pool) parts() []part {
	parts := []part{{p.Probs, probs, "probabilities"}, {p.Embeddings, embeddings, "embeddings"}}
	for i, member := range p.Committee {
		parts = append(parts, part{member, committee, fmt.Sprintf("probabilities of committee member %d", i)})
	}
	return parts
}

// check tells what is wrong with the pool: a field of needs that is missing or holds values that are not finite (for
// probabilities: not from 0 to 1), or fields that do not speak of the same items and classes.
func (p Pool) check(needs field) error {
	items, classes := p.items(), p.classes()
	for _, part := range p.parts() {
		needed := needs&part.as != 0
		switch err := part.Check(); {
		case err != nil:
			return fmt.Errorf("%s: %w", part.name, err)
		case part.Rows == 0 && !needed:
			continue
		case part.Rows != items:
			return fmt.Errorf("%s of %d items in a pool of %d", part.name, part.Rows, items)
		case part.Cols == 0 && items > 0:
			return fmt.Errorf("%s of no columns", part.name)
		case part.as != embeddings && part.Cols != classes:
			return fmt.Errorf("%s of %d classes in a pool of %d", part.name, part.Cols, classes)
		}
		if needed {
			if err := part.checkValues(); err != nil {
				return err
			}
		}
	}
	if needs&committee != 0 && len(p.Committee) < 2 {
		return fmt.Errorf("committee of %d: disagreement needs the probabilities of two models or more", len(p.Committee))
	}
	if err := p.checkLabels(items, classes); err != nil {
		return err
	}
	if needs&labels != 0 && items > 0 && len(p.labelled()) == 0 {
		return fmt.Errorf("no item is labelled: choose the first ones by a strategy that needs no labels")
	}
	return nil
}

func (p part) checkValues() error {
	if row := p.firstRow(func(v float32) bool { return v-v != 0 }); row >= 0 {
		return fmt.Errorf("%s of item %d: not finite", p.name, row)
	}
	if p.as == embeddings {
		return nil
	}
	// A softmax in float32 may end a few units over 1.
	if row := p.firstRow(func(v float32) bool { return v < 0 || v > 1+1e-5 }); row >= 0 {
		return fmt.Errorf("%s of item %d: not from 0 to 1", p.name, row)
	}
	return nil
}

func (p Pool) checkLabels(items, classes int) error {
	if p.Labels != nil && len(p.Labels) != items {
		return fmt.Errorf("labels of %d items in a pool of %d", len(p.Labels), items)
	}
	for i, of := range p.Labels {
		for _, c := range of {
			if c < 0 || classes > 0 && c >= classes {
				return fmt.Errorf("label of item %d: class %d of %d", i, c, classes)
			}
		}
	}
	return nil
}

// items is the number of items in the pool.
func (p Pool) items() int {
	n := len(p.Labels)
	for _, part := range p.parts() {
		n = max(n, part.Rows)
	}
	return n
}

// classes is the number of classes in the pool, 0 where it holds no probabilities.
func (p Pool) classes() int {
	if p.Probs.Cols == 0 && len(p.Committee) > 0 {
		return p.Committee[0].Cols
	}
	return p.Probs.Cols
}

// unlabelled gives the indexes of the unlabelled items, in order.
func (p Pool) unlabelled() []int {
	at := make([]int, 0, p.items())
	for i := range cap(at) {
		if p.Labels == nil || p.Labels[i] == nil {
			at = append(at, i)
		}
	}
	return at
}

// labelled gives the indexes of the labelled items, in order.
func (p Pool) labelled() []int {
	var at []int
	for i, classes := range p.Labels {
		if classes != nil {
			at = append(at, i)
		}
	}
	return at
}

// gather is the pool of the given items alone: its item i is item at[i] of p.
func (p Pool) gather(at []int) Pool {
	var g Pool
	if p.Probs.Rows > 0 {
		g.Probs = p.Probs.Gather(at)
	}
	if p.Embeddings.Rows > 0 {
		g.Embeddings = p.Embeddings.Gather(at)
	}
	for _, member := range p.Committee {
		g.Committee = append(g.Committee, member.Gather(at))
	}
	if p.Labels != nil {
		g.Labels = make([][]int, len(at))
		for to, from := range at {
			g.Labels[to] = p.Labels[from]
		}
	}
	return g
}

// firstRow is the first row that holds a value of which bad is true, -1 where there is none.
func (m Matrix) firstRow(bad func(float32) bool) int {
	first := atomic.Int64{}
	first.Store(-1)
	parallel(m.Rows, func(from, to int) {
		at := slices.IndexFunc(m.Data[from*m.Cols:to*m.Cols], bad)
		if at < 0 {
			return
		}
		row := int64(from + at/m.Cols)
		for {
			seen := first.Load()
			if seen >= 0 && seen <= row || first.CompareAndSwap(seen, row) {
				return
			}
		}
	})
	return int(first.Load())
}
