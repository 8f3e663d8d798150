package activelearn

import (
	"iter"
	"math"
	"math/bits"
)

// predictedFrom is the probability over which a class is predicted in multi-label classification.
const predictedFrom = 0.5

// predicted yields the classes that a row of probabilities predicts.
func predicted(row []float32) iter.Seq[int] {
	return func(yield func(int) bool) {
		for class, p := range row {
			if p > predictedFrom && !yield(class) {
				return
			}
		}
	}
}

// classSet is a set of classes: bit c of the words is set where class c is in it.
type classSet []uint64

func newClassSet(classes int, members iter.Seq[int]) classSet {
	set := make(classSet, (classes+63)/64)
	for c := range members {
		set[c/64] |= 1 << (c % 64)
	}
	return set
}

// common is the number of classes that are in both sets.
func (s classSet) common(t classSet) int {
	n := 0
	for i, word := range s {
		n += bits.OnesCount64(word & t[i])
	}
	return n
}

// setDistance measures how unlike two sets of classes are, seen as two variables that are observed once per class.
type setDistance struct {
	classes int
	nlogn   []float64 // n log2 n for n from 0 to classes
}

func newSetDistance(classes int) setDistance {
	d := setDistance{classes, make([]float64, classes+1)}
	for n := 2; n <= classes; n++ {
		d.nlogn[n] = float64(n) * math.Log2(float64(n))
	}
	return d
}

// between is the variation of information of two sets over their joint entropy, from 0 to 1; and 1 for complements, of
// which either tells the other.
func (d setDistance) between(s, t classSet) float64 {
	sizeS, sizeT, both := s.common(s), t.common(t), s.common(t)
	onlyS, onlyT := sizeS-both, sizeT-both
	neither := d.classes - both - onlyS - onlyT
	if both+neither == 0 {
		return 1
	}
	joint := d.entropy(both, onlyS, onlyT, neither)
	if joint == 0 {
		return 0
	}
	return (2*joint - d.entropy(sizeS, d.classes-sizeS) - d.entropy(sizeT, d.classes-sizeT)) / joint
}

// entropy of counts that sum to the number of classes, in bits.
func (d setDistance) entropy(counts ...int) float64 {
	sum := d.nlogn[d.classes]
	for _, n := range counts {
		sum -= d.nlogn[n]
	}
	return sum / float64(d.classes)
}
