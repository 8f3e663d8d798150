package pixel

import (
	"math"

	"github.com/labelloop/labelloop/inference/pixel/resample"
)

// Filter is a resampling filter, by the number that Pillow and preprocessor_config.json give it.
type Filter int

// The filters.
const (
	Nearest  Filter = 0
	Lanczos  Filter = 1
	Bilinear Filter = 2
	Bicubic  Filter = 3
	Box      Filter = 4
	Hamming  Filter = 5
)

// kernel is a filter's weight at a distance, and the distance from which it is 0, in pixels of the smaller picture.
type kernel struct {
	support float64
	at      func(x float64) float64
}

// kernels are those of Pillow's Resample.c.
var kernels = map[Filter]kernel{
	Box: {0.5, func(x float64) float64 {
		if x > -0.5 && x <= 0.5 {
			return 1
		}
		return 0
	}},
	Bilinear: {1, func(x float64) float64 { return max(1-math.Abs(x), 0) }},
	Hamming: {1, func(x float64) float64 {
		x = math.Abs(x)
		switch {
		case x == 0:
			return 1
		case x >= 1:
			return 0
		}
		x *= math.Pi
		return math.Sin(x) / x * (0.54 + 0.46*math.Cos(x))
	}},
	Bicubic: {2, func(x float64) float64 {
		const a = -0.5
		x = math.Abs(x)
		switch {
		case x < 1:
			return ((a+2)*x-(a+3))*x*x + 1
		case x < 2:
			return (((x-5)*x+8)*x - 4) * a
		}
		return 0
	}},
	Lanczos: {3, func(x float64) float64 {
		if x >= -3 && x < 3 {
			return sinc(x) * sinc(x/3)
		}
		return 0
	}},
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x *= math.Pi
	return math.Sin(x) / x
}

// plan gives the taps of output samples from up to to, of a line of in samples that is resized to out. As in Pillow, the
// filter widens with the scale when a line is made shorter, which is what keeps fine patterns from aliasing.
func (k kernel) plan(in, out, from, to int) resample.Taps {
	scale := float64(in) / float64(out)
	wide := max(scale, 1)
	support := k.support * wide
	inverse := 1 / wide
	t := resample.Taps{From: make([]int32, to-from), Count: make([]int32, to-from)}
	weights := make([]float64, 0, int(2*support)+2)
	for i := range t.From {
		center := (float64(from+i) + 0.5) * scale
		first := max(int(center-support+0.5), 0)
		end := min(int(center+support+0.5), in)
		weights = weights[:0]
		sum := 0.0
		for j := first; j < end; j++ {
			w := k.at((float64(j) - center + 0.5) * inverse)
			weights = append(weights, w)
			sum += w
		}
		t.From[i], t.Count[i] = int32(first), int32(end-first)
		for _, w := range weights {
			if sum != 0 {
				w /= sum
			}
			// rounded half away from zero
			t.Weights = append(t.Weights, int32(math.Copysign(0.5, w)+w*(1<<resample.Bits)))
		}
	}
	return t
}

// span gives the samples that taps need.
func span(t resample.Taps) (from, n int) {
	last := len(t.From) - 1
	return int(t.From[0]), int(t.From[last] + t.Count[last] - t.From[0])
}

// shift makes taps fit samples of which the first ones are missing.
func shift(t resample.Taps, missing int) resample.Taps {
	for i := range t.From {
		t.From[i] -= int32(missing)
	}
	return t
}
