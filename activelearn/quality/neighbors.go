package quality

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/labelloop/labelloop/activelearn"
)

// Neighbor is an item that is near another.
type Neighbor struct {
	Item     int
	Distance float64 // cosine distance: 0 for one direction, 1 for a right angle, 2 for opposites
}

// Neighbors holds the nearest neighbours of each item, the nearest first, as many for each.
type Neighbors [][]Neighbor

// FindNeighbors finds the k nearest neighbours of each row of the embeddings (items x dimensions), the row itself left
// out. The search is exact: products in float32 choose the candidates with room for their rounding, and distances are
// computed in float64. Of equal distances the lower index goes first, and equal rows are at distance 0. A row of zeros
// has no direction and is at 1 from all that have one. It runs on all cores; the time is of order items^2 x dimensions,
// the memory that of the embeddings again and the result.
func FindNeighbors(embeddings activelearn.Matrix, k int) (Neighbors, error) {
	if err := embeddings.Check(); err != nil {
		return nil, fmt.Errorf("find neighbours: %w", err)
	}
	if k < 1 || k >= embeddings.Rows {
		return nil, fmt.Errorf("find %d neighbours of each of %d items: give 1 to %d", k, embeddings.Rows, embeddings.Rows-1)
	}
	s := search{k: k, points: embeddings, unit: activelearn.NewMatrix(embeddings.Rows, embeddings.Cols)}
	s.length = make([]float64, embeddings.Rows)
	for i := range embeddings.Rows {
		row := embeddings.Row(i)
		for _, v := range row {
			s.length[i] += float64(v) * float64(v)
		}
		if s.length[i] = math.Sqrt(s.length[i]); !(s.length[i] <= math.MaxFloat64) {
			return nil, fmt.Errorf("find neighbours: the embedding of item %d is not finite", i)
		}
		for d, v := range row {
			s.unit.Row(i)[d] = float32(float64(v) / max(s.length[i], tiny))
		}
	}
	found := make(Neighbors, embeddings.Rows)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			products := make([]float32, block*block)
			for from := int(next.Add(block)) - block; from < len(found); from = int(next.Add(block)) - block {
				s.rows(found[from:min(from+block, len(found))], from, products)
			}
		})
	}
	workers.Wait()
	return found, nil
}

// block is how many rows are compared with as many others at once: two blocks of 384 dimensions stay in a core's cache.
const block = 64

type search struct {
	k      int
	points activelearn.Matrix
	unit   activelearn.Matrix // points scaled to length 1, rounded
	length []float64          // of points
}

// rows finds the neighbours of len(found) rows from the given one on.
func (s search) rows(found [][]Neighbor, from int, products []float32) {
	// A product of two rounded rows is off by 2^-24 for each dimension, and for each row, at most; two of them are compared.
	slack := 2 * float32(s.points.Cols+4) / (1 << 24)
	near := make([]candidates, len(found))
	for i := range near {
		near[i] = candidates{k: s.k, slack: slack, least: float32(math.Inf(-1))}
	}
	for col := 0; col < s.unit.Rows; col += block {
		cols := min(block, s.unit.Rows-col)
		blas32.Gemm(blas.NoTrans, blas.Trans, 1, s.part(from, len(found)), s.part(col, cols), 0,
			blas32.General{Rows: len(found), Cols: cols, Stride: cols, Data: products[:len(found)*cols]})
		for i := range found {
			for j, product := range products[i*cols : (i+1)*cols] {
				if product >= near[i].least && col+j != from+i {
					near[i].add(col+j, product)
				}
			}
		}
	}
	for i := range found {
		found[i] = s.exact(from+i, near[i].list)
	}
}

func (s search) part(from, rows int) blas32.General {
	cols := s.unit.Cols
	return blas32.General{Rows: rows, Cols: cols, Stride: max(cols, 1), Data: s.unit.Data[from*cols : (from+rows)*cols]}
}

// exact gives the k nearest of the candidates.
func (s search) exact(item int, list []candidate) []Neighbor {
	all := make([]Neighbor, len(list))
	for i, c := range list {
		all[i] = Neighbor{c.item, s.distance(item, c.item)}
	}
	slices.SortFunc(all, func(a, b Neighbor) int {
		return cmp.Or(cmp.Compare(a.Distance, b.Distance), cmp.Compare(a.Item, b.Item))
	})
	return slices.Clone(all[:s.k])
}

// distance is half the squared distance of the rows scaled to length 1, which is 1 - cosine, but exact where that is small.
func (s search) distance(i, j int) float64 {
	a, b := s.length[i], s.length[j]
	switch {
	case a == 0 && b == 0:
		return 0
	case a == 0 || b == 0:
		return 1
	}
	total := 0.0
	other := s.points.Row(j)
	for d, v := range s.points.Row(i) {
		apart := float64(v)/a - float64(other[d])/b
		total += apart * apart
	}
	return total / 2
}

type candidate struct {
	item    int
	product float32
}

// candidates keeps all items of which the product is within slack of the k-th highest.
type candidates struct {
	k     int
	slack float32
	least float32 // what a product must reach
	list  []candidate
}

func (c *candidates) add(item int, product float32) {
	c.list = append(c.list, candidate{item, product})
	if len(c.list) == cap(c.list) {
		c.prune()
	}
}

// prune drops what the k-th highest product rules out, and leaves room for as many again.
func (c *candidates) prune() {
	if len(c.list) < 4*c.k {
		c.list = slices.Grow(c.list, 4*c.k)
		return
	}
	slices.SortFunc(c.list, func(a, b candidate) int { return cmp.Compare(b.product, a.product) })
	c.least = c.list[c.k-1].product - c.slack
	end, _ := slices.BinarySearchFunc(c.list, c.least, func(e candidate, least float32) int {
		if e.product >= least {
			return -1
		}
		return 1
	})
	c.list = slices.Grow(c.list[:end], end)
}
