package quality

import (
	"fmt"
	"math"
	"slices"

	"github.com/labelloop/labelloop/activelearn"
)

// crowd is what annotators and a model say of the same items.
type crowd struct {
	classes    int
	items      [][]Annotation // of each item, by annotator
	annotators [][]Annotation // of each annotator, by item
	probs      [][]float64    // by the model: items x classes
}

func newCrowd(a Annotations, probs activelearn.Matrix) (crowd, error) {
	if err := checkProbs(probs, a.Items); err != nil {
		return crowd{}, err
	}
	if a.Classes != probs.Cols {
		return crowd{}, fmt.Errorf("annotations of %d classes, but probabilities of %d", a.Classes, probs.Cols)
	}
	items, err := a.covered()
	if err != nil {
		return crowd{}, err
	}
	c := crowd{a.Classes, items, make([][]Annotation, a.Annotators), make([][]float64, a.Items)}
	for _, list := range items {
		for _, n := range list {
			c.annotators[n.Annotator] = append(c.annotators[n.Annotator], n)
		}
	}
	for w, list := range c.annotators {
		if len(list) == 0 {
			return crowd{}, fmt.Errorf("annotator %d has labelled nothing: leave them out", w)
		}
	}
	of(probs).each(func(i int, row []float64) { c.probs[i] = slices.Clone(row) })
	for i, row := range c.probs {
		if sum(row) == 0 {
			return crowd{}, fmt.Errorf("probabilities of item %d are all 0", i)
		}
	}
	return c, nil
}

// single tells whether no item has two annotations.
func (c crowd) single() bool {
	return !slices.ContainsFunc(c.items, func(list []Annotation) bool { return len(list) > 1 })
}

// depth is the mean number of annotations of an item.
func (c crowd) depth() float64 {
	total := 0
	for _, list := range c.items {
		total += len(list)
	}
	return float64(total) / float64(len(c.items))
}

// agreement is the share of the annotations of which agrees is true, NaN of none.
func agreement(list []Annotation, agrees func(Annotation) bool) float64 {
	n := 0
	for _, a := range list {
		if agrees(a) {
			n++
		}
	}
	return float64(n) / float64(len(list))
}

// fillGaps puts the mean of the others in the place of NaNs.
func fillGaps(x []float64) {
	known := slices.DeleteFunc(slices.Clone(x), math.IsNaN)
	for i, v := range x {
		if math.IsNaN(v) {
			x[i] = mean(known)
		}
	}
}

// mutual gives the agreement of each annotator with the others on the same items, weighed by how many they are.
func (c crowd) mutual() []float64 {
	mutual := make([]float64, len(c.annotators))
	for w, list := range c.annotators {
		weighed, others := make([]float64, len(list)), 0.0
		for at, mine := range list {
			peers := float64(len(c.items[mine.Item]) - 1)
			if peers == 0 {
				continue
			}
			agreed := -1.0 // one agrees with oneself
			for _, n := range c.items[mine.Item] {
				if n.Class == mine.Class {
					agreed++
				}
			}
			weighed[at] = agreed / peers * peers
			others += peers
		}
		mutual[w] = sum(weighed) / others
	}
	fillGaps(mutual)
	return mutual
}

// majority gives the most frequent class of each item. Of equals it takes the one that the model finds most probable,
// then the one that is rarest among all annotations, then the one whose annotators agree most with the clear majorities,
// then the lowest.
func (c crowd) majority() []int {
	votes, frequency := make([][]float64, len(c.items)), make([]float64, c.classes)
	for i, list := range c.items {
		votes[i] = make([]float64, c.classes)
		for _, n := range list {
			votes[i][n.Class]++
			frequency[n.Class]++
		}
	}
	majority, tied := make([]int, len(c.items)), make([][]int, len(c.items))
	for i := range c.items {
		for k := range c.classes {
			tied[i] = append(tied[i], k)
		}
		tied[i] = highest(tied[i], func(k int) float64 { return votes[i][k] })
		majority[i] = -1
		if len(tied[i]) == 1 {
			majority[i] = tied[i][0]
		}
	}
	trust := c.trust(majority)
	for i, classes := range tied {
		classes = highest(classes, func(k int) float64 { return c.probs[i][k] })
		classes = highest(classes, func(k int) float64 { return -frequency[k] })
		classes = highest(classes, func(k int) float64 {
			var trusts []float64
			for _, n := range c.items[i] {
				if n.Class == k {
					trusts = append(trusts, trust[n.Annotator])
				}
			}
			return mean(trusts)
		})
		majority[i] = classes[0]
	}
	return majority
}

// trust gives the agreement of each annotator with the clear majorities; majority is -1 where there is none.
func (c crowd) trust(majority []int) []float64 {
	trust := make([]float64, len(c.annotators))
	for w, list := range c.annotators {
		var settled []Annotation
		for _, n := range list {
			if majority[n.Item] >= 0 {
				settled = append(settled, n)
			}
		}
		trust[w] = agreement(settled, func(n Annotation) bool { return n.Class == majority[n.Item] })
	}
	fillGaps(trust)
	return trust
}

// highest keeps the classes with the highest value; all, where values are NaN.
func highest(classes []int, value func(class int) float64) []int {
	if len(classes) == 1 {
		return classes
	}
	best := math.Inf(-1)
	for _, k := range classes {
		best = max(best, value(k))
	}
	if math.IsNaN(best) {
		return classes
	}
	var kept []int
	for _, k := range classes {
		if value(k) == best {
			kept = append(kept, k)
		}
	}
	return kept
}
