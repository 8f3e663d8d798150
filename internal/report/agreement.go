package report

import (
	"fmt"
	"math"
)

// Agreement shows whether people label alike.
type Agreement struct {
	Items      int // labelled by two people or more
	Measures   []Measure
	Annotators []Annotator
	Kappa      [][]float64 // Cohen's kappa, annotators x annotators, or nil; not a number where a pair shares too few items
	Shared     [][]int     // items that both labelled, of the shape of Kappa
}

// Measure is a figure for all annotators, such as Krippendorff's alpha.
type Measure struct {
	Name      string
	Value     float64
	Low, High float64 // its confidence interval; not numbers where there is none
}

// Annotator is how one person does beside the others.
type Annotator struct {
	Name      string
	Labels    int
	Consensus float64 // share of labels that are the consensus
	Quality   float64 // as CROWDLAB or Dawid-Skene estimate it, 0 to 1; not a number where it is not known
}

func (a Agreement) content() content {
	c := content{Title: "Agreement", Lead: "No item has been labelled by two people yet."}
	if a.Items == 0 || len(a.Annotators) < 2 {
		return c
	}
	c.Lead = fmt.Sprintf("%s labelled by two people or more.", things(a.Items, "item"))
	if len(a.Measures) > 0 {
		c.Lead += fmt.Sprintf(" %s is %s.", a.Measures[0].Name, decimal(a.Measures[0].Value, 2))
	}
	measures := table{
		Caption: "Measures of agreement",
		Columns: []column{text("Measure"), number("Value"), number("From"), number("To")},
	}
	for _, m := range a.Measures {
		measures.Rows = append(measures.Rows, []string{m.Name, decimal(m.Value, 3), decimal(m.Low, 3), decimal(m.High, 3)})
	}
	people := table{
		Caption: "Annotators beside the consensus",
		Columns: []column{text("Annotator"), number("Labels"), number("Agrees"), number("Quality")},
	}
	var names []string
	for _, p := range a.Annotators {
		names = append(names, p.Name)
		people.Rows = append(people.Rows, []string{p.Name, count(p.Labels), percent(p.Consensus), decimal(p.Quality, 3)})
	}
	if len(a.Measures) > 0 {
		c.Tables = append(c.Tables, measures)
	}
	c.Tables = append(c.Tables, people)
	if a.Kappa != nil {
		c.Chart = a.chart(names, c.Lead)
		c.Tables = append(c.Tables, a.pairs(names))
	}
	return c
}

func (a Agreement) pairs(names []string) table {
	t := table{
		Caption: "Cohen's kappa by pair",
		Columns: []column{text("Annotator"), text("Annotator"), number("Kappa"), number("Shared items")},
		Folded:  true,
	}
	for i := range a.Annotators {
		for j := range i {
			t.Rows = append(t.Rows, []string{names[j], names[i], decimal(a.Kappa[i][j], 3), count(a.Shared[i][j])})
		}
	}
	return t
}

func (a Agreement) chart(names []string, lead string) *chart {
	return heat{
		title:  "Agreement of pairs of annotators",
		desc:   "Heat map of Cohen's kappa between annotators; darker means that they agree more. " + lead,
		names:  names,
		rows:   "annotator",
		across: "annotator",
		cell: func(i, j int) heatCell {
			kappa := a.Kappa[i][j]
			if i == j || !finite(kappa) {
				return heatCell{}
			}
			look := heatCell{share: math.Abs(kappa), hue: "hit", text: decimal(kappa, 2)}
			if kappa < 0 {
				look.hue = "miss"
			}
			look.hint = fmt.Sprintf("%s and %s: kappa %s over %s", names[i], names[j], look.text,
				things(a.Shared[i][j], "item"))
			return look
		},
	}.chart()
}
