package calibration

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/activelearn"
)

// overconfident draws a sample of a model whose logits are twice what they should be.
func overconfident(rng *rand.Rand, link Link, rows, classes int) (activelearn.Matrix, [][]int) {
	probs := activelearn.NewMatrix(rows, classes)
	labels := make([][]int, rows)
	z := make([]float64, classes)
	for i := range rows {
		for k := range z {
			z[k] = 1.5 * rng.NormFloat64()
		}
		truth := slices.Clone(z)
		probabilities(link, truth)
		labels[i] = []int{}
		if u := rng.Float64(); link == Softmax {
			k := 0
			for ; k < classes-1 && u > truth[k]; k++ {
				u -= truth[k]
			}
			labels[i] = []int{k}
		}
		for k := range z {
			if link == Sigmoid && rng.Float64() < truth[k] {
				labels[i] = append(labels[i], k)
			}
			z[k] *= 2
		}
		probabilities(link, z)
		for k, p := range z {
			probs.Row(i)[k] = float32(p)
		}
	}
	return probs, labels
}

func applied(t *testing.T, c Calibration, probs activelearn.Matrix) activelearn.Matrix {
	t.Helper()
	out := activelearn.NewMatrix(probs.Rows, probs.Cols)
	for i := range probs.Rows {
		row, err := c.Apply(probs.Row(i))
		if err != nil {
			t.Fatal(err)
		}
		copy(out.Row(i), row)
	}
	return out
}

// A map that is fitted on one sample makes another one's probabilities better.
func TestCalibrationGeneralises(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, link := range []Link{Softmax, Sigmoid} {
		fitted, fittedLabels := overconfident(rng, link, 2000, 4)
		fresh, labels := overconfident(rng, link, 2000, 4)
		for _, method := range []Method{Temperature, Vector, Isotonic} {
			c := fit(t, method, link, fitted, fittedLabels)
			after := applied(t, c, fresh)
			if before, now := NLL(link, fresh, labels), NLL(link, after, labels); now >= before {
				t.Errorf("%s, %s: NLL goes from %.4f to %.4f", link, method, before, now)
			}
			if before, now := AdaptiveECE(fresh, labels, 15), AdaptiveECE(after, labels, 15); now > before/2 {
				t.Errorf("%s, %s: adaptive ECE goes from %.4f to %.4f", link, method, before, now)
			}
			if method == Temperature && math.Abs(c.Temperature-2) > 0.15 {
				t.Errorf("%s: temperature is %.3f, want about 2", link, c.Temperature)
			}
			for i := range after.Rows {
				sum := 0.0
				for _, p := range after.Row(i) {
					sum += float64(p)
				}
				if link == Softmax && math.Abs(sum-1) > 1e-5 {
					t.Fatalf("%s: row %d sums to %v", method, i, sum)
				}
			}
			text, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			var again Calibration
			if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(again, c) {
				t.Errorf("%s is another when read again: %v", method, err)
			}
		}
	}
}

