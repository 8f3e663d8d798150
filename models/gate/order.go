package gate

import "fmt"

// Exchanged labels show when reading a candidate's labels as others makes it right far more often.
const (
	exchangeGain  = 0.05 // of all items
	exchangeLevel = 0.01
)

// order finds out whether the outputs are in the order of the labels. A file that names them in another order is a sound
// model under wrong names: each label that it gives stands for another one. Which one is learned from one half of the items
// and tried on the other.
func (p paired) order(names []string) Check {
	var read [2][]int // what each given label stands for, by the items of one half
	for half := range read {
		read[half] = p.standsFor(half)
	}
	better, worse, right := 0, 0, 0
	for i := range p.truths {
		given := make([]int, len(p.after.given[i]))
		for j, k := range p.after.given[i] {
			given[j] = read[1-i%2][k]
		}
		now := p.after.given[i] != nil && sameSet(given, p.truths[i])
		switch {
		case now && !p.after.right[i]:
			better++
		case !now && p.after.right[i]:
			worse++
		}
		if now {
			right++
		}
	}
	n := float64(len(p.truths))
	if float64(better-worse) < exchangeGain*n || atLeast(better, better+worse, 0.5) > exchangeLevel {
		return Check{Name: "label order", Outcome: Fine, Says: "the labels stand for what they are called"}
	}
	return Check{Name: "label order", Outcome: Refused, Numbers: map[string]float64{"exchanged": float64(right) / n},
		Says: fmt.Sprintf("labels seem to be exchanged: with others in their places, such as %s, it would be right on %s; "+
			"look at id2label in its config.json", p.example(names, read), percent(float64(right)/n))}
}

// standsFor gives for each label the one that items to which the candidate gives it have most often; itself where no other
// one is as frequent twice over.
func (p paired) standsFor(half int) []int {
	tally := make([]map[int]int, p.labels)
	for i := half; i < len(p.truths); i += 2 {
		for _, k := range p.after.given[i] {
			if tally[k] == nil {
				tally[k] = map[int]int{}
			}
			for _, truth := range p.truths[i] {
				tally[k][truth]++
			}
		}
	}
	read := make([]int, p.labels)
	for k := range read {
		read[k] = k
		for truth, n := range tally[k] {
			if n >= 2 && n > 2*tally[k][k] && (n > tally[k][read[k]] || n == tally[k][read[k]] && truth < read[k]) {
				read[k] = truth
			}
		}
	}
	return read
}

// example tells one label that both halves read as the same other one.
func (p paired) example(names []string, read [2][]int) string {
	for k := range names {
		if read[0][k] != k && read[0][k] == read[1][k] {
			return fmt.Sprintf("%s for %s", names[read[0][k]], names[k])
		}
	}
	return "others"
}
