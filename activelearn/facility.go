package activelearn

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/floats"
)

// facilities chooses points that stand for others: a point stands for another as well as they are similar, the square of
// the cosine (0 where that is negative).
type facilities struct {
	points  Matrix // of length 1
	weights []float64
	cover   []float32 // how well each point is stood for so far
}

func newFacilities(points Matrix, weights []float64) *facilities {
	return &facilities{points, weights, make([]float32, points.Rows)}
}

// standing takes in points of length 1 that stand for others whether chosen or not.
func (f *facilities) standing(others Matrix) {
	for from := 0; from < others.Rows; from += blockRows {
		f.block(others, from, func(_ int, similar []float32) { f.raise(similar) })
	}
}

// choose gives k points, at most as many as there are, one after the other the one that adds the most to the weighted sum
// of how well all points are stood for, the first of equals. That is greedy maximisation of the facility location
// function, which reaches 1 - 1/e of what is possible (Nemhauser et al. 1978). A near-duplicate of a chosen or standing
// point adds nothing. What a point adds only shrinks, so it is measured anew only where it could be the most (Minoux 1978).
func (f *facilities) choose(k int) []int {
	gains := make([]float64, f.points.Rows)
	measured := make([]int, len(gains)) // number of choices before the gain was measured
	for from := 0; from < f.points.Rows; from += blockRows {
		f.block(f.points, from, func(i int, similar []float32) { gains[i] = f.gain(similar) })
	}
	var chosen []int
	similar := make([]float32, len(gains))
	for len(chosen) < min(k, len(gains)) {
		i := floats.MaxIdx(gains)
		f.similar(similar, i)
		if measured[i] < len(chosen) {
			gains[i], measured[i] = f.gain(similar), len(chosen)
			continue
		}
		f.raise(similar)
		chosen, gains[i] = append(chosen, i), math.Inf(-1)
	}
	return chosen
}

// blockRows is how many rows' similarities are held at once.
const blockRows = 128

// block calls each, in order, with every row of a block of others and its similarities to all points.
func (f *facilities) block(others Matrix, from int, each func(i int, similar []float32)) {
	to := min(from+blockRows, others.Rows)
	rows := Matrix{to - from, others.Cols, others.Data[from*others.Cols : to*others.Cols]}
	similar := NewMatrix(rows.Rows, f.points.Rows)
	blas32.Gemm(blas.NoTrans, blas.Trans, 1, general32(rows), general32(f.points), 0, general32(similar))
	square(similar.Data)
	for i := range rows.Rows {
		each(from+i, similar.Row(i))
	}
}

// similar fills in the similarities of point i to all points.
func (f *facilities) similar(similar []float32, i int) {
	vector := func(v []float32) blas32.Vector { return blas32.Vector{N: len(v), Inc: 1, Data: v} }
	blas32.Gemv(blas.NoTrans, 1, general32(f.points), vector(f.points.Row(i)), 0, vector(similar))
	square(similar)
}

func square(cosines []float32) {
	for i, c := range cosines {
		c = max(c, 0)
		cosines[i] = c * c
	}
}

// gain is what a point of these similarities adds.
func (f *facilities) gain(similar []float32) (sum float64) {
	for j, s := range similar {
		if more := s - f.cover[j]; more > 0 {
			sum += float64(more) * f.weights[j]
		}
	}
	return sum
}

// raise takes in what a point of these similarities stands for.
func (f *facilities) raise(similar []float32) {
	for j, s := range similar {
		f.cover[j] = max(f.cover[j], s)
	}
}
