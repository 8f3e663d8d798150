// Package activelearn holds the query strategies and stopping criteria of active learning: numbers in, indexes and
// numbers out. Nothing here reads a file, runs a model or draws on a global source of randomness.
package activelearn

import "fmt"

// Matrix is a dense matrix of float32 in row-major order, as embeddings and probabilities are stored. Arithmetic on it is
// done in float64.
type Matrix struct {
	Rows, Cols int
	Data       []float32 // Rows * Cols values
}

// NewMatrix gives a matrix of zeros.
func NewMatrix(rows, cols int) Matrix {
	return Matrix{Rows: rows, Cols: cols, Data: make([]float32, rows*cols)}
}

// Row gives row i without copying it.
func (m Matrix) Row(i int) []float32 { return m.Data[i*m.Cols : (i+1)*m.Cols : (i+1)*m.Cols] }

// Gather copies the rows of the given indexes, in their order.
func (m Matrix) Gather(rows []int) Matrix {
	g := NewMatrix(len(rows), m.Cols)
	for to, from := range rows {
		copy(g.Row(to), m.Row(from))
	}
	return g
}

// Argmax is the place of the largest value, the first of equals.
func Argmax[T float32 | float64](values []T) int {
	best := 0
	for i, v := range values {
		if v > values[best] {
			best = i
		}
	}
	return best
}

// Check tells whether the data has the length that the shape asks for.
func (m Matrix) Check() error {
	if len(m.Data) != m.Rows*m.Cols {
		return fmt.Errorf("matrix of %d x %d has %d values", m.Rows, m.Cols, len(m.Data))
	}
	return nil
}
