package report

import "fmt"

// Issues lists items whose label is likely wrong.
type Issues struct {
	Found int // how many there are; Items may hold fewer
	Items []Issue
}

// Issue is an item whose given label does not fit what the model learned from the others.
type Issue struct {
	ID        string
	Shown     string // the text, or the path of the picture
	Given     string
	Suggested string
	Score     float64 // quality of the given label, 0 to 1: the lower, the likelier it is wrong
}

func (i Issues) content() content {
	c := content{Title: "Label issues", Lead: "No label looks wrong.", Wide: true}
	if len(i.Items) == 0 {
		return c
	}
	found := max(i.Found, len(i.Items))
	c.Lead = fmt.Sprintf("%s %s likely wrong. Look at them again before training on them.", things(found, "label"),
		plural(found, "is", "are"))
	t := table{
		Caption: "Labels that are likely wrong, the likeliest first",
		Columns: []column{text("Item"), text("Content"), text("Given"), text("Suggested"), number("Quality")},
	}
	if found > len(i.Items) {
		t.Caption = fmt.Sprintf("The %s likeliest wrong of %s", count(len(i.Items)), count(found))
	}
	for _, it := range i.Items {
		t.Rows = append(t.Rows, []string{fit(it.ID, 60), fit(it.Shown, 240), it.Given, it.Suggested, decimal(it.Score, 3)})
	}
	c.Tables = []table{t}
	return c
}
