package gate

import (
	"math"
	"slices"
)

// paired is what both models make of each item.
type paired struct {
	labels int
	truths [][]int
	before decisions
	after  decisions
	rule   bool    // before is a rule
	bound  float64 // of a label's fall in recall
}

// decisions are one model's labels, and how sure it was of them.
type decisions struct {
	given [][]int   // nil where it failed on the item
	right []bool    // all labels of the item are right, and no other is given
	loss  []float64 // log loss, in nats; NaN where it failed
	sure  []float64 // confidence in what was given: of the top label, or of the least certain decision
}

// least is the probability under which none is counted: float32 tells no smaller ones from 0 beside 1.
const least = 1e-7

func pair(e Evidence) paired {
	bound := Recall
	if e.First {
		bound = First
	}
	return paired{len(e.Labels), e.Truths, decide(e, e.Reference.Probs), decide(e, e.Candidate.Probs), e.Reference.Rule, bound}
}

func decide(e Evidence, probs [][]float32) decisions {
	d := decisions{make([][]int, len(probs)), make([]bool, len(probs)), make([]float64, len(probs)), make([]float64, len(probs))}
	for i, row := range probs {
		if row == nil {
			d.loss[i] = math.NaN()
			continue
		}
		top := slices.Max(row)
		if e.MultiLabel {
			d.given[i], d.sure[i], d.loss[i] = several(row, e.Truths[i])
		} else {
			d.given[i], d.sure[i] = []int{slices.Index(row, top)}, float64(top)
			d.loss[i] = -math.Log(max(float64(row[e.Truths[i][0]]), least))
		}
		d.right[i] = sameSet(d.given[i], e.Truths[i])
	}
	return d
}

// several decides each label by itself. The loss is the mean over the labels.
func several(row []float32, truth []int) (given []int, sure, loss float64) {
	given, sure = []int{}, 1
	for k, q := range row {
		p := float64(q)
		if p >= 0.5 {
			given = append(given, k)
		}
		sure = min(sure, max(p, 1-p))
		if !slices.Contains(truth, k) {
			p = 1 - p
		}
		loss -= math.Log(max(p, least)) / float64(len(row))
	}
	return given, sure, loss
}

func sameSet(a, b []int) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// changed lists the items on which one model is right and the other is not: those that became worse first.
func (p paired) changed(names []string) []Change {
	named := func(labels []int) []string {
		list := make([]string, len(labels))
		for i, k := range labels {
			list[i] = names[k]
		}
		return list
	}
	var list []Change
	for _, better := range []bool{false, true} {
		for i := range p.truths {
			if p.before.right[i] != p.after.right[i] && p.after.right[i] == better {
				list = append(list, Change{Index: i, Truth: named(p.truths[i]), Before: named(p.before.given[i]),
					After: named(p.after.given[i]), Better: better})
			}
		}
	}
	return list
}
