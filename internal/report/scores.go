package report

import (
	"fmt"
	"slices"
)

// LabelScores shows how well the model knows each label; in a multi-label project it stands for the confusion matrix.
type LabelScores struct {
	Labels []LabelScore
}

// LabelScore counts the reviewed items that bear on a label.
type LabelScore struct {
	Label  string
	Right  int // have it and were predicted to (true positives)
	Wrong  int // were predicted to have it and do not (false positives)
	Missed int // have it and were not predicted to (false negatives)
}

func (s LabelScore) precision() float64 { return ratio(s.Right, s.Right+s.Wrong) }
func (s LabelScore) recall() float64    { return ratio(s.Right, s.Right+s.Missed) }
func (s LabelScore) f1() float64        { return ratio(2*s.Right, 2*s.Right+s.Wrong+s.Missed) }

func (l LabelScores) content() content {
	c := content{Title: "Labels", Lead: "No reviewed item has a prediction yet.", Wide: true}
	var sum LabelScore
	for _, s := range l.Labels {
		sum = LabelScore{"", sum.Right + s.Right, sum.Wrong + s.Wrong, sum.Missed + s.Missed}
	}
	if sum == (LabelScore{}) {
		return c
	}
	c.Lead = fmt.Sprintf("Over all labels: precision %s, recall %s, F1 %s.", percent(sum.precision()),
		percent(sum.recall()), percent(sum.f1()))
	c.Tables = []table{l.table()}
	return c
}

// table lists the labels, the worst first.
func (l LabelScores) table() table {
	t := table{
		Caption: "Labels, the worst first",
		Columns: []column{text("Label"), number("Items"), number("Precision"), number("Recall"), number("F1")},
	}
	labels := slices.Clone(l.Labels)
	slices.SortStableFunc(labels, func(a, b LabelScore) int { return order(a.f1(), b.f1()) })
	for _, s := range labels {
		t.Rows = append(t.Rows, []string{s.Label, count(s.Right + s.Missed), percent(s.precision()), percent(s.recall()),
			percent(s.f1())})
	}
	return t
}

// order compares two numbers; what is not a number comes last.
func order(a, b float64) int {
	switch {
	case a < b || finite(a) && !finite(b):
		return -1
	case a > b || finite(b) && !finite(a):
		return 1
	}
	return 0
}
