package report

import (
	"cmp"
	"fmt"
	"slices"
)

// Confusion shows which labels the model takes for which. It speaks of items with one label each.
type Confusion struct {
	Labels []string
	Counts [][]int // items by true label (rows) and predicted label (columns), labels x labels
}

// mostNamed is how many labels the heat map has room for. Where there are more, it shows those with the most errors.
const mostNamed = 24

// mostPairs is how long the list of confused pairs is.
const mostPairs = 20

type confusedPair struct{ truth, predicted, items int }

// scores counts, for each label, what LabelScores does.
func (m Confusion) scores() []LabelScore {
	scores := make([]LabelScore, len(m.Labels))
	for i, row := range m.Counts {
		for j, n := range row {
			if i == j {
				scores[i].Right += n
				continue
			}
			scores[i].Missed += n
			scores[j].Wrong += n
		}
	}
	for i, name := range m.Labels {
		scores[i].Label = name
	}
	return scores
}

// pairs are the confused pairs, the most frequent first.
func (m Confusion) pairs() []confusedPair {
	var pairs []confusedPair
	for i, row := range m.Counts {
		for j, n := range row {
			if i != j && n > 0 {
				pairs = append(pairs, confusedPair{i, j, n})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b confusedPair) int { return cmp.Compare(b.items, a.items) })
	return pairs
}

func (m Confusion) content() content {
	c := content{Title: "Confusion matrix", Lead: "No reviewed item has a prediction yet.", Wide: true}
	scores, pairs := m.scores(), m.pairs()
	right, items := 0, 0
	for _, s := range scores {
		right, items = right+s.Right, items+s.Right+s.Missed
	}
	if items == 0 {
		return c
	}
	c.Lead = fmt.Sprintf("The model is right on %s of %s.", percent(ratio(right, items)), things(items, "item"))
	if len(pairs) > 0 {
		first := pairs[0]
		c.Lead += fmt.Sprintf(" Most often it takes %s for %s, %s.", quote(m.Labels[first.truth]),
			quote(m.Labels[first.predicted]), times(first.items))
	}
	c.Chart = m.chart(c.Lead)
	listed := table{
		Caption: "The most confused pairs",
		Columns: []column{text("Label"), text("Taken for"), number("Items"), number("Of the label")},
	}
	if len(pairs) > mostPairs {
		listed.Caption = fmt.Sprintf("The %d most confused of %s", mostPairs, things(len(pairs), "pair"))
	}
	for _, p := range pairs[:min(len(pairs), mostPairs)] {
		s := scores[p.truth]
		listed.Rows = append(listed.Rows, []string{m.Labels[p.truth], m.Labels[p.predicted], count(p.items),
			percent(ratio(p.items, s.Right+s.Missed))})
	}
	if len(pairs) > 0 {
		c.Tables = append(c.Tables, listed)
	}
	each := LabelScores{scores}.table()
	each.Folded = true
	c.Tables = append(c.Tables, each)
	return c
}

// shown are the labels that have a row of their own in the heat map, those that are confused with each other side by
// side: a chain that begins with the most errors and goes on with what its end is confused with most.
func (m Confusion) shown() []int {
	scores := m.scores()
	all := make([]int, len(m.Labels))
	for i := range all {
		all[i] = i
	}
	if len(all) <= mostNamed {
		return all
	}
	errors := func(i int) int { return scores[i].Missed + scores[i].Wrong }
	slices.SortStableFunc(all, func(a, b int) int { return cmp.Compare(errors(b), errors(a)) })
	left := all[:mostNamed]
	chain := []int{left[0]}
	for left = left[1:]; len(left) > 0; {
		end := chain[len(chain)-1]
		next := 0
		for i, l := range left {
			if m.Counts[end][l]+m.Counts[l][end] > m.Counts[end][left[next]]+m.Counts[left[next]][end] {
				next = i
			}
		}
		chain = append(chain, left[next])
		left = slices.Delete(left, next, next+1)
	}
	return chain
}

func (m Confusion) chart(lead string) *chart {
	shown := m.shown()
	// Row and column of each label; those without one of their own share the last.
	place := make([]int, len(m.Labels))
	for i := range place {
		place[i] = len(shown)
	}
	var names []string
	for i, l := range shown {
		place[l] = i
		names = append(names, m.Labels[l])
	}
	if others := len(m.Labels) - len(shown); others > 0 {
		names = append(names, fmt.Sprintf("%s others", count(others)))
	}
	sums, totals := make([][]int, len(names)), make([]int, len(names))
	for i := range sums {
		sums[i] = make([]int, len(names))
	}
	among := 0 // errors among those that share the last row
	for i, row := range m.Counts {
		for j, n := range row {
			sums[place[i]][place[j]] += n
			totals[place[i]] += n
			if i != j && place[i] == len(shown) && place[j] == len(shown) {
				among += n
			}
		}
	}
	h := heat{title: "Confusion matrix", names: names, rows: "label", across: "predicted"}
	h.desc = "Heat map of true labels (rows) and predicted labels (columns), shaded by the share of the row. " + lead
	h.cell = func(row, col int) heatCell {
		n := sums[row][col]
		if n == 0 {
			return heatCell{}
		}
		look := heatCell{share: ratio(n, totals[row]), hue: "miss", text: count(n)}
		look.hint = fmt.Sprintf("%s predicted as %s: %s, %s of the row", names[row], names[col], things(n, "item"),
			percent(look.share))
		if row == col {
			look.hue = "hit"
		}
		if row == col && row == len(shown) {
			look.hint += fmt.Sprintf(", of them %s for another of the same", count(among))
		}
		return look
	}
	return h.chart()
}
