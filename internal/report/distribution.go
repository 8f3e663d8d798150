package report

import (
	"cmp"
	"fmt"
	"slices"
)

// LabelDistribution shows how often each label was given by people and by the model.
type LabelDistribution struct {
	Labels []LabelCount
}

// LabelCount says how many items have a label. In a multi-label project an item counts for each of its labels.
type LabelCount struct {
	Label     string
	Labelled  int // by people
	Predicted int // by the model
}

// mostRows is how many labels a plot names; where there are more, it shows the most frequent and the rarest.
const mostRows = 30

func (d LabelDistribution) content() content {
	c := content{Title: "Label distribution", Lead: "No item has a label or a prediction yet."}
	labels := slices.Clone(d.Labels)
	slices.SortStableFunc(labels, func(a, b LabelCount) int {
		return cmp.Or(cmp.Compare(b.Labelled, a.Labelled), cmp.Compare(b.Predicted, a.Predicted))
	})
	var labelled, predicted, never int
	for _, l := range labels {
		labelled, predicted = labelled+l.Labelled, predicted+l.Predicted
		if l.Labelled == 0 {
			never++
		}
	}
	if labelled+predicted == 0 {
		return c
	}
	c.Lead = fmt.Sprintf("%s: %s given by people, %s by the model.", things(len(labels), "label"), count(labelled),
		count(predicted))
	if first := labels[0]; first.Labelled > 0 {
		c.Lead += fmt.Sprintf(" People gave %s most often, %s.", quote(first.Label), times(first.Labelled))
	}
	if never > 0 {
		c.Lead += fmt.Sprintf(" %s %s never given by people.", count(never), plural(never, "was", "were"))
	}

	b := bars{title: c.Title, series: []string{"by people", "by the model"}}
	b.desc = "Bars of each label's share among those given by people and by the model. " + c.Lead
	most := 0.0
	for i, l := range labels {
		given, predictions := ratio(l.Labelled, labelled), ratio(l.Predicted, predicted)
		_, most = extent(most, given, predictions)
		if len(labels) > mostRows && i == mostRows*2/3 {
			b.rows = append(b.rows, barRow{gap: fmt.Sprintf("… %s between …", things(len(labels)-mostRows, "label"))})
		}
		if len(labels) > mostRows && i >= mostRows*2/3 && i < len(labels)-mostRows/3 {
			continue
		}
		b.rows = append(b.rows, barRow{
			name: l.Label,
			bars: [][]part{
				{{given, 1, fmt.Sprintf("%s: %s given by people", l.Label, count(l.Labelled))}},
				{{predictions, 2, fmt.Sprintf("%s: %s by the model", l.Label, count(l.Predicted))}},
			},
			end: fmt.Sprintf("%s · %s", percent(given), percent(predictions)),
		})
	}
	b.axis = axis{max: most}
	c.Chart = b.chart()

	t := table{
		Caption: "Labels given",
		Columns: []column{text("Label"), number("By people"), number("Share"), number("By the model"), number("Share")},
		Folded:  true,
	}
	for _, l := range labels {
		t.Rows = append(t.Rows, []string{l.Label, count(l.Labelled), percent(ratio(l.Labelled, labelled)),
			count(l.Predicted), percent(ratio(l.Predicted, predicted))})
	}
	c.Tables = []table{t}
	return c
}

// times writes how often: "once", "12 times".
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return count(n) + " times"
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
