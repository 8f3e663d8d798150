package quality

import (
	"fmt"
	"math"
)

// Weighting is how a disagreement counts by the distance of the two classes, for classes that are steps of a scale.
type Weighting int

const (
	Unweighted Weighting = iota // all disagreements alike
	Linear                      // by the distance
	Quadratic                   // by its square
)

// CohenKappa is the agreement of two annotators on the same items beyond chance: 1 where they agree on all, 0 where no
// more than chance would have it. It is NaN where both give one and the same class throughout, for then chance explains
// all. The same number as scikit-learn's cohen_kappa_score with labels 0 to classes-1 (Cohen 1960, 1968).
func CohenKappa(a, b []int, classes int, weighting Weighting) (float64, error) {
	if len(a) != len(b) {
		return 0, fmt.Errorf("compare annotators: one labelled %d items, the other %d", len(a), len(b))
	}
	first, second := make([]float64, classes), make([]float64, classes)
	weight := func(i, j int) float64 {
		switch {
		case i == j:
			return 0
		case weighting == Linear:
			return math.Abs(float64(i - j))
		case weighting == Quadratic:
			return float64((i - j) * (i - j))
		}
		return 1
	}
	observed, expected := 0.0, 0.0
	for i := range a {
		if min(a[i], b[i]) < 0 || max(a[i], b[i]) >= classes {
			return 0, fmt.Errorf("compare annotators: item %d has classes %d and %d of %d", i, a[i], b[i], classes)
		}
		first[a[i]]++
		second[b[i]]++
		observed += weight(a[i], b[i])
	}
	for i, p := range first {
		for j, q := range second {
			expected += weight(i, j) * p * q / float64(len(a))
		}
	}
	return 1 - observed/expected, nil
}

// FleissKappa is the agreement of annotators beyond chance, where each item has the same number of annotations, 2 or more;
// who made them does not matter. It is NaN where all are of one class (Fleiss 1971, "Measuring nominal scale agreement
// among many raters").
func FleissKappa(a Annotations) (float64, error) {
	items, err := a.covered()
	if err != nil {
		return 0, fmt.Errorf("compute Fleiss' kappa: %w", err)
	}
	observed, class := 0.0, make([]float64, a.Classes)
	for i, list := range items {
		if len(list) != len(items[0]) || len(list) < 2 {
			return 0, fmt.Errorf("compute Fleiss' kappa: item %d has %d annotations and item 0 has %d: all need as many, "+
				"2 at least; KrippendorffAlpha takes any", i, len(list), len(items[0]))
		}
		for c, share := range shares(list, a.Classes) {
			n := float64(len(list))
			observed += share * (share*n - 1) / (n - 1) / float64(len(items))
			class[c] += share / float64(len(items))
		}
	}
	chance := 0.0
	for _, share := range class {
		chance += share * share
	}
	return (observed - chance) / (1 - chance), nil
}

// Level is the level of measurement of classes: how far apart two are.
type Level int

const (
	Nominal  Level = iota // all alike
	Ordinal               // by how many annotations lie between
	Interval              // by the square of the difference of their numbers
)

// KrippendorffAlpha is the agreement of annotators beyond chance for any number of them and any missing: 1 where they
// agree on all, 0 where no more than chance would have it. Items with less than two annotations do not count; the result
// is NaN where no item has two, and 1 where all are of one class, as nltk has it (Krippendorff 2011, "Computing
// Krippendorff's alpha-reliability").
func KrippendorffAlpha(a Annotations, level Level) (float64, error) {
	items, err := a.byItem()
	if err != nil {
		return 0, fmt.Errorf("compute Krippendorff's alpha: %w", err)
	}
	total, class := 0.0, make([]float64, a.Classes) // annotations that can be paired
	for _, list := range items {
		if len(list) > 1 {
			total += float64(len(list))
			for _, n := range list {
				class[n.Class]++
			}
		}
	}
	apart := level.distances(class)
	expected := 0.0
	for c, p := range class {
		for d, q := range class {
			expected += p * q * apart(c, d)
		}
	}
	if total > 0 && expected == 0 {
		return 1, nil
	}
	observed := 0.0
	for _, list := range items {
		for i, n := range list {
			for _, m := range list[:i] {
				observed += 2 * apart(n.Class, m.Class) / float64(len(list)-1)
			}
		}
	}
	return 1 - observed*(total-1)/expected, nil
}

// distances gives the distance of two classes that have been given as often as class says.
func (l Level) distances(class []float64) func(c, d int) float64 {
	below := make([]float64, len(class)) // annotations up to the middle of a class
	total := 0.0
	for c, n := range class {
		below[c] = total + n/2
		total += n
	}
	return func(c, d int) float64 {
		switch {
		case c == d:
			return 0
		case l == Ordinal:
			return (below[c] - below[d]) * (below[c] - below[d])
		case l == Interval:
			return float64((c - d) * (c - d))
		}
		return 1
	}
}
