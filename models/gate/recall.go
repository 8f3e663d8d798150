package gate

import (
	"cmp"
	"fmt"
	"slices"
)

// judgeable is the number of items from which a label's recall can be judged: with fewer not even the loss of all of them is
// evidence.
const judgeable = 4

// level is that of the test of one label. It is not lowered for many labels, so that a rare one is protected, too: chance
// alone seldom makes a recall fall by so much more than Recall.
const level = 0.10

// fall is what became of a label.
type fall struct {
	label, items  int
	before, after float64 // recall
	lost, gained  int     // items that one model alone gives the label to
	shown         bool    // to have fallen by more than Recall
}

// recalls compares the labels' recalls. Were a recall to fall by exactly Recall, of the items on which the models differ a
// share of (1 + Recall * items / differing) / 2 would be lost; a label is shown to have fallen by more when so many are lost
// with a probability of at most level (McNemar's test, with a margin).
func (p paired) recalls() []fall {
	list := make([]fall, p.labels)
	for i, truth := range p.truths {
		for _, k := range truth {
			had, has := slices.Contains(p.before.given[i], k), slices.Contains(p.after.given[i], k)
			f := &list[k]
			f.items++
			if had {
				f.before++
			}
			if has {
				f.after++
			}
			if had && !has {
				f.lost++
			}
			if has && !had {
				f.gained++
			}
		}
	}
	for k := range list {
		f := &list[k]
		f.label = k
		n := float64(max(f.items, 1))
		f.before, f.after = f.before/n, f.after/n
		differing := f.lost + f.gained
		expected := min((1+Recall*n/float64(max(differing, 1)))/2, 1)
		f.shown = f.before-f.after > Recall && atLeast(f.lost, differing, expected) <= level
	}
	return list
}

// recall refuses a candidate that ruins a label, however rare, for the good of the others.
func (p paired) recall(names []string) Check {
	list := p.recalls()
	var fallen, few []string
	for _, f := range list {
		switch {
		case f.shown:
			fallen = append(fallen, fmt.Sprintf("%s from %s to %s of %d items", names[f.label], percent(f.before), percent(f.after), f.items))
		case f.items < judgeable:
			few = append(few, names[f.label])
		}
	}
	worst := slices.MinFunc(list, func(a, b fall) int { return cmp.Compare(a.after-a.before, b.after-b.before) })
	c := Check{Name: "recall of each label", Outcome: Fine, Before: percent(worst.before), After: percent(worst.after),
		Change:  fmt.Sprintf("%+.1f", 100*(worst.after-worst.before)),
		Numbers: map[string]float64{"worst": worst.after - worst.before, "fallen": float64(len(fallen)), "too_few_items": float64(len(few))},
		Says:    fmt.Sprintf("none is shown to have fallen by more than %g points (worst: %s, %d items)", 100*Recall, names[worst.label], worst.items)}
	if len(few) > 0 {
		c.Says += fmt.Sprintf("; too few evaluation items to judge %s", some(few))
	}
	if fallen != nil {
		c.Outcome, c.Says = Refused, fmt.Sprintf("by more than %g points fell %s", 100*Recall, some(fallen))
	}
	return c
}
