package gate

import (
	"cmp"
	"fmt"
	"slices"
)

// judgeable is the number of items from which a label's recall can be judged: with fewer not even the loss of all of them is
// evidence.
const judgeable = 4

// level is the probability with which chance alone may show a fall. It is shared by all labels that can be judged, but for one
// that is never found any more, which has all of it: else a rare label could be given up wherever there are many.
const level = 0.10

// fall is what became of a label.
type fall struct {
	label, items  int
	before, after float64 // recall
	lost, gained  int     // of its items, those that one model alone gives it to
	calls         [2]int  // items that the models before and after give it to
	shown         bool    // its recall has fallen by more than the bound
}

// repaid tells whether the label's F1 did not fall with its recall: the model before gave it to many items that are others',
// and so missed few of its own.
func (f fall) repaid() bool {
	before, after := f.f1()
	return after > 0 && after >= before
}

func (f fall) f1() (before, after float64) {
	n := float64(f.items)
	return 2 * f.before * n / max(float64(f.calls[0])+n, 1), 2 * f.after * n / max(float64(f.calls[1])+n, 1)
}

// recalls compares the labels' recalls. Were a recall to fall by exactly the bound, of the items on which the models differ a
// share of (1 + bound * items / differing) / 2 would be lost; a label is shown to have fallen by more when so many are lost
// with a probability of at most the level (McNemar's test, with a margin).
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
	for m, d := range []decisions{p.before, p.after} {
		for _, given := range d.given {
			for _, k := range given {
				list[k].calls[m]++
			}
		}
	}
	judged := 0
	for _, f := range list {
		if f.items >= judgeable {
			judged++
		}
	}
	for k := range list {
		f := &list[k]
		f.label = k
		n := float64(max(f.items, 1))
		f.before, f.after = f.before/n, f.after/n
		bound, chance := p.bound, level/float64(max(judged, 1))
		if f.after == 0 {
			bound, chance = Recall, level
		}
		differing := f.lost + f.gained
		expected := min((1+bound*n/float64(max(differing, 1)))/2, 1)
		f.shown = f.before-f.after > bound && atLeast(f.lost, differing, expected) <= chance
	}
	return list
}

// recall refuses a candidate that ruins a label, however rare, for the good of the others.
func (p paired) recall(names []string) Check {
	list := p.recalls()
	var fallen, repaid, few []string
	for _, f := range list {
		switch before, after := f.f1(); {
		case f.shown && f.repaid():
			repaid = append(repaid, fmt.Sprintf("%s is found less often, %s to %s of %d items, but its F1 went from %s to %s",
				names[f.label], percent(f.before), percent(f.after), f.items, percent(before), percent(after)))
		case f.shown:
			fallen = append(fallen, fmt.Sprintf("%s from %s to %s of %d items", names[f.label], percent(f.before), percent(f.after), f.items))
		case f.items < judgeable:
			few = append(few, names[f.label])
		}
	}
	worst := slices.MinFunc(list, func(a, b fall) int { return cmp.Compare(a.after-a.before, b.after-b.before) })
	c := Check{Name: "recall of each label", Outcome: Fine, Before: percent(worst.before), After: percent(worst.after),
		Change: fmt.Sprintf("%+.1f", 100*(worst.after-worst.before)),
		Numbers: map[string]float64{"worst": worst.after - worst.before, "fallen": float64(len(fallen)), "repaid": float64(len(repaid)),
			"too_few_items": float64(len(few))},
		Says: fmt.Sprintf("none is shown to have fallen by more than %g points at its cost (worst: %s, %d items)", 100*p.bound, names[worst.label], worst.items)}
	if len(repaid) > 0 {
		c.Says += "; " + some(repaid)
	}
	if len(few) > 0 {
		c.Says += fmt.Sprintf("; too few evaluation items to judge %s", some(few))
	}
	if fallen != nil {
		c.Outcome, c.Says = Refused, fmt.Sprintf("by more than %g points fell %s", 100*p.bound, some(fallen))
	}
	return c
}
