package activelearn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/labelloop/labelloop/activelearn/internal/golden"
)

// logisticCase is a fit by scikit-learn; y holds the class of each row, or its classes.
type logisticCase[Y any] struct {
	X, Queries [][]float32
	Probs      [][]float64
	Y          []Y
	Classes    int
	C          float64
}

func TestLogisticGolden(t *testing.T) {
	cases := golden.Load[struct {
		Softmax []logisticCase[int]
		Sigmoid []logisticCase[[]int]
	}](t, "logistic")
	for i, c := range cases.Softmax {
		sets := make([][]int, len(c.Y))
		for i := range c.Y {
			sets[i] = c.Y[i : i+1]
		}
		checkLogisticCase(t, fmt.Sprintf("softmax %d", i), c, sets, NewLogistic(c.Classes, len(c.X[0]), false))
	}
	for i, c := range cases.Sigmoid {
		checkLogisticCase(t, fmt.Sprintf("sigmoid %d", i), c, c.Y, NewLogistic(c.Classes, len(c.X[0]), true))
	}
}

// checkLogisticCase wants the reference's probabilities within 1e-4 where both search to a tight tolerance (1e-9; the
// reference is given 1e-10).
func checkLogisticCase[Y any](t *testing.T, name string, c logisticCase[Y], sets [][]int, fit *Logistic) {
	t.Helper()
	fit, err := fitLogistic(rowsOf(c.X), sets, c.C, 1e-9, nil, fit)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	got := fit.Probs(rowsOf(c.Queries))
	for i, row := range c.Probs {
		for j, want := range row {
			if p := float64(got.Row(i)[j]); !(math.Abs(p-want) <= 1e-4) {
				t.Errorf("%s: query %d has probability %g of class %d, want %g", name, i, p, j, want)
			}
		}
	}
}

func rowsOf(rows [][]float32) Matrix {
	m := NewMatrix(len(rows), len(rows[0]))
	copy(m.Data, slices.Concat(rows...))
	return m
}

func BenchmarkFitLogistic(b *testing.B) {
	const rows, dimensions, classes = 1000, 384, 150
	rng := rand.New(rand.NewPCG(1, 2))
	centres, x, y := NewMatrix(classes, dimensions), NewMatrix(rows, dimensions), make([]int, rows)
	for i := range centres.Data {
		centres.Data[i] = float32(rng.NormFloat64())
	}
	for i := range y {
		y[i] = i % classes
		norm := 0.0
		for j := range dimensions {
			v := float64(centres.Row(y[i])[j]) + rng.NormFloat64()
			x.Row(i)[j] = float32(v)
			norm += v * v
		}
		for j := range dimensions {
			x.Row(i)[j] /= float32(math.Sqrt(norm))
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := FitLogistic(x, y, classes, 10, nil); err != nil {
			b.Fatal(err)
		}
	}
}
