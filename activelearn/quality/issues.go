package quality

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/labelloop/labelloop/activelearn"
)

// Filter is a way to tell which labels are wrong.
type Filter string

const (
	// PruneByNoiseRate takes, for each pair of a given and another class, as many items as the calibrated joint counts
	// there, those with the largest margin between the two.
	PruneByNoiseRate Filter = "prune_by_noise_rate"
	// PruneByClass takes, for each class, as many items as the calibrated joint counts off its diagonal, those with the
	// lowest probability of the class.
	PruneByClass Filter = "prune_by_class"
	// Both takes the items that PruneByNoiseRate and PruneByClass agree on.
	Both Filter = "both"
	// ConfidentLearning takes the items that the confident joint counts off the diagonal.
	ConfidentLearning Filter = "confident_learning"
	// PredictedNeqGiven takes the items of which another class is the most probable.
	PredictedNeqGiven Filter = "predicted_neq_given"
	// LowNormalizedMargin and LowSelfConfidence take as many items as ConfidentLearning, those with the lowest score.
	LowNormalizedMargin Filter = "low_normalized_margin"
	LowSelfConfidence   Filter = "low_self_confidence"
)

// LabelIssues tells which labels are likely wrong; row i of probs (items x classes) are out-of-sample probabilities of
// item i. At least one item of each class stays unmarked by the Prune filters, and no filter except the Low ones marks an
// item whose label is, within 1e-6, the most probable class. The same items as cleanlab's filter.find_label_issues marks,
// by Northcutt et al. 2021, "Confident learning: estimating uncertainty in dataset labels".
func LabelIssues(labels []int, probs activelearn.Matrix, filter Filter) ([]bool, error) {
	if err := check(labels, probs); err != nil {
		return nil, err
	}
	return filter.issues(labels, of(probs))
}

func (f Filter) issues(labels []int, probs table) ([]bool, error) {
	joint, issue := confidentJoint(labels, probs)
	switch f {
	case ConfidentLearning:
	case PredictedNeqGiven:
		probs.each(func(i int, row []float64) { issue[i] = activelearn.Argmax(row) != labels[i] })
	case PruneByNoiseRate, PruneByClass, Both:
		counts := keepOne(joint.Calibrate(labels))
		switch f {
		case PruneByNoiseRate:
			issue = pruneByNoiseRate(labels, probs, counts)
		case PruneByClass:
			issue = pruneByClass(labels, probs, counts)
		case Both:
			issue = pruneByNoiseRate(labels, probs, counts)
			for i, also := range pruneByClass(labels, probs, counts) {
				issue[i] = issue[i] && also
			}
		}
	case LowNormalizedMargin, LowSelfConfidence:
		unmarkPredicted(issue, labels, probs)
		score := SelfConfidence
		if f == LowNormalizedMargin {
			score = NormalizedMargin
		}
		scores, err := score.of(labels, probs)
		if err != nil {
			return nil, err
		}
		return lowest(scores, issue), nil
	default:
		return nil, fmt.Errorf("unknown filter %q of label issues", f)
	}
	unmarkPredicted(issue, labels, probs)
	return issue, nil
}

// unmarkPredicted clears the items of which the label is, within near, the most probable class.
func unmarkPredicted(issue []bool, labels []int, probs table) {
	probs.each(func(i int, row []float64) {
		row[labels[i]] += near
		issue[i] = issue[i] && activelearn.Argmax(row) != labels[i]
	})
}

// lowest marks as many items as issue marks, those with the lowest scores.
func lowest(scores []float64, issue []bool) []bool {
	n := 0
	for _, marked := range issue {
		if marked {
			n++
		}
	}
	low := make([]bool, len(scores))
	for _, i := range ascending(scores)[:n] {
		low[i] = true
	}
	return low
}

// ascending gives the places of the scores, the lowest score first.
func ascending(scores []float64) []int {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[a], scores[b]) })
	return order
}

// keepOne raises, in place, an empty diagonal to 1 and takes 1 off each other count of the row. (cleanlab spreads the 1 over them,
// and then cuts the fractions off.)
func keepOne(joint Joint) Joint {
	for given, row := range joint {
		if row[given] > 0 {
			continue
		}
		for truth, n := range row {
			row[truth] = max(n-1, 0)
		}
		row[given] = 1
	}
	return joint
}

// byLabel gives the items of each class.
func byLabel(labels []int, classes int) [][]int {
	items := make([][]int, classes)
	for i, label := range labels {
		items[label] = append(items[label], i)
	}
	return items
}

// mark marks the n items with the lowest keys.
func mark(issue []bool, items []int, key []float64, n int) {
	for _, at := range ascending(key)[:min(max(n, 0), len(items))] {
		issue[items[at]] = true
	}
}

// pruneByClass leaves classes of one item alone, as pruneByNoiseRate does.
func pruneByClass(labels []int, probs table, counts Joint) []bool {
	issue, row := make([]bool, len(labels)), make([]float64, probs.cols)
	for class, items := range byLabel(labels, probs.cols) {
		if len(items) < 2 {
			continue
		}
		key := make([]float64, len(items))
		for at, i := range items {
			probs.fill(i, row)
			key[at] = row[class]
		}
		mark(issue, items, key, len(items)-counts[class][class])
	}
	return issue
}

func pruneByNoiseRate(labels []int, probs table, counts Joint) []bool {
	issue, row := make([]bool, len(labels)), make([]float64, probs.cols)
	for class, items := range byLabel(labels, probs.cols) {
		if len(items) < 2 {
			continue
		}
		for truth, n := range counts[class] {
			if truth == class || n == 0 {
				continue
			}
			key := make([]float64, len(items))
			for at, i := range items {
				probs.fill(i, row)
				key[at] = row[class] - row[truth]
			}
			mark(issue, items, key, n)
		}
	}
	return issue
}
