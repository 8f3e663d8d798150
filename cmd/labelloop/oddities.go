package main

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/labelloop/labelloop/activelearn"
	"github.com/labelloop/labelloop/activelearn/quality"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/report"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// Bounds of what a report compares and lists. To find the neighbours of n items takes time of order n^2: some seconds.
const (
	mostCompared   = 10_000
	neighboursOf   = 10 // as many as cleanlab's Datalab takes
	mostSets       = 20
	mostOfSet      = 5
	mostOutliers   = 20
	leastToCompare = 3 * neighboursOf
)

// oddities finds near-duplicates and outliers of the pool by the encoder that has embedded the most items: of all, or of a
// random sample of mostCompared.
func oddities(ctx context.Context, s *sqlite.Store, counts label.Counts) (report.Oddities, error) {
	var r report.Oddities
	var encoder label.Encoder
	for _, e := range counts.Encoders {
		if e.Embeddings > r.Pool {
			encoder, r.Pool = e.Encoder, e.Embeddings
		}
	}
	if r.Pool < leastToCompare {
		return r, nil
	}
	numbers, err := s.Numbers(ctx, label.Pool, label.AnyState)
	if err != nil {
		return r, err
	}
	drawn := make([]keyed, len(numbers))
	for i, item := range numbers {
		drawn[i] = keyOf(s.Project(), item)
	}
	sample := ordered(drawn)
	r.Pool = min(r.Pool, len(sample))
	have, vectors, err := s.Embedded(ctx, encoder, sample[:min(len(sample), mostCompared)])
	if err != nil || len(have) < leastToCompare {
		return r, err
	}
	near, err := quality.FindNeighbors(activelearn.Matrix{Rows: len(have), Cols: encoder.Dims, Data: vectors}, neighboursOf)
	if err != nil {
		return r, err
	}
	r.Compared = len(have)
	distances, duplicates := near.NearDuplicates()
	sets := joined(duplicates)
	r.Duplicates = len(sets)
	slices.SortStableFunc(sets, func(a, b []int) int { return cmp.Compare(len(b), len(a)) })
	for _, set := range sets[:min(len(sets), mostSets)] {
		shown, err := show(ctx, s, have, set[:min(len(set), mostOfSet)], distances)
		if err != nil {
			return r, err
		}
		r.Sets = append(r.Sets, shown)
	}
	typical, out := near.Outliers()
	var strange []int
	for i, is := range out {
		if is {
			strange = append(strange, i)
		}
	}
	r.Outliers = len(strange)
	slices.SortStableFunc(strange, func(a, b int) int { return cmp.Compare(typical[a], typical[b]) })
	r.Items, err = show(ctx, s, have, strange[:min(len(strange), mostOutliers)], typical)
	return r, err
}

// joined gives the sets of items that are joined by being nearly the same, each in ascending order.
func joined(duplicates [][]int) [][]int {
	var sets [][]int
	seen := make([]bool, len(duplicates))
	for i := range duplicates {
		if seen[i] || len(duplicates[i]) == 0 {
			continue
		}
		seen[i] = true
		set := []int{i}
		for k := 0; k < len(set); k++ {
			for _, other := range duplicates[set[k]] {
				if !seen[other] {
					seen[other] = true
					set = append(set, other)
				}
			}
		}
		slices.Sort(set)
		sets = append(sets, set)
	}
	return sets
}

// show gives items, by their places among the numbers, as a report shows them.
func show(ctx context.Context, s *sqlite.Store, numbers []int64, places []int, scores []float64) ([]report.Shown, error) {
	wanted := make([]int64, len(places))
	for i, place := range places {
		wanted[i] = numbers[place]
	}
	records, err := s.Records(ctx, wanted)
	if err != nil {
		return nil, err
	}
	shown := make([]report.Shown, len(records))
	for i, r := range records {
		shown[i] = report.Shown{ID: r.Item.ID, Content: strings.TrimSpace(cmp.Or(r.Item.Image, r.Item.Text)), Score: scores[places[i]]}
	}
	return shown, nil
}
