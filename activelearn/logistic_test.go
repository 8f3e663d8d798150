package activelearn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
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
		checkLogisticCase(t, fmt.Sprintf("softmax %d", i), c, sets, newLogistic(c.Classes, len(c.X[0]), false))
	}
	for i, c := range cases.Sigmoid {
		checkLogisticCase(t, fmt.Sprintf("sigmoid %d", i), c, c.Y, newLogistic(c.Classes, len(c.X[0]), true))
	}
}

// checkLogisticCase wants the reference's probabilities, where the search goes on to a tight tolerance: within 1e-6, or,
// where features are large, what weights of float32 tell of them.
func checkLogisticCase[Y any](t *testing.T, name string, c logisticCase[Y], sets [][]int, fit *Logistic) {
	t.Helper()
	fit, err := fitLogistic(rowsOf(c.X), sets, c.C, 1e-12, nil, fit)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	got := fit.Probs(rowsOf(c.Queries))
	tolerance := 1e-6
	for _, v := range slices.Concat(c.Queries...) {
		tolerance = max(tolerance, 0x1p-24*math.Abs(float64(v)))
	}
	for i, row := range c.Probs {
		for j, want := range row {
			if p := float64(got.Row(i)[j]); !(math.Abs(p-want) <= tolerance) {
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

func TestLogisticWarmStart(t *testing.T) {
	x, y := spheres(200, 10, 5, rand.New(rand.NewPCG(1, 2)))
	few, err := FitLogistic(x.Gather(count(8)), y[:8], 6, 10, nil) // of 5 classes; the sixth is never seen
	if err != nil {
		t.Fatal(err)
	}
	sets := make([][]int, len(y))
	for i := range y {
		sets[i] = y[i : i+1]
	}
	fit := func(start *Logistic) Matrix {
		t.Helper()
		l, err := fitLogistic(x, sets, 10, 1e-9, start, newLogistic(6, 10, false))
		if err != nil {
			t.Fatal(err)
		}
		return l.Probs(x)
	}
	cold, warm := fit(nil), fit(few)
	for i, p := range cold.Data {
		if math.Abs(float64(p-warm.Data[i])) > 1e-5 {
			t.Fatalf("probability %d is %g from scratch and %g from a start", i, p, warm.Data[i])
		}
	}
}

func TestLogisticDegenerate(t *testing.T) {
	nan := float32(math.NaN())
	alike := Matrix{4, 2, []float32{1, 2, 1, 2, 1, 2, 1, 2}}
	for name, c := range map[string]struct {
		x     Matrix
		y     []int
		probs []float32 // of each row
	}{
		"one class":  {alike, []int{1, 1, 1, 1}, []float32{0, 1, 0}},
		"one row":    {Matrix{1, 2, []float32{3, 4}}, []int{2}, []float32{0, 0, 1}},
		"rows alike": {alike, []int{0, 0, 0, 2}, []float32{0.75, 0, 0.25}},
	} {
		fit, err := FitLogistic(c.x, c.y, 3, 1, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for j, p := range fit.Probs(c.x).Row(0) {
			if math.Abs(float64(p-c.probs[j])) > 1e-4 {
				t.Errorf("%s: probabilities are %v, want %v", name, fit.Probs(c.x).Row(0), c.probs)
			}
		}
	}
	if fit, err := FitLogisticMulti(alike, [][]int{{0}, {0, 1}, {0}, {0}}, 3, 1, nil); err != nil {
		t.Error(err)
	} else if p := fit.Probs(alike).Row(3); p[0] != 1 || math.Abs(float64(p[1]-0.25)) > 1e-4 || p[2] != 0 {
		t.Errorf("multi-label probabilities are %v", p)
	}
	for want, fit := range map[string]func() (*Logistic, error){
		"4 rows with 1":  func() (*Logistic, error) { return FitLogistic(alike, []int{1}, 3, 1, nil) },
		"0 rows":         func() (*Logistic, error) { return FitLogistic(Matrix{}, nil, 3, 1, nil) },
		"class 3 of 3":   func() (*Logistic, error) { return FitLogistic(alike, []int{0, 1, 2, 3}, 3, 1, nil) },
		"c is 0":         func() (*Logistic, error) { return FitLogistic(alike, []int{0, 1, 2, 1}, 3, 0, nil) },
		"row 1 holds Na": func() (*Logistic, error) { return FitLogistic(Matrix{2, 1, []float32{1, nan}}, []int{0, 1}, 2, 1, nil) },
	} {
		if _, err := fit(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
	}
}

// spheres draws embeddings of length 1 around those of their classes.
func spheres(rows, dimensions, classes int, rng *rand.Rand) (x Matrix, y []int) {
	centres, x, y := NewMatrix(classes, dimensions), NewMatrix(rows, dimensions), make([]int, rows)
	for i := range centres.Data {
		centres.Data[i] = float32(rng.NormFloat64())
	}
	for i := range y {
		y[i] = i % classes
		for j, v := range centres.Row(y[i]) {
			x.Row(i)[j] = v + float32(rng.NormFloat64())
		}
	}
	return unit(x, count(rows)), y
}

func BenchmarkFitLogistic(b *testing.B) {
	for _, rows := range []int{100, 1000} {
		b.Run(fmt.Sprintf("%d_rows_150_classes", rows), func(b *testing.B) {
			x, y := spheres(rows, 384, 150, rand.New(rand.NewPCG(1, 2)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := FitLogistic(x, y, 150, 30, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "items/s")
		})
	}
}

func BenchmarkLogisticProbs(b *testing.B) {
	const rows = 100_000
	b.Run("100000_rows_77_classes", func(b *testing.B) {
		x, _ := spheres(rows, 384, 77, rand.New(rand.NewPCG(1, 2)))
		l := &Logistic{Weights: x.Gather(count(77)), Bias: make([]float32, 77)}
		b.ReportAllocs()
		for b.Loop() {
			l.Probs(x)
		}
		b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "items/s")
	})
}
