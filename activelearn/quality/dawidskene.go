package quality

import (
	"fmt"
	"math"

	"github.com/labelloop/labelloop/activelearn"
)

// DawidSkene is what expectation maximisation makes of annotations: the classes of the items, and how each annotator errs.
type DawidSkene struct {
	Consensus []int         // the most probable class of each item, the lowest of equals
	Probs     [][]float64   // P(true class): items x classes
	Prior     []float64     // P(true class) over all items
	Errors    [][][]float64 // P(given class = row | true class = column) of each annotator: annotators x classes x classes
}

// FitDawidSkene runs at most 100 rounds, from the majority vote, and stops where the evidence gains less than 1e-5 for
// each annotation. Classes that nobody gave have probability 0, and so have the rows of Errors for classes that the
// annotator never gave. An item without annotations is an error. The same numbers as crowd-kit's DawidSkene (Dawid and
// Skene 1979, "Maximum likelihood estimation of observer error-rates using the EM algorithm").
func FitDawidSkene(a Annotations) (DawidSkene, error) {
	const rounds, gain = 100, 1e-5
	_, probs, err := MajorityVote(a)
	if err != nil {
		return DawidSkene{}, fmt.Errorf("fit Dawid-Skene: %w", err)
	}
	m := newConfusions(a)
	prior := m.prior(probs)
	m.maximise(probs)
	evidence := math.Inf(-1)
	for range rounds {
		m.expect(probs, prior)
		prior = m.prior(probs)
		m.maximise(probs)
		now := m.evidence(probs, prior)
		if now-evidence < gain {
			break
		}
		evidence = now
	}
	fit := DawidSkene{Consensus: make([]int, a.Items), Probs: probs, Prior: prior, Errors: make([][][]float64, a.Annotators)}
	for i, row := range probs {
		fit.Consensus[i] = activelearn.Argmax(row)
	}
	for w := range fit.Errors {
		fit.Errors[w] = make([][]float64, a.Classes)
		for c := range fit.Errors[w] {
			fit.Errors[w][c] = make([]float64, a.Classes)
			if at, ok := m.pair[[2]int{w, c}]; ok {
				copy(fit.Errors[w][c], m.errors[at])
			}
		}
	}
	return fit, nil
}

// floor keeps probabilities off 0 before their logarithm is taken.
const floor = 1e-10

// confusions estimates the error rates of annotators.
type confusions struct {
	Annotations
	seen   []bool         // classes that somebody gave
	pair   map[[2]int]int // place in errors of an annotator and a class that they gave
	errors [][]float64    // P(that class | true class) by true class
	of     []int          // annotator of each row of errors
}

func newConfusions(a Annotations) *confusions {
	m := &confusions{Annotations: a, seen: make([]bool, a.Classes), pair: map[[2]int]int{}}
	for _, n := range a.List {
		m.seen[n.Class] = true
		key := [2]int{n.Annotator, n.Class}
		if _, ok := m.pair[key]; !ok {
			m.pair[key] = len(m.errors)
			m.errors = append(m.errors, make([]float64, a.Classes))
			m.of = append(m.of, n.Annotator)
		}
	}
	return m
}

func (m *confusions) prior(probs [][]float64) []float64 {
	prior := make([]float64, m.Classes)
	for _, row := range probs {
		for c, p := range row {
			prior[c] += p / float64(len(probs))
		}
	}
	return prior
}

// maximise takes the error rates from the probabilities of the true classes.
func (m *confusions) maximise(probs [][]float64) {
	for _, rates := range m.errors {
		clear(rates)
	}
	for _, n := range m.List {
		rates := m.errors[m.pair[[2]int{n.Annotator, n.Class}]]
		for c, p := range probs[n.Item] {
			rates[c] += p
		}
	}
	total := make([][]float64, m.Annotators)
	for w := range total {
		total[w] = make([]float64, m.Classes)
	}
	for at, rates := range m.errors {
		for c, seen := range m.seen {
			if seen {
				rates[c] = max(rates[c], floor)
				total[m.of[at]][c] += rates[c]
			}
		}
	}
	for at, rates := range m.errors {
		for c, seen := range m.seen {
			if seen {
				rates[c] /= total[m.of[at]][c]
			}
		}
	}
}

// expect takes the probabilities of the true classes from the error rates.
func (m *confusions) expect(probs [][]float64, prior []float64) {
	for _, row := range probs {
		for c, seen := range m.seen {
			row[c] = math.Inf(-1)
			if seen {
				row[c] = math.Log(max(prior[c], floor))
			}
		}
	}
	for _, n := range m.List {
		rates := m.errors[m.pair[[2]int{n.Annotator, n.Class}]]
		for c, seen := range m.seen {
			if seen {
				probs[n.Item][c] += math.Log(rates[c])
			}
		}
	}
	for _, row := range probs {
		highest, total := row[activelearn.Argmax(row)], 0.0
		for c := range row {
			row[c] = math.Exp(row[c] - highest)
			total += row[c]
		}
		for c := range row {
			row[c] /= total
		}
	}
}

// evidence is the lower bound of the log likelihood, for each annotation. As in crowd-kit, the prior counts once for each
// annotation of an item.
func (m *confusions) evidence(probs [][]float64, prior []float64) float64 {
	bound := 0.0
	for _, n := range m.List {
		rates := m.errors[m.pair[[2]int{n.Annotator, n.Class}]]
		for c, p := range probs[n.Item] {
			if m.seen[c] {
				bound += p * (math.Log(rates[c]) + math.Log(max(prior[c], floor)))
			}
		}
	}
	for _, row := range probs {
		for c, p := range row {
			if m.seen[c] {
				bound -= max(p, floor) * math.Log(max(p, floor))
			}
		}
	}
	return bound / float64(len(m.List))
}
