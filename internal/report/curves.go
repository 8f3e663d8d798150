package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// LearningCurves shows how a metric grows with the labels given, for one or more strategies.
type LearningCurves struct {
	Title     string  // such as "Banking77"
	Metric    string  // what is measured, such as "Accuracy"
	Seeds     int     // runs that each value is the mean of; 0 where it is no mean
	Level     float64 // confidence of the bands, such as 0.95; 0 where there are none
	Reference string  // the curve that the others are compared with; "" for none
	Curves    []Curve
}

// Curve is what one strategy reached.
type Curve struct {
	Name   string
	Points []CurvePoint // in growing order of labels
}

// CurvePoint is the metric after a round, as a share, and the ends of its band.
type CurvePoint struct {
	Labels           int
	Value, Low, High float64 // Low and High are not numbers where there is no band
}

// last is the last point whose value is known.
func (c Curve) last() (CurvePoint, bool) {
	for _, p := range slices.Backward(c.Points) {
		if finite(p.Value) {
			return p, true
		}
	}
	return CurvePoint{}, false
}

// reaches is the fewest labels at which the curve is at the value or over it, among those that were tried.
func (c Curve) reaches(value float64) (labels int, does bool) {
	for _, p := range c.Points {
		if p.Value >= value {
			return p.Labels, true
		}
	}
	return 0, false
}

// mean is the mean of the metric over the rounds: the area under the curve, for rounds of the same size.
func (c Curve) mean() float64 {
	sum, n := 0.0, 0
	for _, p := range c.Points {
		if finite(p.Value) {
			sum, n = sum+p.Value, n+1
		}
	}
	return sum / float64(n)
}

func (p CurvePoint) String() string {
	if !finite(p.Value) {
		return missing
	}
	if !finite(p.Low) || !finite(p.High) {
		return decimal(100*p.Value, 1)
	}
	return fmt.Sprintf("%s (%s–%s)", decimal(100*p.Value, 1), decimal(100*p.Low, 1), decimal(100*p.High, 1))
}

// known are the curves that have a value.
func (l LearningCurves) known() []Curve {
	return slices.DeleteFunc(slices.Clone(l.Curves), func(c Curve) bool { _, known := c.last(); return !known })
}

// goal is where the reference ends.
func (l LearningCurves) goal() (CurvePoint, bool) {
	for _, c := range l.Curves {
		if c.Name == l.Reference && l.Reference != "" {
			return c.last()
		}
	}
	return CurvePoint{}, false
}

// lead says how many labels each strategy needs for what the reference reaches with all of its own.
func (l LearningCurves) lead() string {
	known := l.known()
	if len(known) == 0 {
		return "No round has been measured yet."
	}
	goal, compared := l.goal()
	if !compared {
		var ends []string
		for _, c := range known {
			p, _ := c.last()
			ends = append(ends, fmt.Sprintf("%s at %s%s", percent(p.Value), things(p.Labels, "label"), named(c, known)))
		}
		return l.Metric + ": " + join(ends) + "."
	}
	var with, without []string
	for _, c := range known {
		if c.Name == l.Reference {
			continue
		}
		if labels, does := c.reaches(goal.Value); does {
			with = append(with, fmt.Sprintf("%s with %s", c.Name, count(labels)))
		} else {
			without = append(without, c.Name)
		}
	}
	lead := fmt.Sprintf("%s reaches %s with %s.", l.Reference, percent(goal.Value), things(goal.Labels, "label"))
	if len(with) > 0 {
		lead += " The same takes " + join(with) + "."
	}
	if len(without) > 0 {
		lead += " Not reached by " + join(without) + "."
	}
	return lead
}

// named gives " (NAME)" where there is more than one curve.
func named(c Curve, among []Curve) string {
	if len(among) < 2 {
		return ""
	}
	return " (" + c.Name + ")"
}

// join lists things as a sentence does.
func join(things []string) string {
	if n := len(things); n > 1 {
		return strings.Join(things[:n-1], ", ") + " and " + things[n-1]
	}
	return strings.Join(things, "")
}

