package activelearn

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Round is what the model of a round says of a fixed set of items, best of all that are not labelled.
type Round struct {
	Predictions [][]int // classes predicted for each item; exactly one where the data are single label
	Probs       Matrix  // items x classes; read by OverallUncertainty alone
}

// StoppingCriterion tells when further labels would change little.
type StoppingCriterion interface {
	// Stop judges the rounds so far, the latest last, which must speak of the same items. It asks for no more labels (true)
	// only where there are enough rounds to judge by.
	Stop(rounds []Round) (bool, error)
}

// KappaAverage stops when Cohen's kappa between the predictions of neighbouring rounds is at least Kappa on average over
// the last Window pairs (Bloodgood & Vijay-Shanker 2009, "A method for stopping active learning based on stabilizing
// predictions and the need for user-adjustable stopping"). For single label.
type KappaAverage struct {
	Window int     // 0: 3
	Kappa  float64 // 0: 0.99
}

// Stop implements StoppingCriterion.
func (k KappaAverage) Stop(rounds []Round) (bool, error) {
	window, threshold := orElse(k.Window, 3), orElse(k.Kappa, 0.99)
	agreements, err := overWindow(rounds, window, cohenKappa)
	if err != nil {
		return false, fmt.Errorf("kappa average: %w", err)
	}
	sum := 0.0
	for _, a := range agreements {
		sum += a
	}
	return len(agreements) == window && sum/float64(window) >= threshold, nil
}

// DeltaFScore stops when the F-score that the predictions of a round have against those of the round before is over
// 1 - Threshold for the last Window pairs (Altschuler & Bloodgood 2019, "Stopping active learning based on predicted
// change of F measure for text classification"). For two classes, of which class 1 is the positive one.
type DeltaFScore struct {
	Window    int     // 0: 3
	Threshold float64 // 0: 0.05
}

// Stop implements StoppingCriterion.
func (d DeltaFScore) Stop(rounds []Round) (bool, error) {
	window, threshold := orElse(d.Window, 3), orElse(d.Threshold, 0.05)
	changes, err := overWindow(rounds, window, deltaF)
	if err != nil {
		return false, fmt.Errorf("delta F-score: %w", err)
	}
	return len(changes) == window && !slices.ContainsFunc(changes, func(c float64) bool { return !(c < threshold) }), nil
}

// ClassificationChange stops when at most a share Threshold of the predictions (0: none) differs from the round before
// (Zhu, Wang & Hovy 2008, "Multi-criteria-based strategy to stop active learning for data annotation").
type ClassificationChange struct {
	Threshold float64
}

// Stop implements StoppingCriterion.
func (c ClassificationChange) Stop(rounds []Round) (bool, error) {
	same, err := overWindow(rounds, 1, func(before, after [][]int) (float64, error) {
		same := 0
		for i := range after {
			if slices.Equal(before[i], after[i]) {
				same++
			}
		}
		return float64(same), nil
	})
	if err != nil {
		return false, fmt.Errorf("classification change: %w", err)
	}
	return len(same) == 1 && same[0] >= float64(len(rounds[len(rounds)-1].Predictions))*(1-c.Threshold), nil
}

// OverallUncertainty stops when the mean entropy of the probabilities, as a share of the highest possible, is below
// Threshold (Zhu, Wang & Hovy 2008).
type OverallUncertainty struct {
	Threshold float64 // 0: 0.05
}

// Stop implements StoppingCriterion.
func (o OverallUncertainty) Stop(rounds []Round) (bool, error) {
	if len(rounds) == 0 {
		return false, nil
	}
	p := rounds[len(rounds)-1].Probs
	if err := p.Check(); err != nil {
		return false, fmt.Errorf("overall uncertainty: %w", err)
	}
	if p.Rows == 0 || p.Cols < 2 {
		return false, fmt.Errorf("overall uncertainty: probabilities of %d items and %d classes: needs an item and two classes", p.Rows, p.Cols)
	}
	sum := 0.0
	for i := range p.Rows {
		sum += entropy(p.Row(i))
	}
	return sum/float64(p.Rows)/math.Log(float64(p.Cols)) < orElse(o.Threshold, 0.05), nil
}

// MaxIterations stops after so many rounds.
type MaxIterations int

// Stop implements StoppingCriterion.
func (m MaxIterations) Stop(rounds []Round) (bool, error) { return len(rounds) >= int(m), nil }

func orElse[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// overWindow compares the predictions of neighbouring rounds, the last window of such pairs or as many as there are.
func overWindow(rounds []Round, window int, compare func(before, after [][]int) (float64, error)) ([]float64, error) {
	var values []float64
	for i := max(1, len(rounds)-window); i < len(rounds); i++ {
		before, after := rounds[i-1].Predictions, rounds[i].Predictions
		if len(before) != len(after) {
			return nil, fmt.Errorf("round %d predicts %d items and the one before %d: give the same items", i, len(after), len(before))
		}
		if len(after) == 0 {
			return nil, fmt.Errorf("round %d has no predictions", i)
		}
		value, err := compare(before, after)
		if err != nil {
			return nil, fmt.Errorf("round %d: %w", i, err)
		}
		values = append(values, value)
	}
	return values, nil
}

var errSingle = errors.New("needs exactly one predicted class for each item")

// cohenKappa is the agreement of two predictions of the same items beyond that of chance, 1 where all are equal.
func cohenKappa(a, b [][]int) (float64, error) {
	agree, countA, countB := 0, map[int]int{}, map[int]int{}
	for i := range a {
		if len(a[i]) != 1 || len(b[i]) != 1 {
			return 0, errSingle
		}
		if a[i][0] == b[i][0] {
			agree++
		}
		countA[a[i][0]]++
		countB[b[i][0]]++
	}
	n, chance := float64(len(a)), 0
	if agree == len(a) {
		return 1, nil
	}
	for class, times := range countA {
		chance += times * countB[class]
	}
	return 1 - (n-float64(agree))/(n-float64(chance)/n), nil
}

// deltaF is 1 - F1 of class 1 between two predictions; NaN where neither predicts it.
func deltaF(before, after [][]int) (float64, error) {
	both, either := 0, 0
	for i := range after {
		if len(before[i]) != 1 || len(after[i]) != 1 {
			return 0, errSingle
		}
		b, a := before[i][0], after[i][0]
		if a < 0 || a > 1 || b < 0 || b > 1 {
			return 0, fmt.Errorf("item %d is predicted as class %d, then %d: is for classes 0 and 1", i, b, a)
		}
		both += b & a
		either += b + a
	}
	return 1 - 2*float64(both)/float64(either), nil
}
