package calibration

import (
	"math"
	"testing"

	"github.com/labelloop/labelloop/activelearn"
	"github.com/labelloop/labelloop/activelearn/internal/golden"
)

type fitCase struct {
	Probs            [][]float32
	Labels           [][]int
	Temperature      float64
	Tempered, Vector [][]float64
	Isotonic         struct{ From, To []float64 }
	NLL, Brier       float64
	Classwise        float64
	Adaptive         float64
}

type binsCase struct {
	Accuracy, Mean []float64
	Samples        []int
	ECE            float64
}

type goldens struct {
	Softmax, Sigmoid []fitCase
	Measures         []struct {
		Confidence        []float64
		Right             []bool
		Uniform, Quantile binsCase
		Risk              struct{ Confidence, Risk []float64 }
		Area              float64
	}
}

func within(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-6) {
		t.Errorf("%s = %.9g, want %.9g", what, got, want)
	}
}

func matrix(rows [][]float32) activelearn.Matrix {
	m := activelearn.NewMatrix(len(rows), len(rows[0]))
	for i, row := range rows {
		copy(m.Row(i), row)
	}
	return m
}

func TestGoldenFits(t *testing.T) {
	cases := golden.Load[goldens](t, "calibration")
	for link, fits := range map[Link][]fitCase{Softmax: cases.Softmax, Sigmoid: cases.Sigmoid} {
		for _, c := range fits {
			probs := matrix(c.Probs)
			within(t, "NLL", NLL(link, probs, c.Labels), c.NLL)
			within(t, "Brier", Brier(link, probs, c.Labels), c.Brier)
			within(t, "classwise ECE", ClasswiseECE(probs, c.Labels, 10), c.Classwise)
			within(t, "adaptive ECE", AdaptiveECE(probs, c.Labels, 10), c.Adaptive)

			tempered := fit(t, Temperature, link, probs, c.Labels)
			if math.Abs(tempered.Temperature/c.Temperature-1) > 1e-6 {
				t.Errorf("temperature is %.9g, want %.9g", tempered.Temperature, c.Temperature)
			}
			same(t, "temperature", tempered, probs, c.Tempered)
			same(t, "vector", fit(t, Vector, link, probs, c.Labels), probs, c.Vector)

			isotonic := fit(t, Isotonic, link, probs, c.Labels)
			for i, p := range c.Isotonic.From {
				within(t, "isotonic", isotonic.mapped(p), c.Isotonic.To[i])
			}
		}
	}
}

func fit(t *testing.T, method Method, link Link, probs activelearn.Matrix, labels [][]int) Calibration {
	t.Helper()
	c, err := Fit(method, link, probs, labels)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// same compares calibrated rows with the reference's.
func same(t *testing.T, what string, c Calibration, probs activelearn.Matrix, want [][]float64) {
	t.Helper()
	for i := range probs.Rows {
		row, err := c.Apply(probs.Row(i))
		if err != nil {
			t.Fatal(err)
		}
		for k, p := range row {
			within(t, what, float64(p), want[i][k])
		}
	}
}

func TestGoldenMeasures(t *testing.T) {
	for _, c := range golden.Load[goldens](t, "calibration").Measures {
		compareBins(t, "equal width", EqualWidth(c.Confidence, c.Right, 10), c.Uniform)
		compareBins(t, "equal mass", EqualMass(c.Confidence, c.Right, 10), c.Quantile)

		curve, area := RiskCoverage(c.Confidence, c.Right)
		within(t, "area", area, c.Area)
		if len(curve) != len(c.Risk.Risk) {
			t.Fatalf("curve has %d points, want %d", len(curve), len(c.Risk.Risk))
		}
		for i, p := range curve {
			within(t, "confidence", p.Confidence, c.Risk.Confidence[i])
			within(t, "risk", p.Risk, c.Risk.Risk[i])
		}
	}
}

// compareBins compares with calibration_curve, which leaves empty bins out.
func compareBins(t *testing.T, what string, bins []Bin, want binsCase) {
	t.Helper()
	within(t, what+" ECE", ECE(bins), want.ECE)
	filled := 0
	for i, b := range bins {
		if b.Samples != want.Samples[i] {
			t.Errorf("%s: bin %d has %d samples, want %d", what, i, b.Samples, want.Samples[i])
		}
		if b.Samples == 0 {
			continue
		}
		if filled == len(want.Mean) {
			t.Fatalf("%s: more bins are filled than %d", what, filled)
		}
		within(t, what+" accuracy", b.Accuracy, want.Accuracy[filled])
		within(t, what+" confidence", b.Confidence, want.Mean[filled])
		filled++
	}
}
