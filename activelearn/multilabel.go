package activelearn

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// CategoryVectorInconsistencyAndRanking (CVIRS) picks multi-label items whose predicted set of classes is unlike the sets
// of the labelled items and whose probabilities are near 0.5 for many classes (Reyes, Morell & Ventura 2018, "Effective
// active learning strategy for multi-label learning"). A class is predicted from a probability over 0.5. It reads Probs
// and Labels; at least one item must be labelled.
//
// It follows the paper. small-text 2.0.0.dev4 takes the order of an argsort for ranks, margins to the sum of an item's
// probabilities and Hamming distances for entropy distances, so that it picks other items.
type CategoryVectorInconsistencyAndRanking struct{}

// Select implements Strategy.
func (CategoryVectorInconsistencyAndRanking) Select(pool Pool, n int, _ *rand.Rand) ([]int, error) {
	if err := pool.check(probs | labels); err != nil {
		return nil, fmt.Errorf("category vector inconsistency and ranking: %w", err)
	}
	items := pool.unlabelled()
	return highest(inconsistencyTimesRank(pool, items), items, n), nil
}

func inconsistencyTimesRank(pool Pool, items []int) []float64 {
	scores := inconsistencies(pool, items)
	for i, rank := range marginRanks(pool.Probs, items) {
		scores[i] *= rank
	}
	return scores
}

// inconsistencies gives the mean distance of each item's predicted set of classes from the sets of the labelled items.
func inconsistencies(pool Pool, items []int) []float64 {
	var known []classSet
	for _, item := range pool.labelled() {
		known = append(known, newClassSet(pool.classes(), slices.Values(pool.Labels[item])))
	}
	distance := newSetDistance(pool.classes())
	return scoresOf(items, func(item int) float64 {
		set := newClassSet(pool.classes(), predicted(pool.Probs.Row(item)))
		var sum float64
		for _, other := range known {
			sum += distance.between(set, other)
		}
		return sum / float64(len(known))
	})
}

// marginRanks gives each item the Borda count, scaled to 0 to 1, of its places among the items by |2p - 1|, class by
// class: 1 for an item that is the least certain of all for every class. Items of equal margins share the better place.
func marginRanks(p Matrix, items []int) []float64 {
	if len(items) == 1 {
		return []float64{1}
	}
	ranks := make([]float64, len(items))
	order := make([]int, len(items))
	for class := range p.Cols {
		margins := scoresOf(items, func(item int) float64 { return math.Abs(2*float64(p.Row(item)[class]) - 1) })
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(margins[a], margins[b]) })
		place := 0
		for at, i := range order {
			if margins[i] > margins[order[place]] {
				place = at
			}
			ranks[i] += float64(len(items) - 1 - place)
		}
	}
	for i := range ranks {
		ranks[i] /= float64(p.Cols * (len(items) - 1))
	}
	return ranks
}

// AdaptiveActiveLearning picks multi-label items by the geometric mean of two measures: uncertainty, the inverse of the
// separation margin between the predicted classes and the others, and inconsistency, how far the number of predicted
// classes is from the mean number of classes of a labelled item (Li & Guo 2013, "Active learning with multi-label SVM
// classification"). A class is predicted from a probability over 0.5. It reads Probs and Labels; at least one item must be
// labelled.
//
// As in small-text 2.0, the margin counts as 0.01 at least and the inconsistency as 1 more than it is, so that neither
// measure silences the other. The margin is the paper's, where small-text has that of BreakingTies, which is small too
// for an item that surely bears two classes, or none; the two are equal where one class is predicted.
type AdaptiveActiveLearning struct{}

// Select implements Strategy.
func (AdaptiveActiveLearning) Select(pool Pool, n int, _ *rand.Rand) ([]int, error) {
	mean := meanCardinality(pool)
	return selectLowest("adaptive active learning", pool, probs|labels, n, func(item int) float64 {
		return -adaptiveScore(pool.Probs.Row(item), mean)
	})
}

// adaptiveScore is the score of a row of probabilities where a labelled item bears mean classes.
func adaptiveScore(row []float32, mean float64) float64 {
	const leastMargin = 0.01
	var cardinality float64
	for range predicted(row) {
		cardinality++
	}
	return math.Sqrt((1 + math.Abs(cardinality-mean)) / max(separationMargin(row), leastMargin))
}

// separationMargin is the lowest probability of a predicted class less the highest of one that is not. Where there is
// no such class, predictedFrom stands for it.
func separationMargin(row []float32) float64 {
	in, out := math.Inf(1), math.Inf(-1)
	for _, p := range row {
		if p > predictedFrom {
			in = min(in, float64(p))
		} else {
			out = max(out, float64(p))
		}
	}
	if math.IsInf(in, 1) {
		in = predictedFrom
	}
	if math.IsInf(out, -1) {
		out = predictedFrom
	}
	return in - out
}

// meanCardinality is the mean number of classes of the labelled items.
func meanCardinality(pool Pool) float64 {
	var classes float64
	labelled := pool.labelled()
	for _, item := range labelled {
		classes += float64(len(pool.Labels[item]))
	}
	return classes / float64(len(labelled))
}
