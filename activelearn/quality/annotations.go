package quality

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/labelloop/labelloop/activelearn"
)

// Annotation is the class that one annotator gave to one item.
type Annotation struct{ Item, Annotator, Class int }

// Annotations are the labels of several annotators, one for an item and annotator at most, in any order.
type Annotations struct {
	Items, Annotators, Classes int
	List                       []Annotation
}

// byItem gives the annotations of each item, by annotator.
func (a Annotations) byItem() ([][]Annotation, error) {
	items := make([][]Annotation, a.Items)
	for _, n := range a.List {
		switch {
		case n.Item < 0 || n.Item >= a.Items:
			return nil, fmt.Errorf("annotation of item %d of %d", n.Item, a.Items)
		case n.Annotator < 0 || n.Annotator >= a.Annotators:
			return nil, fmt.Errorf("annotation of item %d by annotator %d of %d", n.Item, n.Annotator, a.Annotators)
		case n.Class < 0 || n.Class >= a.Classes:
			return nil, fmt.Errorf("annotation of item %d is class %d of %d", n.Item, n.Class, a.Classes)
		}
		items[n.Item] = append(items[n.Item], n)
	}
	for i, list := range items {
		slices.SortFunc(list, func(a, b Annotation) int { return cmp.Compare(a.Annotator, b.Annotator) })
		for j := 1; j < len(list); j++ {
			if list[j].Annotator == list[j-1].Annotator {
				return nil, fmt.Errorf("item %d has two annotations by annotator %d: give the later one alone",
					i, list[j].Annotator)
			}
		}
	}
	return items, nil
}

// covered is byItem where no item may lack an annotation.
func (a Annotations) covered() ([][]Annotation, error) {
	items, err := a.byItem()
	if err != nil {
		return nil, err
	}
	for i, list := range items {
		if len(list) == 0 {
			return nil, fmt.Errorf("item %d has no annotation: leave it out", i)
		}
	}
	return items, nil
}

// shares gives the share of each class among the annotations of an item.
func shares(list []Annotation, classes int) []float64 {
	share := make([]float64, classes)
	for _, n := range list {
		share[n.Class]++
	}
	for c := range share {
		share[c] /= float64(len(list))
	}
	return share
}

// MajorityVote gives the most frequent class of each item, the lowest of equals, and the shares of the classes: items x
// classes. An item without annotations is an error. Crowd-kit's MajorityVote.
func MajorityVote(a Annotations) (consensus []int, probs [][]float64, err error) {
	items, err := a.covered()
	if err != nil {
		return nil, nil, fmt.Errorf("take the majority vote: %w", err)
	}
	consensus, probs = make([]int, len(items)), make([][]float64, len(items))
	for i, list := range items {
		probs[i] = shares(list, a.Classes)
		consensus[i] = activelearn.Argmax(probs[i])
	}
	return consensus, probs, nil
}
