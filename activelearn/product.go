package activelearn

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

// strip is how many rows of the right factor are gone through at once: they stay in the cache for all rows of the left one.
const strip = 32

// product sets c to a * b^T + beta * c, on all cores. A row of a goes through a strip of b by the matrix-vector kernel, which
// on amd64 takes less than half the time of blas64.Gemm's products of short vectors. An entry of c depends on nothing but
// its row of a and b.
func product(a, b blas64.General, beta float64, c blas64.General) {
	parallelRuns(b.Rows, strip, func(from, to int) {
		part := b
		part.Rows, part.Data = to-from, b.Data[from*b.Stride:]
		for i := range a.Rows {
			blas64.Gemv(blas.NoTrans, 1, part, blas64.Vector{N: a.Cols, Inc: 1, Data: a.Data[i*a.Stride:]},
				beta, blas64.Vector{N: part.Rows, Inc: 1, Data: c.Data[i*c.Stride+from:]})
		}
	})
}
