package pixel

import "math"

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

// fixedBits are the bits after the point of a weight: 32 less 8 for a sample and 2 for what weights over 1 add.
const fixedBits = 32 - 8 - 2

// taps are the samples that one output sample is a weighted sum of.
type taps struct {
	from    int
	weights []int32 // fixedBits after the point
}

// copies says whether the output sample is an input sample.
func (t taps) copies() bool { return len(t.weights) == 1 && t.weights[0] == 1<<fixedBits }

// plan gives the taps of output samples from up to to, of a line of in samples that is resized to out; a line that keeps
// its length is copied. As in Pillow, the filter widens with the scale when a line is made shorter, which is what keeps fine patterns from aliasing.
func (k kernel) plan(in, out, from, to int) []taps {
	if in == out {
		plan := make([]taps, to-from)
		for i := range plan {
			plan[i] = taps{from + i, []int32{1 << fixedBits}}
		}
		return plan
	}
	scale := float64(in) / float64(out)
	wide := max(scale, 1)
	support := k.support * wide
	inverse := 1 / wide
	plan := make([]taps, to-from)
	for i := range plan {
		center := (float64(from+i) + 0.5) * scale
		first := max(int(center-support+0.5), 0)
		end := min(int(center+support+0.5), in)
		weights := make([]float64, end-first)
		sum := 0.0
		for j := range weights {
			weights[j] = k.at((float64(j+first) - center + 0.5) * inverse)
			sum += weights[j]
		}
		plan[i] = taps{first, make([]int32, len(weights))}
		for j, w := range weights {
			if sum != 0 {
				w /= sum
			}
			// rounded half away from zero
			plan[i].weights[j] = int32(math.Copysign(0.5, w) + w*(1<<fixedBits))
		}
	}
	return plan
}
