package head

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/activelearn"
)

// world makes items of classes that lie around directions of their own; names point there only roughly.
type world struct {
	rng     *rand.Rand
	centres activelearn.Matrix
	noise   float64
}

func newWorld(classes, dims int, noise float64, seed uint64) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 1)), noise: noise}
	w.centres = activelearn.NewMatrix(classes, dims)
	for i := range w.centres.Data {
		w.centres.Data[i] = float32(w.rng.NormFloat64())
	}
	w.centres = unit(w.centres)
	return w
}

func (w *world) around(class int, noise float64) []float32 {
	v := activelearn.NewMatrix(1, w.centres.Cols)
	for j, c := range w.centres.Row(class) {
		v.Data[j] = c + float32(noise*w.rng.NormFloat64()/math.Sqrt(float64(w.centres.Cols)))
	}
	return unit(v).Data
}

func (w *world) names() activelearn.Matrix {
	m := activelearn.NewMatrix(w.centres.Rows, w.centres.Cols)
	for k := range m.Rows {
		copy(m.Row(k), w.around(k, w.noise))
	}
	return m
}

func (w *world) items(n int) (x activelearn.Matrix, y [][]int) {
	x = activelearn.NewMatrix(n, w.centres.Cols)
	for i := range n {
		class := w.rng.IntN(w.centres.Rows)
		copy(x.Row(i), w.around(class, w.noise))
		y = append(y, []int{class})
	}
	return x, y
}

