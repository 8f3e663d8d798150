package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Throughput shows who labelled how much, and when.
type Throughput struct {
	Start      time.Time // beginning of the first period, in the time zone of the readers
	Daily      bool      // a period is a day; else an hour
	Annotators []AnnotatorWork
}

// AnnotatorWork is what one person did.
type AnnotatorWork struct {
	Name    string
	Labels  []int   // by period; periods at the end may be left out
	Seconds float64 // median time that a label took; not a number where it is not known
}

func (w AnnotatorWork) total() (labels, periods int) {
	for _, n := range w.Labels {
		labels += n
		if n > 0 {
			periods++
		}
	}
	return labels, periods
}

// mostPeople is how many people the plot tells apart; the others share a color.
const mostPeople = 6

func (t Throughput) period() string {
	if t.Daily {
		return "day"
	}
	return "hour"
}

// begins is when period i begins. Days follow the calendar, over changes of the clock too.
func (t Throughput) begins(i int) time.Time {
	if t.Daily {
		return t.Start.AddDate(0, 0, i)
	}
	return t.Start.Add(time.Duration(i) * time.Hour)
}

func (t Throughput) content() content {
	c := content{Title: "Throughput", Lead: "Nobody has labelled an item yet."}
	people := slices.DeleteFunc(slices.Clone(t.Annotators), func(w AnnotatorWork) bool { n, _ := w.total(); return n == 0 })
	if len(people) == 0 {
		return c
	}
	slices.SortStableFunc(people, func(a, b AnnotatorWork) int {
		na, _ := a.total()
		nb, _ := b.total()
		return cmp.Compare(nb, na)
	})
	listed := table{
		Caption: "Annotators",
		Columns: []column{text("Annotator"), number("Labels"), number("Active " + t.period() + "s"),
			number("Labels per active " + t.period()), number("Median seconds")},
	}
	sum, best := 0, 0
	for _, w := range people {
		labels, periods := w.total()
		sum += labels
		listed.Rows = append(listed.Rows, []string{w.Name, count(labels), count(periods),
			decimal(ratio(labels, periods), 1), decimal(w.Seconds, 1)})
	}
	totals := t.totals(people)
	active := 0
	for i, n := range totals {
		if n > 0 {
			active++
		}
		if n > totals[best] {
			best = i
		}
	}
	c.Lead = fmt.Sprintf("%s by %s, %s per %s in which somebody worked.", things(sum, "label"), persons(len(people)),
		decimal(ratio(sum, active), 0), t.period())
	if active > 1 {
		c.Lead += fmt.Sprintf(" Most were given on %s: %s.", t.name(best), count(totals[best]))
	}
	c.Chart = t.chart(c.Title, people, totals)
	c.Chart.desc = fmt.Sprintf("Columns of the labels given in each %s, in parts by annotator. %s", t.period(), c.Lead)
	periods := table{
		Caption: "Labels by " + t.period(),
		Columns: []column{text("From"), number("Labels")},
		Folded:  true,
	}
	for i, n := range totals {
		if n > 0 {
			periods.Rows = append(periods.Rows, []string{t.name(i), count(n)})
		}
	}
	c.Tables = []table{listed, periods}
	return c
}

func persons(n int) string { return count(n) + " " + plural(n, "person", "people") }

// name says when a period is.
func (t Throughput) name(i int) string {
	if t.Daily {
		return t.begins(i).Format("2 January 2006")
	}
	return t.begins(i).Format("2 January 2006, 15:04")
}

// totals sums the labels of all people by period.
func (t Throughput) totals(people []AnnotatorWork) []int {
	var totals []int
	for _, w := range people {
		for i, n := range w.Labels {
			if i == len(totals) {
				totals = append(totals, 0)
			}
			totals[i] += n
		}
	}
	return totals
}

func (t Throughput) chart(title string, people []AnnotatorWork, totals []int) *chart {
	if len(people) > mostPeople {
		rest := people[mostPeople-1:]
		others := AnnotatorWork{Name: fmt.Sprintf("%d others", len(rest)), Labels: t.totals(rest)}
		people = append(slices.Clone(people[:mostPeople-1]), others)
	}
	c := &chart{title: title, width: chartWidth}
	var entries []entry
	for i, w := range people {
		entries = append(entries, entry{w.Name, series(i + 1)})
	}
	top := c.legend(entries, series.block)
	x := axis{min: 0, max: float64(len(totals)), title: "Day"}
	layout := "2 Jan"
	if !t.Daily {
		x.title, layout = "Hour", "2 Jan 15:04"
	}
	// Ticks stand under the middle of their column, as many as have room.
	const names = 4
	every := (len(totals) + names - 1) / names
	for i := every / 2; i < len(totals); i += every {
		x.ticks = append(x.ticks, float64(i)+0.5)
	}
	x.name = func(v float64) string { return t.begins(int(v)).Format(layout) }
	x, y := c.axes(x, counts("Labels", float64(slices.Max(totals))), top, 200)
	column := x.at(1) - x.at(0)
	wide := min(0.8*column, 40)
	for i := range totals {
		from := 0.0
		for s, w := range people {
			if i >= len(w.Labels) || w.Labels[i] <= 0 {
				continue
			}
			n := float64(w.Labels[i])
			c.body.add("rect", "x", x.at(float64(i)+0.5)-wide/2, "y", y.at(from+n), "width", wide,
				"height", y.at(from)-y.at(from+n), "class", series(s+1).class("bar")).hint(
				fmt.Sprintf("%s, %s: %s", t.name(i), w.Name, things(w.Labels[i], "label")))
			from += n
		}
	}
	return c
}
