package report

import "fmt"

// RiskCoverage shows how many of the accepted labels are wrong when more of the pool is accepted, the surest first.
type RiskCoverage struct {
	Epsilon float64 // the share of wrong labels that is allowed; 0 for none
	Chosen  float64 // the coverage that is accepted now; 0 for none
	Curves  []RiskCurve
}

// RiskCurve is one model's, or one confidence's.
type RiskCurve struct {
	Name   string
	Points []RiskPoint // in growing order of coverage; any number
}

// RiskPoint is what accepting everything at or over a threshold means.
type RiskPoint struct {
	Threshold float64
	Coverage  float64 // share of the pool that is accepted
	Risk      float64 // share of what is accepted that is wrong
	Bound     float64 // upper confidence bound of Risk; not a number where there is none
}

// thin leaves about n points that are evenly far from each other in coverage, the first and the last among them.
func thin(points []RiskPoint, n int) []RiskPoint {
	if len(points) <= n {
		return points
	}
	first, last := points[0].Coverage, points[len(points)-1].Coverage
	var kept []RiskPoint
	for i, p := range points {
		if i == len(points)-1 || p.Coverage >= first+(last-first)*float64(len(kept))/float64(n) {
			kept = append(kept, p)
		}
	}
	return kept
}

// near is the point with the greatest coverage that is not over the one asked for.
func near(points []RiskPoint, coverage float64) (RiskPoint, bool) {
	var best RiskPoint
	found := false
	for _, p := range points {
		if p.Coverage <= coverage+1e-9 && (!found || p.Coverage > best.Coverage) {
			best, found = p, true
		}
	}
	return best, found
}

func (r RiskCoverage) content() content {
	c := content{Title: "Risk and coverage", Lead: "There is no curve yet: it needs reviewed items with predictions."}
	t := table{
		Caption: "Risk by coverage",
		Columns: []column{text("Confidence"), number("Coverage"), number("Threshold"), number("Wrong"), number("At most")},
		Folded:  true,
	}
	_, most := extent(1.5 * r.Epsilon)
	for _, curve := range r.Curves {
		for _, p := range curve.Points {
			if p.Coverage >= 0.1 { // the first few items say little, and would stretch the axis
				_, most = extent(most, p.Risk)
			}
		}
		for percents := 10; percents <= 100; percents += 10 {
			if p, found := near(curve.Points, float64(percents)/100); found {
				t.Rows = append(t.Rows, []string{curve.Name, percent(p.Coverage), decimal(p.Threshold, 4), percent(p.Risk),
					percent(p.Bound)})
			}
		}
	}
	if len(t.Rows) == 0 {
		return c
	}
	last := r.Curves[len(r.Curves)-1]
	all, _ := near(last.Points, 1)
	c.Lead = fmt.Sprintf("Accepting %s of the pool, %s of the labels are wrong", percent(all.Coverage), percent(all.Risk))
	if half, found := near(last.Points, 0.5); found && half != all {
		c.Lead += fmt.Sprintf("; accepting the surest %s, %s", percent(half.Coverage), percent(half.Risk))
	}
	c.Lead += "."
	c.Chart = r.chart(c.Title, most)
	c.Chart.desc = "Share of wrong labels among those accepted, against the share of the pool accepted. " + c.Lead
	c.Tables = []table{t}
	return c
}

func (r RiskCoverage) chart(title string, most float64) *chart {
	c := &chart{title: title, width: chartWidth}
	var entries []entry
	for i, curve := range r.Curves {
		entries = append(entries, entry{curve.Name, series(i + 1)})
	}
	top := c.legend(entries, series.stroke)
	x, y := c.axes(shares("Coverage", 0, 1), shares("Wrong among accepted", 0, max(most, 0.01)), top, 240)
	if r.Epsilon > 0 && finite(r.Epsilon) {
		c.body.line(x.from, y.at(r.Epsilon), x.to, y.at(r.Epsilon), "guide")
		c.body.say("allowed: "+setting(r.Epsilon), x.from+4, y.at(r.Epsilon)-5, "start", "tick")
	}
	if r.Chosen > 0 && finite(r.Chosen) {
		c.body.line(x.at(r.Chosen), y.from, x.at(r.Chosen), y.to, "guide")
		c.body.say("accepted: "+percent(r.Chosen), x.at(r.Chosen)-5, y.to+12, "end", "tick")
	}
	for i, curve := range r.Curves {
		var risk, bound []point
		for _, p := range thin(curve.Points, 200) {
			at := x.at(p.Coverage)
			risk = append(risk, point{at, y.at(p.Risk)})
			bound = append(bound, point{at, y.at(p.Bound)})
		}
		series(i+1).band(&c.body, risk, bound)
		series(i+1).trace(&c.body, risk)
	}
	return c
}
