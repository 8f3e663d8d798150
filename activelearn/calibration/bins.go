package calibration

import (
	"math"
	"slices"
	"sort"

	"github.com/labelloop/labelloop/activelearn"
)

// Bin is a bar of a reliability diagram: the samples whose confidence lies in (Low, High], in the first bin also at Low.
type Bin struct {
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
	Samples    int     `json:"samples"`
	Confidence float64 `json:"confidence"` // mean; 0 without samples
	Accuracy   float64 `json:"accuracy"`   // share that is right; 0 without samples
}

// EqualWidth puts samples into bins of equal width between 0 and 1, given each one's confidence and whether it is right.
// The edges are scikit-learn's (calibration_curve, strategy "uniform").
func EqualWidth(confidence []float64, right []bool, bins int) []Bin {
	return fill(confidence, right, spaced(bins))
}

// EqualMass puts samples into bins that hold about equally many: the edges are quantiles of the confidence, interpolated
// as numpy does (calibration_curve, strategy "quantile"). Equal confidences share a bin, so some bins may be empty.
func EqualMass(confidence []float64, right []bool, bins int) []Bin {
	if len(confidence) == 0 {
		return fill(nil, nil, spaced(bins))
	}
	sorted := slices.Clone(confidence)
	slices.Sort(sorted)
	edges := spaced(bins)
	for i, share := range edges {
		at := float64(len(sorted)-1) * (share * 100 / 100) // by way of percents, whose rounding decides ties
		below := min(int(at), len(sorted)-1)
		above := min(below+1, len(sorted)-1)
		edges[i] = interpolate(sorted[below], sorted[above], at-float64(below))
	}
	return fill(confidence, right, edges)
}

// interpolate rounds as numpy's quantiles do, from the nearer end.
func interpolate(a, b, part float64) float64 {
	if part >= 0.5 {
		return b - (b-a)*(1-part)
	}
	return a + (b-a)*part
}

// spaced gives the edges of bins of equal width between 0 and 1.
func spaced(bins int) []float64 {
	edges := make([]float64, bins+1)
	step := 1 / float64(bins)
	for i := range edges {
		edges[i] = float64(i) * step
	}
	edges[bins] = 1
	return edges
}

func fill(confidence []float64, right []bool, edges []float64) []Bin {
	bins := make([]Bin, len(edges)-1)
	for i := range bins {
		bins[i].Low, bins[i].High = edges[i], edges[i+1]
	}
	inner := edges[1 : len(edges)-1]
	for i, c := range confidence {
		b := &bins[sort.SearchFloat64s(inner, c)]
		b.Samples++
		b.Confidence += c
		b.Accuracy += one(right[i])
	}
	for i := range bins {
		if n := float64(bins[i].Samples); n > 0 {
			bins[i].Confidence /= n
			bins[i].Accuracy /= n
		}
	}
	return bins
}

// ECE is the expected calibration error over bins: the mean distance of accuracy from confidence, weighted by samples
// (Naeini, Cooper, Hauskrecht: "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015). It is 0 without
// samples.
func ECE(bins []Bin) float64 {
	sum, n := 0.0, 0
	for _, b := range bins {
		sum += float64(b.Samples) * math.Abs(b.Accuracy-b.Confidence)
		n += b.Samples
	}
	return sum / float64(max(n, 1))
}

// ClasswiseECE is the mean over the classes of the ECE, in bins of equal width, of each class's probability: "static
// calibration error" (Nixon, Dusenberry, Zhang, Jerfel, Tran: "Measuring calibration in deep learning", CVPR workshops 2019).
func ClasswiseECE(probs activelearn.Matrix, labels [][]int, bins int) float64 {
	return overClasses(probs, labels, func(p []float64, applies []bool) float64 {
		return ECE(EqualWidth(p, applies, bins))
	})
}

// AdaptiveECE is the mean over the classes of the ECE, in bins of equal mass, of each class's probability: "adaptive
// calibration error" (Nixon et al. 2019), with bins weighted by their samples, which ties make unequal.
func AdaptiveECE(probs activelearn.Matrix, labels [][]int, bins int) float64 {
	return overClasses(probs, labels, func(p []float64, applies []bool) float64 {
		return ECE(EqualMass(p, applies, bins))
	})
}

func overClasses(probs activelearn.Matrix, labels [][]int, measure func(p []float64, applies []bool) float64) float64 {
	sum := 0.0
	p, applies := make([]float64, probs.Rows), make([]bool, probs.Rows)
	for k := range probs.Cols {
		for i := range p {
			p[i], applies[i] = float64(probs.Row(i)[k]), slices.Contains(labels[i], k)
		}
		sum += measure(p, applies)
	}
	return sum / float64(max(probs.Cols, 1))
}
