package acceptance

import (
	"math"
	"testing"
)

// TestDifferenceOfNewcombe holds intervals against table II of the paper, which has four digits.
func TestDifferenceOfNewcombe(t *testing.T) {
	for _, c := range []struct {
		a, m, b, n int
		low, high  float64
	}{
		{56, 70, 48, 80, 0.0524, 0.3339}, {9, 10, 3, 10, 0.1705, 0.8090}, {6, 7, 2, 7, 0.0582, 0.8062}, {5, 56, 0, 29, -0.0381, 0.1926},
		{0, 10, 0, 20, -0.1611, 0.2775}, {0, 10, 0, 10, -0.2775, 0.2775}, {10, 10, 0, 20, 0.6791, 1}, {10, 10, 0, 10, 0.6075, 1},
	} {
		got := Difference(c.a, c.m, c.b, c.n, 0.05)
		if math.Abs(got.Low-c.low) > 5e-5 || math.Abs(got.High-c.high) > 5e-5 {
			t.Errorf("%d/%d less %d/%d is %+v, want %.4f to %.4f", c.a, c.m, c.b, c.n, got, c.low, c.high)
		}
	}
	if got := Difference(0, 0, 3, 4, 0.05); got.Low > -0.7 || got.High < 0.2 {
		t.Errorf("without trials of one the difference is %+v", got)
	}
}
