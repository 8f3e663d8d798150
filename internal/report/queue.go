package report

import "fmt"

// Queue shows what waits for people, and why it was chosen.
type Queue struct {
	Reasons []QueueReason
}

// QueueReason counts the items of the queue that were chosen for a reason.
type QueueReason struct {
	Reason  string // such as "uncertain", "control", "relabel", "audit"
	Waiting int
	Leased  int // in front of somebody now
	Done    int
}

func (q Queue) content() content {
	c := content{Title: "Review queue", Lead: "The queue is empty: nothing has been selected yet."}
	t := table{
		Caption: "Items by reason",
		Columns: []column{text("Reason"), number("Done"), number("In review"), number("Waiting")},
		Folded:  true,
	}
	var waiting, leased, done, most int
	var rows []barRow
	for _, r := range q.Reasons {
		waiting, leased, done = waiting+r.Waiting, leased+r.Leased, done+r.Done
		most = max(most, r.Waiting+r.Leased+r.Done)
		t.Rows = append(t.Rows, []string{r.Reason, count(r.Done), count(r.Leased), count(r.Waiting)})
		rows = append(rows, barRow{
			name: r.Reason,
			bars: [][]part{{
				{float64(r.Done), 1, fmt.Sprintf("%s: %s done", r.Reason, count(r.Done))},
				{float64(r.Leased), 2, fmt.Sprintf("%s: %s in review", r.Reason, count(r.Leased))},
				{float64(r.Waiting), 3, fmt.Sprintf("%s: %s waiting", r.Reason, count(r.Waiting))},
			}},
			end: fmt.Sprintf("%s of %s", count(r.Done), count(r.Done+r.Leased+r.Waiting)),
		})
	}
	if waiting+leased+done == 0 {
		return c
	}
	c.Lead = fmt.Sprintf("%s selected: %s done, %s in review, %s waiting.", things(waiting+leased+done, "item"),
		count(done), count(leased), count(waiting))
	c.Chart = bars{
		title:  c.Title,
		desc:   "Bars of the items selected for each reason, in parts: done, in review, waiting. " + c.Lead,
		series: []string{"done", "in review", "waiting"},
		rows:   rows,
		axis:   axis{max: float64(most)},
	}.chart()
	c.Tables = []table{t}
	return c
}
