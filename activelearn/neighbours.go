package activelearn

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas/gonum"
)

// neighbour is an item near another one.
type neighbour struct {
	item    int
	squared float64 // distance
}

func (n neighbour) compare(m neighbour) int {
	return cmp.Or(cmp.Compare(n.squared, m.squared), cmp.Compare(n.item, m.item))
}

// nearest gives the k nearest neighbours of each query among the candidates (all of them where there are fewer), the
// nearest first, of equally near ones the lower index. Both are indexes of points; a query that is a candidate is its own
// neighbour. The search is exhaustive, on all cores.
func (s space) nearest(queries, candidates []int, k int) [][]neighbour {
	const block = 8 // queries that stay in the cache while the candidates pass by
	found := make([][]neighbour, len(queries))
	parallelRuns(len(queries), block, func(from, to int) {
		for _, candidate := range candidates {
			for i := from; i < to; i++ {
				found[i] = s.insert(found[i], queries[i], candidate, k)
			}
		}
	})
	return found
}

// insert puts candidate into the sorted list of a query's k nearest neighbours, if it is one.
func (s space) insert(nearest []neighbour, query, candidate, k int) []neighbour {
	full := len(nearest) == k
	if full && s.farther(query, candidate, nearest[k-1].squared) {
		return nearest
	}
	next := neighbour{candidate, s.squared(query, candidate)}
	if full && next.compare(nearest[k-1]) >= 0 {
		return nearest
	}
	at, _ := slices.BinarySearchFunc(nearest, next, neighbour.compare)
	if full {
		nearest = nearest[:k-1]
	}
	return slices.Insert(nearest, at, next)
}

// farther tells, faster than squared can, that the squared distance of two points is surely more than limit. In float32 a
// sum of n products is off by less than n roundings of 2^-24, times the lengths.
func (s space) farther(i, j int, limit float64) bool {
	a, b := s.points.Row(i), s.points.Row(j)
	product := float64(gonum.Implementation{}.Sdot(len(a), a, 1, b, 1))
	slack := float64(len(a)) * 0x1p-22
	if s.kind == Euclidean {
		slack *= math.Sqrt(s.squares[i] * s.squares[j])
	}
	return s.kind.squared(product, s.squares[i], s.squares[j])-slack > limit
}
