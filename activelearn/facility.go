package activelearn

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/floats"
)

// facilities chooses points that stand for others: a point stands for another as well as they are similar, the square of
// their cosine (0 where that is negative). It holds the similarities of all pairs: 256 MB for 8000 points.
type facilities struct {
	points  Matrix // of length 1
	weights []float64
	similar Matrix    // points x points
	cover   []float32 // how well each point is stood for so far
}

func newFacilities(points Matrix, weights []float64) *facilities {
	return &facilities{points, weights, similarities(points, points), make([]float32, points.Rows)}
}

// similarities of the rows of a to those of b.
func similarities(a, b Matrix) Matrix {
	s := NewMatrix(a.Rows, b.Rows)
	if len(s.Data) == 0 {
		return s
	}
	blas32.Gemm(blas.NoTrans, blas.Trans, 1, general32(a), general32(b), 0, general32(s))
	for i, cosine := range s.Data {
		cosine = max(cosine, 0)
		s.Data[i] = cosine * cosine
	}
	return s
}

// standing takes in points of length 1 that stand for others whether chosen or not.
func (f *facilities) standing(others Matrix) {
	const block = 128 // rows of which the similarities are held at once
	for from := 0; from < others.Rows; from += block {
		to := min(from+block, others.Rows)
		rows := Matrix{to - from, others.Cols, others.Data[from*others.Cols : to*others.Cols]}
		similar := similarities(rows, f.points)
		for i := range similar.Rows {
			f.raise(similar.Row(i))
		}
	}
}

// choose gives k points, at most as many as there are, one after the other the one that adds the most to the weighted sum
// of how well all points are stood for, the first of equals. That is greedy maximisation of the facility location
// function, which reaches 1 - 1/e of what is possible (Nemhauser et al. 1978). A near-duplicate of a chosen or standing
// point adds nothing. What a point adds only shrinks, so it is measured anew only where it could be the most (Minoux 1978).
func (f *facilities) choose(k int) []int {
	gains := make([]float64, f.points.Rows)
	parallelRuns(len(gains), cached, func(from, to int) {
		for i := from; i < to; i++ {
			gains[i] = f.gain(i)
		}
	})
	measured := make([]int, len(gains)) // number of choices before the gain was measured
	var chosen []int
	for len(chosen) < min(k, len(gains)) {
		i := floats.MaxIdx(gains)
		if measured[i] < len(chosen) {
			gains[i], measured[i] = f.gain(i), len(chosen)
			continue
		}
		f.raise(f.similar.Row(i))
		chosen, gains[i] = append(chosen, i), math.Inf(-1)
	}
	return chosen
}

// gain is what point i adds.
func (f *facilities) gain(i int) (sum float64) {
	for j, s := range f.similar.Row(i) {
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

func general32(m Matrix) blas32.General {
	return blas32.General{Rows: m.Rows, Cols: m.Cols, Stride: m.Cols, Data: m.Data}
}
