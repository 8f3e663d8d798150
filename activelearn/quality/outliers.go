package quality

import (
	"math"
	"slices"
)

// Outliers scores how typical each item is, from 0 (far from all) to 1, and tells which are outliers. The score is
// exp(-a/m) for an average distance a to the item's neighbours and the median m of these averages; an outlier's average is
// above the third quartile by 1.7 times the distance of the quartiles. Take some 10 neighbours. The same numbers as
// cleanlab's OutOfDistribution and its Datalab's outlier issues (Kuan and Mueller 2022, "Back to the basics: revisiting
// out-of-distribution detection baselines").
func (n Neighbors) Outliers() (scores []float64, outlier []bool) {
	const share = 0.37037 // Datalab's threshold: an item at 1/share interquartile ranges over the first quartile is out
	averages := make([]float64, len(n))
	for i, near := range n {
		distances := make([]float64, len(near))
		for j, neighbor := range near {
			distances[j] = neighbor.Distance
		}
		averages[i] = mean(distances)
	}
	sorted := slices.Sorted(slices.Values(averages))
	first, third := quantile(sorted, 0.25), quantile(sorted, 0.75)
	limit := third + (1/share-1)*(third-first)
	scale := max(quantile(sorted, 0.5), near)
	scores, outlier = make([]float64, len(n)), make([]bool, len(n))
	for i, average := range averages {
		scores[i] = math.Exp(-average / scale)
		outlier[i] = average > limit
	}
	return scores, outlier
}

// NearDuplicates gives, for each item, the items that are nearly the same, in order: those that are nearer than 0.13 times
// the median distance of an item to its nearest, where either is among the neighbours of the other. Scores are
// 1 - exp(-d/m), for a distance d to the nearest and that median m: 0 for equals. The same numbers as the near-duplicate
// issues of cleanlab's Datalab.
func (n Neighbors) NearDuplicates() (scores []float64, duplicates [][]int) {
	const share, zero = 0.13, 1e-8
	nearest := make([]float64, len(n))
	for i, near := range n {
		nearest[i] = near[0].Distance
	}
	median := max(quantile(slices.Sorted(slices.Values(nearest)), 0.5), near)
	scores, duplicates = make([]float64, len(n)), make([][]int, len(n))
	for i, near := range n {
		if nearest[i] > zero {
			scores[i] = 1 - math.Exp(-nearest[i]/median)
		}
		for _, neighbor := range near {
			if neighbor.Distance < share*median {
				duplicates[i] = append(duplicates[i], neighbor.Item)
				duplicates[neighbor.Item] = append(duplicates[neighbor.Item], i)
			}
		}
	}
	for i := range duplicates {
		slices.Sort(duplicates[i])
		duplicates[i] = slices.Compact(duplicates[i])
	}
	return scores, duplicates
}

// quantile interpolates between the two sorted values around it.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}
