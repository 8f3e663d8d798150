package activelearn

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// scattered gives rows around three directions, and their classes.
func scattered(n int) (x Matrix, y [][]int) {
	rng := rand.New(rand.NewPCG(5, 6))
	x = NewMatrix(n, 4)
	for i := range n {
		y = append(y, []int{i % 3})
		for j := range 4 {
			x.Row(i)[j] = float32(rng.NormFloat64())
		}
		x.Row(i)[i%3] += 1
	}
	return x, y
}

func near(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Abs(float64(x)-float64(y)) < 1e-4 })
}

func TestRegressionWeightsAreCopies(t *testing.T) {
	x, y := scattered(30)
	weights := make([]float64, 30)
	var rows []int
	for i := range weights {
		weights[i] = float64(i % 4) // a row of weight 0 is left out
		for range i % 4 {
			rows = append(rows, i)
		}
	}
	copies := make([][]int, len(rows))
	for i, row := range rows {
		copies[i] = y[row]
	}
	for _, multi := range []bool{false, true} {
		weighted, err := Regression{C: 2, Weights: weights, Tolerance: 1e-9}.Fit(x, y, 3, multi)
		if err != nil {
			t.Fatal(err)
		}
		copied, err := Regression{C: 2, Tolerance: 1e-9}.Fit(x.Gather(rows), copies, 3, multi)
		if err != nil {
			t.Fatal(err)
		}
		if !near(weighted.Probs(x).Data, copied.Probs(x).Data) {
			t.Errorf("multi %v: weights and copies differ", multi)
		}
	}
}

func TestRegressionKeepsToItsPrior(t *testing.T) {
	x, y := scattered(30)
	prior := &Logistic{Weights: NewMatrix(3, 4), Bias: make([]float32, 3)}
	for k := range 3 {
		prior.Weights.Row(k)[3-k] = 5 // wrong
	}
	distance := func(c float64) (far float64) {
		fit, err := Regression{C: c, Prior: prior, Unbiased: true, Tolerance: 1e-9}.Fit(x, y, 3, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range fit.Bias {
			if b != 0 {
				t.Errorf("C %g: bias %v", c, fit.Bias)
			}
		}
		for i, w := range fit.Weights.Data {
			far += math.Abs(float64(w - prior.Weights.Data[i]))
		}
		return far
	}
	if tight, loose, free := distance(1e-6), distance(0.1), distance(100); !(tight < 1e-3 && tight < loose && loose < free) {
		t.Errorf("distances from the prior: %g, %g, %g", tight, loose, free)
	}
	// Where the prior is 0, it is the usual penalty.
	zero, err := Regression{C: 2, Prior: &Logistic{Weights: NewMatrix(3, 4), Bias: make([]float32, 3)}, Tolerance: 1e-9}.Fit(x, y, 3, false)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := Regression{C: 2, Tolerance: 1e-9}.Fit(x, y, 3, false)
	if err != nil {
		t.Fatal(err)
	}
	if !near(zero.Weights.Data, plain.Weights.Data) {
		t.Error("a prior of 0 changes the fit")
	}
}

func TestRegressionRefuses(t *testing.T) {
	x, y := scattered(6)
	for want, r := range map[string]Regression{
		"2 weights of 6 rows": {C: 1, Weights: []float64{1, 1}},
		"has weight -1":       {C: 1, Weights: []float64{1, 1, -1, 1, 1, 1}},
		"have weight 0":       {C: 1, Weights: make([]float64, 6)},
		"the prior is of 2":   {C: 1, Prior: &Logistic{Weights: NewMatrix(2, 4), Bias: make([]float32, 2)}},
		"c is 0":              {},
	} {
		if _, err := r.Fit(x, y, 3, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v", want, err)
		}
	}
	if _, err := (Regression{C: 1}).Fit(x, [][]int{{0}, {1}, {2}, {0, 1}, {1}, {2}}, 3, false); err == nil {
		t.Error("two classes of a softmax row are taken")
	}
}
