package activelearn

import (
	"math"

	"gonum.org/v1/gonum/blas/gonum"
)

// Distance tells how far apart two embeddings are.
type Distance int

const (
	Cosine    Distance = iota // the angle alone counts: the Euclidean distance of the embeddings scaled to length 1
	Euclidean                 // lengths count too
)

// metric lowers d[i], for the items from to to-1 in their order, to the squared distance to item center, where that is
// less.
type metric func(center, from, to int, d []float64)

// space holds what squared distances between the rows of a matrix need besides the rows.
type space struct {
	points  Matrix
	squares []float64 // squared length of each row
	kind    Distance
}

func newSpace(points Matrix, kind Distance) space {
	s := space{points, make([]float64, points.Rows), kind}
	parallel(points.Rows, func(from, to int) {
		for i := from; i < to; i++ {
			s.squares[i] = dot(points.Row(i), points.Row(i))
		}
	})
	return s
}

// squared gives the squared distance of rows i and j. It depends on nothing but the two rows, and is 0 for equal ones.
// A row of zeros has no direction: by Cosine it is at 1 from all that have one, as if it were left at the origin.
func (s space) squared(i, j int) float64 {
	return s.kind.between(s.points.Row(i), s.points.Row(j), s.squares[i], s.squares[j])
}

// floor gives a lower bound of squared(i, j) in half its time.
func (s space) floor(i, j int) float64 {
	return s.kind.floor(s.points.Row(i), s.points.Row(j), s.squares[i], s.squares[j])
}

// between gives the squared distance of two vectors, of which a and b are the squared lengths.
func (kind Distance) between(x, y []float32, a, b float64) float64 {
	return kind.squared(dot(x, y), a, b)
}

// floor gives a lower bound of between: a float32 product of n terms is off by less than n units of rounding, times the
// lengths.
func (kind Distance) floor(x, y []float32, a, b float64) float64 {
	if a*b < 1e-60 { // float32 has no room for the products
		return 0
	}
	slack := float64(len(x)) * 0x1p-22
	if kind == Euclidean {
		slack *= a + b
	}
	return kind.squared(float64(gonum.Implementation{}.Sdot(len(x), x, 1, y, 1)), a, b) - slack
}

// squared gives the squared distance of two vectors from their product and squared lengths.
func (kind Distance) squared(product, a, b float64) float64 {
	if kind == Euclidean {
		return max(0, a+b-2*product)
	}
	switch {
	case a > 0 && b > 0:
		return max(0, 2-2*product/math.Sqrt(a*b))
	case a > 0 || b > 0:
		return 1
	}
	return 0
}

// lower lowers d to the squared distance of rows i and j, where that is less.
func (s space) lower(d *float64, i, j int) {
	if s.floor(i, j) < *d {
		*d = min(*d, s.squared(i, j))
	}
}

// among measures among the rows of the given indexes.
func (s space) among(items []int) metric {
	return func(center, from, to int, d []float64) {
		for i, item := range items[from:to] {
			s.lower(&d[i], items[center], item)
		}
	}
}

// approach lowers d[i], the squared distance of items[i] to what is nearest to it, to that of the nearest of the
// centers.
func (s space) approach(items, centers []int, d []float64) {
	parallelRuns(len(items), cached, func(from, to int) {
		for _, center := range centers {
			for i := from; i < to; i++ {
				s.lower(&d[i], items[i], center)
			}
		}
	})
}

// cached is how many embeddings stay in a core's cache while others pass by.
const cached = 16

// unit copies the rows of the given indexes, scaled to length 1 (rows of zeros stay).
func unit(points Matrix, rows []int) Matrix {
	scaled := points.Gather(rows)
	parallel(scaled.Rows, func(from, to int) {
		for i := from; i < to; i++ {
			row := scaled.Row(i)
			if length := math.Sqrt(dot(row, row)); length > 0 {
				for j, v := range row {
					row[j] = float32(float64(v) / length)
				}
			}
		}
	})
	return scaled
}

// dot sums in float64, in which products of float32 are exact.
func dot(a, b []float32) float64 {
	return gonum.Implementation{}.Dsdot(len(a), a, 1, b, 1)
}

// count gives 0 to n-1.
func count(n int) []int {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = i
	}
	return numbers
}
