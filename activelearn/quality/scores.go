package quality

import (
	"fmt"
	"math"
	"slices"

	"github.com/labelloop/labelloop/activelearn"
)

// Score is a way to tell how likely a label is right, given the probabilities of its item: from 0 (wrong) to 1.
type Score string

const (
	SelfConfidence            Score = "self_confidence"             // probability of the label
	NormalizedMargin          Score = "normalized_margin"           // (that - the highest of the other classes + 1) / 2
	ConfidenceWeightedEntropy Score = "confidence_weighted_entropy" // log(r + 1) / r for r = normalised entropy / probability

	// The first two again, with the thresholds of the classes taken off the probabilities, so that classes of which a
	// model is seldom sure do not look mislabelled throughout.
	AdjustedSelfConfidence   Score = "adjusted_self_confidence"
	AdjustedNormalizedMargin Score = "adjusted_normalized_margin"
)

// LabelScores scores the label of each item; row i of probs (items x classes) are out-of-sample probabilities of item i.
// The same numbers as cleanlab's rank.get_label_quality_scores.
func LabelScores(labels []int, probs activelearn.Matrix, score Score) ([]float64, error) {
	if err := check(labels, probs); err != nil {
		return nil, err
	}
	return score.of(labels, of(probs))
}

func (s Score) of(labels []int, probs table) ([]float64, error) {
	var rate func(label int, row []float64) float64
	switch s {
	case SelfConfidence, AdjustedSelfConfidence:
		rate = func(label int, row []float64) float64 { return row[label] }
	case NormalizedMargin, AdjustedNormalizedMargin:
		rate = normalizedMargin
	case ConfidenceWeightedEntropy:
		rate = confidenceWeightedEntropy
	default:
		return nil, fmt.Errorf("unknown score %q of labels", s)
	}
	if s == AdjustedSelfConfidence || s == AdjustedNormalizedMargin {
		probs = adjusted(labels, probs)
	}
	scores := make([]float64, probs.rows)
	probs.each(func(i int, row []float64) { scores[i] = rate(labels[i], row) })
	return scores, nil
}

func normalizedMargin(label int, row []float64) float64 {
	other := math.Inf(-1)
	for c, p := range row {
		if c != label {
			other = max(other, p)
		}
	}
	return (row[label] - other + 1) / 2
}

func confidenceWeightedEntropy(label int, row []float64) float64 {
	entropy := 0.0
	for _, p := range row {
		if p > 0 {
			entropy -= p * math.Log(p)
		}
	}
	ratio := entropy / math.Log(float64(len(row))) / max(row[label], near)
	return math.Log(ratio+1) / max(ratio, near)
}

// adjusted takes the threshold of each class off the probabilities and scales the rows to sum to 1 again.
func adjusted(labels []int, probs table) table {
	thresholds := thresholds(labels, probs)
	highest := slices.Max(thresholds)
	return table{probs.rows, probs.cols, func(i int, row []float64) {
		probs.fill(i, row)
		total := 0.0
		for c := range row {
			row[c] = row[c] - thresholds[c] + highest
			total += row[c]
		}
		for c := range row {
			row[c] /= total
		}
	}}
}

// Rank gives the items of which issue is true, the one with the lowest score first. The two speak of the same items.
func Rank(issue []bool, scores []float64) []int {
	var ranked []int
	for _, i := range ascending(scores) {
		if issue[i] {
			ranked = append(ranked, i)
		}
	}
	return ranked
}