func TestFitRefuses(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	probs, labels := overconfident(rng, Softmax, 60, 3)
	right, wrong := make([][]int, 60), make([][]int, 60)
	rare := slices.Clone(labels)
	for i := range right {
		top := activelearn.Argmax(probs.Row(i))
		right[i], wrong[i] = []int{top}, []int{(top + 1) % 3}
		if labels[i][0] == 2 {
			rare[i] = []int{i % 2}
		}
	}
	broken := probs.Gather(make([]int, 60))
	broken.Row(7)[1] = float32(math.NaN())
	few := activelearn.Matrix{Rows: 29, Cols: 3, Data: probs.Data[:29*3]}
	short := activelearn.Matrix{Rows: 60, Cols: 3, Data: probs.Data[:29*3]}
	for _, c := range []struct {
		method Method
		link   Link
		probs  activelearn.Matrix
		labels [][]int
		want   string
	}{
		{Temperature, Softmax, few, labels[:29], "29 samples are too few"},
		{Temperature, Softmax, activelearn.Matrix{}, nil, "0 samples are too few"},
		{Temperature, Softmax, probs, right, "all of 60 decisions are right"},
		{Isotonic, Softmax, probs, wrong, "all of 60 decisions are wrong"},
		{Vector, Softmax, probs, rare, "class 2 applies to 0 of 60"},
		{Temperature, Softmax, probs, labels[:59], "59 rows of labels"},
		{Temperature, Softmax, probs, append(slices.Clone(labels[:59]), []int{0, 1}), "row 59 has 2 labels"},
		{Temperature, Softmax, probs, append(slices.Clone(labels[:59]), []int{3}), "label 3 of 3 classes"},
		{Temperature, Softmax, broken, labels, "row 7, class 1: NaN"},
		{Temperature, Softmax, short, labels, "60 x 3 has 87 values"},
		{"spline", Softmax, probs, labels, "no such method"},
		{Temperature, "probit", probs, labels, "no such link"},
	} {
		if _, err := Fit(c.method, c.link, c.probs, c.labels); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

// Where a class can be told apart without error, or probabilities say nothing, the likelihood has no maximum.
func TestFitRefusesWhatHasNoMaximum(t *testing.T) {
	parted := activelearn.NewMatrix(40, 2)
	split := make([][]int, 40)
	for i := range split {
		p := 0.3 + 0.01*float32(i)
		parted.Row(i)[0], parted.Row(i)[1] = 1-p, p
		split[i] = []int{0}
		if i >= 25 { // the model decides from 20 on
			split[i] = []int{1}
		}
	}
	for _, link := range []Link{Softmax, Sigmoid} {
		if _, err := Fit(Vector, link, parted, split); err == nil || !strings.Contains(err.Error(), "no maximum") {
			t.Errorf("%s: error %v", link, err)
		}
	}
	misled := make([][]int, 40) // right once, and nearly always the other way around
	for i := range misled {
		misled[i] = []int{1 - activelearn.Argmax(parted.Row(i))}
	}
	misled[19] = []int{1 - misled[19][0]}
	if _, err := Fit(Temperature, Softmax, parted, misled); err == nil || !strings.Contains(err.Error(), "say nothing") {
		t.Errorf("error %v", err)
	}
}

func TestApply(t *testing.T) {
	row := []float32{0.7, 0.2, 0.1}
	for _, c := range []struct {
		name        string
		calibration Calibration
		row, want   []float32
	}{
		{"nothing", Calibration{}, row, row},
		{"temperature 1", Calibration{Method: Temperature, Link: Softmax, Temperature: 1}, row, row},
		{"certain", Calibration{Method: Temperature, Link: Softmax, Temperature: 1}, []float32{1, 0, 0}, []float32{1, 0, 0}},
		{"isotonic", Calibration{Method: Isotonic, Link: Softmax, From: []float64{0.6, 0.8}, To: []float64{0.4, 0.6}},
			row, []float32{0.5, 1. / 3, 1. / 6}},
		{"isotonic, certain", Calibration{Method: Isotonic, Link: Softmax, From: []float64{0.6}, To: []float64{0.9}},
			[]float32{1, 0, 0}, []float32{0.9, 0.05, 0.05}},
		{"isotonic, one class", Calibration{Method: Isotonic, Link: Sigmoid, From: []float64{0.6}, To: []float64{0.9}},
			[]float32{0.3}, []float32{0.9}},
		{"empty", Calibration{Method: Temperature, Link: Softmax, Temperature: 2}, []float32{}, []float32{}},
	} {
		before := slices.Clone(c.row)
		got, err := c.calibration.Apply(c.row)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(c.row, before) {
			t.Errorf("%s: the row was changed", c.name)
		}
		for k := range c.want {
			if math.Abs(float64(got[k]-c.want[k])) > 1e-6 {
				t.Errorf("%s: %v, want %v", c.name, got, c.want)
			}
		}
	}
	if _, err := (Calibration{Method: Vector, Scale: []float64{1}, Bias: []float64{0}}).Apply(row); err == nil {
		t.Error("a calibration of one class is applied to three")
	}
}

func TestMeasuresOfNothing(t *testing.T) {
	if got := ECE(EqualWidth(nil, nil, 10)) + ECE(EqualMass(nil, nil, 10)); got != 0 {
		t.Errorf("ECE of nothing is %v", got)
	}
	none := activelearn.Matrix{Cols: 3}
	if got := NLL(Softmax, none, nil) + Brier(Sigmoid, none, nil) + AdaptiveECE(none, nil, 5); got != 0 {
		t.Errorf("measures of nothing are %v", got)
	}
	if curve, area := RiskCoverage(nil, nil); len(curve) != 0 || area != 0 {
		t.Errorf("curve of nothing is %v, area %v", curve, area)
	}
}

func BenchmarkFit(b *testing.B) {
	rng := rand.New(rand.NewPCG(5, 6))
	probs, labels := overconfident(rng, Softmax, 3000, 150)
	for _, method := range []Method{Temperature, Vector, Isotonic} {
		b.Run(string(method)+"/3000x150", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Fit(method, Softmax, probs, labels); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