func (l LearningCurves) content() content {
	c := content{Title: l.Title, Lead: l.lead(), Chart: l.chart()}
	if c.Chart == nil {
		return c
	}
	if _, compared := l.goal(); compared {
		c.Tables = append(c.Tables, l.summary())
	}
	c.Tables = append(c.Tables, l.rounds())
	return c
}

// looks gives each curve its series: the reference has the color of the text.
func (l LearningCurves) looks() []series {
	var of []series
	next := series(1)
	for _, c := range l.known() {
		if c.Name == l.Reference {
			of = append(of, 0)
			continue
		}
		of, next = append(of, next), next+1
	}
	return of
}

func (l LearningCurves) chart() *chart {
	known, looks := l.known(), l.looks()
	var labels, values []float64
	var entries []entry
	for i, c := range known {
		entries = append(entries, entry{c.Name, looks[i]})
		for _, p := range c.Points {
			labels = append(labels, float64(p.Labels))
			values = append(values, p.Value, p.Low, p.High)
		}
	}
	if len(labels) == 0 {
		return nil
	}
	_, most := extent(labels...)
	low, high := extent(values...)
	if high-low < 0.01 {
		low, high = low-0.01, high+0.01
	}
	c := &chart{title: l.Title, width: chartWidth}
	top := float64(margin)
	if len(entries) > 1 {
		top = c.legend(entries, series.stroke)
	}
	x, y := c.axes(counts("Labels", most), shares(l.Metric, low, high), top, 240)
	lines := make([][]point, len(known))
	for i, curve := range known {
		var low, high []point
		for _, p := range curve.Points {
			at := x.at(float64(p.Labels))
			lines[i] = append(lines[i], point{at, y.at(p.Value)})
			low = append(low, point{at, y.at(p.Low)})
			high = append(high, point{at, y.at(p.High)})
		}
		looks[i].band(&c.body, low, high)
	}
	for i, line := range lines {
		looks[i].line(&c.body, line)
	}
	c.desc = fmt.Sprintf("Lines of %s against labels given, up to %s. %s", l.Metric, count(int(most)), l.lead())
	return c
}

// bands says what the values in brackets are.
func (l LearningCurves) bands() string {
	note := l.Metric + " in percent"
	if l.Seeds > 1 {
		note += fmt.Sprintf(", mean of %d runs", l.Seeds)
	}
	if l.Level > 0 {
		note += fmt.Sprintf(", in brackets its %s interval", setting(l.Level))
	}
	return note
}

func (l LearningCurves) summary() table {
	goal, _ := l.goal()
	t := table{
		Caption: "Strategies beside " + l.Reference,
		Columns: []column{text("Strategy"), number("Mean over rounds"), number("At the end"),
			number("Labels to " + percent(goal.Value))},
	}
	for _, c := range l.known() {
		end, _ := c.last()
		needs := missing
		if labels, does := c.reaches(goal.Value); does {
			needs = count(labels)
		}
		t.Rows = append(t.Rows, []string{c.Name, percent(c.mean()), percent(end.Value), needs})
	}
	return t
}

func (l LearningCurves) rounds() table {
	t := table{Caption: l.bands(), Columns: []column{number("Labels")}, Folded: true}
	known := l.known()
	var labels []int
	for _, c := range known {
		t.Columns = append(t.Columns, number(c.Name))
		for _, p := range c.Points {
			labels = append(labels, p.Labels)
		}
	}
	slices.Sort(labels)
	for _, n := range slices.Compact(labels) {
		row := []string{count(n)}
		for _, c := range known {
			cell := CurvePoint{Value: math.NaN()}
			if i := slices.IndexFunc(c.Points, func(p CurvePoint) bool { return p.Labels == n }); i >= 0 {
				cell = c.Points[i]
			}
			row = append(row, cell.String())
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// Markdown writes the curves as GitHub shows them: the sentence, the comparison, and the values by round.
func (l LearningCurves) Markdown() string {
	lead := markdownText(l.lead()) + "\n"
	for _, t := range l.content().Tables {
		lead += "\n" + markdownText(t.Caption) + ":\n\n" + t.markdown()
	}
	return lead
}
