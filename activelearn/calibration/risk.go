package calibration

import (
	"cmp"
	"slices"
)

// RiskPoint is what accepting all samples of a confidence or more would mean.
type RiskPoint struct {
	Confidence float64 `json:"confidence"`
	Coverage   float64 `json:"coverage"` // share that is accepted
	Risk       float64 `json:"risk"`     // share of the accepted that is wrong
}

// RiskCoverage gives the risk-coverage curve (El-Yaniv and Wiener: "On the foundations of noise-free selective
// classification", JMLR 2010), a point for each confidence, the highest first, and the area under it: the mean over the
// samples of the risk at their confidence (AURC; Geifman, Uziel, El-Yaniv: "Bias-reduced uncertainty estimation for deep
// neural classifiers", ICLR 2019). Samples of equal confidence are accepted together.
func RiskCoverage(confidence []float64, right []bool) (curve []RiskPoint, area float64) {
	n := len(confidence)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(confidence[b], confidence[a]) })
	wrong, from := 0, 0
	for i, item := range order {
		if !right[item] {
			wrong++
		}
		if i+1 < n && confidence[order[i+1]] == confidence[item] {
			continue
		}
		accepted := i + 1
		p := RiskPoint{confidence[item], float64(accepted) / float64(n), float64(wrong) / float64(accepted)}
		curve = append(curve, p)
		area += p.Risk * float64(accepted-from) / float64(n)
		from = accepted
	}
	return curve, area
}