func accuracy(t *testing.T, data Data, x activelearn.Matrix, y [][]int) float64 {
	t.Helper()
	h, err := Fit(context.Background(), data, Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return right(h.Probs(x), y, false)
}

func TestFewLabelsAreNoWorseThanNone(t *testing.T) {
	w := newWorld(20, 64, 1.6, 7)
	names := w.names()
	pool, _ := w.items(2000)
	test, truth := w.items(1000)
	zero := right((&activelearn.Logistic{Weights: names, Bias: make([]float32, 20)}).Probs(test), truth, false)
	last := zero
	for _, n := range []int{1, 5, 20, 100, 400} {
		x, y := w.items(n)
		got := accuracy(t, Data{X: x, Y: y, Classes: 20, Names: names, Pool: pool}, test, truth)
		if got < last-0.01 {
			t.Errorf("%d labels give %.3f, fewer gave %.3f", n, got, last)
		}
		last = max(last, got)
	}
	if last < zero+0.1 {
		t.Errorf("400 labels give %.3f, none %.3f", last, zero)
	}
}

func TestNamesAndPoolHelp(t *testing.T) {
	w := newWorld(20, 64, 1.6, 8)
	names := w.names()
	pool, _ := w.items(2000)
	test, truth := w.items(1000)
	x, y := w.items(40)
	alone := accuracy(t, Data{X: x, Y: y, Classes: 20}, test, truth)
	named := accuracy(t, Data{X: x, Y: y, Classes: 20, Names: names}, test, truth)
	pooled := accuracy(t, Data{X: x, Y: y, Classes: 20, Names: names, Pool: pool}, test, truth)
	if !(alone < named && named < pooled) {
		t.Errorf("labels alone %.3f, with names %.3f, with the pool %.3f", alone, named, pooled)
	}
}

// Cross-validation begins each search where the last strength's ended: it must get away from there with many rows, too.
func TestManyRowsTellStrengthsApart(t *testing.T) {
	w := newWorld(5, 16, 2, 10)
	x, y := w.items(20_000)
	tr := &trainer{Data: Data{X: x, Y: y, Classes: 5}}
	rows := make([]int, x.Rows)
	for i := range rows {
		rows[i] = i
	}
	fit := func(c, tolerance float64, start *activelearn.Logistic) *activelearn.Logistic {
		t.Helper()
		l, err := tr.fit(rows, activelearn.Matrix{}, setting{0, c}, tolerance, start)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	distance := func(a, b *activelearn.Logistic) (sum float64) {
		for i, v := range a.Weights.Data {
			sum += math.Abs(float64(v - b.Weights.Data[i]))
		}
		return sum
	}
	start, minimum := fit(3, looseFit, nil), fit(30, 1e-9, nil)
	if from, to := distance(start, minimum), distance(fit(30, looseFit, start), minimum); to > from/4 {
		t.Errorf("a search ends %.3g from the minimum, and began %.3g from it", to, from)
	}
}

func TestTemperature(t *testing.T) {
	w := newWorld(10, 32, 2.5, 9)
	x, y := w.items(600)
	h, err := Fit(context.Background(), Data{X: x, Y: y, Classes: 10, Names: w.names()}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	test, truth := w.items(2000)
	probs := h.Probs(test)
	sure := 0.0
	for i := range probs.Rows {
		sure += float64(slices.Max(probs.Row(i))) / float64(probs.Rows)
	}
	if got := right(probs, truth, false); math.Abs(got-sure) > 0.06 {
		t.Errorf("mean confidence %.3f, accuracy %.3f", sure, got)
	}
	if got := right(probs, truth, false); math.Abs(got-h.Accuracy) > 0.05 {
		t.Errorf("cross-validated accuracy %.3f, on new items %.3f", h.Accuracy, got)
	}
}

func TestFitIsRepeatable(t *testing.T) {
	w := newWorld(6, 16, 1.5, 3)
	x, y := w.items(120)
	pool, _ := w.items(5000)
	data := Data{X: x, Y: y, Classes: 6, Names: w.names(), Pool: pool}
	first, err := Fit(context.Background(), data, Options{Seed: 4})
	if err != nil {
		t.Fatal(err)
	}
	second, err := Fit(context.Background(), data, Options{Seed: 4})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(first.Weights.Data, second.Weights.Data) || first.Temperature != second.Temperature {
		t.Error("the same data and seed give two heads")
	}
}

func TestBalancedFavoursTheRare(t *testing.T) {
	w := newWorld(2, 8, 4, 5)
	x, y := w.items(2000)
	var rows []int
	rare := 0
	for i, set := range y {
		if set[0] == 0 {
			rows = append(rows, i)
		} else if rare < 40 {
			rows, rare = append(rows, i), rare+1
		}
	}
	data := Data{X: x.Gather(rows), Classes: 2}
	for _, i := range rows {
		data.Y = append(data.Y, y[i])
	}
	recall := func(balanced bool) (found int) {
		h, err := Fit(context.Background(), data, Options{Balanced: balanced})
		if err != nil {
			t.Fatal(err)
		}
		probs := h.Probs(x)
		for i, set := range y {
			if set[0] == 1 && probs.Row(i)[1] > 0.5 {
				found++
			}
		}
		return found
	}
	if plain, weighted := recall(false), recall(true); weighted <= plain {
		t.Errorf("weights find %d of the rare class, none find %d", weighted, plain)
	}
}

func TestMultiLabel(t *testing.T) {
	w := newWorld(5, 32, 1, 6)
	item := func() (v []float32, set []int) {
		sum := activelearn.NewMatrix(1, 32)
		for k := range 5 {
			if w.rng.IntN(3) == 0 {
				set = append(set, k)
				for j, x := range w.around(k, w.noise) {
					sum.Data[j] += x
				}
			}
		}
		if set == nil {
			copy(sum.Data, w.around(0, 50))
		}
		return unit(sum).Data, set
	}
	draw := func(n int) (x activelearn.Matrix, y [][]int) {
		x = activelearn.NewMatrix(n, 32)
		for i := range n {
			v, set := item()
			copy(x.Row(i), v)
			y = append(y, set)
		}
		return x, y
	}
	x, y := draw(400)
	h, err := Fit(context.Background(), Data{X: x, Y: y, Classes: 5, Multi: true, Names: w.names()}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	test, truth := draw(400)
	if got := right(h.Probs(test), truth, true); got < 0.6 {
		t.Errorf("all labels right for %.3f", got)
	}
}

func TestFitRefuses(t *testing.T) {
	x := activelearn.Matrix{Rows: 2, Cols: 2, Data: []float32{1, 0, 0, 1}}
	for want, data := range map[string]Data{
		"0 labelled items":      {Classes: 2},
		"class 2 of 2":          {X: x, Y: [][]int{{0}, {2}}, Classes: 2},
		"2 classes, want one":   {X: x, Y: [][]int{{0, 1}, {1}}, Classes: 2},
		"1 names for 2 classes": {X: x, Y: [][]int{{0}, {1}}, Classes: 2, Names: activelearn.NewMatrix(1, 2)},
		"pool have 3 dimension": {X: x, Y: [][]int{{0}, {1}}, Classes: 2, Pool: activelearn.NewMatrix(1, 3)},
		"row 0 holds NaN":       {X: activelearn.Matrix{Rows: 1, Cols: 1, Data: []float32{float32(math.NaN())}}, Y: [][]int{{0}}, Classes: 2},
	} {
		if _, err := Fit(context.Background(), data, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v", want, err)
		}
	}
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	w := newWorld(2, 4, 1, 1)
	many, y := w.items(50)
	if _, err := Fit(stopped, Data{X: many, Y: y, Classes: 2}, Options{}); err != context.Canceled && !strings.Contains(fmt.Sprint(err), "canceled") {
		t.Errorf("a cancelled fit ends with %v", err)
	}
}

func TestOneLabelOnly(t *testing.T) {
	x := activelearn.Matrix{Rows: 1, Cols: 2, Data: []float32{1, 0}}
	h, err := Fit(context.Background(), Data{X: x, Y: [][]int{{1}}, Classes: 3}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if p := h.Probs(x).Row(0); p[1] != 1 {
		t.Errorf("the only class that was seen has probability %v", p)
	}
}

func BenchmarkFit(b *testing.B) {
	for _, classes := range []int{10, 77, 150} {
		w := newWorld(classes, 384, 2, 2)
		x, y := w.items(1000)
		pool, _ := w.items(10_000)
		data := Data{X: x, Y: y, Classes: classes, Names: w.names(), Pool: pool}
		b.Run(fmt.Sprintf("1000_labels_384_%d_classes", classes), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Fit(context.Background(), data, Options{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "labels/s")
		})
	}
}

func BenchmarkProbs(b *testing.B) {
	w := newWorld(77, 384, 2, 2)
	h := Head{Logistic: activelearn.Logistic{Weights: w.names(), Bias: make([]float32, 77)}, Temperature: 1}
	x, _ := w.items(100_000)
	b.Run("100000_items_384_77_classes", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h.Probs(x)
		}
		b.ReportMetric(100_000*float64(b.N)/b.Elapsed().Seconds(), "items/s")
	})
}
