package report

import (
	"fmt"
	"math"
)

// Reliability shows whether confidence means what it says: among items with confidence 0.8, are 80 % right?
type Reliability struct {
	Curves []ReliabilityCurve // such as before and after calibration, the one in use last
}

// ReliabilityCurve is one model's, or one calibration's.
type ReliabilityCurve struct {
	Name            string
	ECE, Brier, NLL float64 // not a number where it is not known
	Bins            []ReliabilityBin
}

// ReliabilityBin holds the items whose confidence lies from Low to High.
type ReliabilityBin struct {
	Low, High  float64
	Confidence float64 // mean
	Accuracy   float64 // share that is right
	Items      int
}

func (r Reliability) content() content {
	c := content{Title: "Calibration", Lead: "Confidence can't be checked yet: no reviewed item has a prediction."}
	scores := table{
		Caption: "Errors of calibration",
		Columns: []column{text("Confidence"), number("Items"), number("ECE"), number("Brier"), number("NLL")},
	}
	bins := table{
		Caption: "Bins",
		Columns: []column{text("Confidence"), number("From"), number("To"), number("Items"), number("Mean"),
			number("Right")},
		Folded: true,
	}
	items, most := 0, 0
	for _, curve := range r.Curves {
		items = 0
		for _, b := range curve.Bins {
			if b.Items == 0 {
				continue
			}
			items, most = items+b.Items, max(most, b.Items)
			bins.Rows = append(bins.Rows, []string{curve.Name, decimal(b.Low, 3), decimal(b.High, 3), count(b.Items),
				percent(b.Confidence), percent(b.Accuracy)})
		}
		scores.Rows = append(scores.Rows, []string{curve.Name, count(items), percent(curve.ECE), decimal(curve.Brier, 4),
			decimal(curve.NLL, 4)})
	}
	if most == 0 {
		return c
	}
	last := r.Curves[len(r.Curves)-1]
	c.Lead = fmt.Sprintf("On %s, confidence is off by %s on average (ECE)", things(items, "reviewed item"), percent(last.ECE))
	if first := r.Curves[0]; len(r.Curves) > 1 {
		c.Lead += fmt.Sprintf("; it was %s for %s", percent(first.ECE), quote(first.Name))
	}
	c.Lead += ". On the dashed line it would be exact; under it, too sure. Larger marks stand for more items."
	c.Chart = r.chart(c.Title, most)
	c.Chart.desc = "Share of right labels against confidence, and a histogram of confidence. " + c.Lead
	c.Tables = []table{scores, bins}
	return c
}

func (r Reliability) chart(title string, most int) *chart {
	c := &chart{title: title, width: chartWidth}
	var entries []entry
	for i, curve := range r.Curves {
		entries = append(entries, entry{curve.Name, series(i + 1)})
	}
	top := c.legend(entries, series.stroke) + lineHeight
	x, y := shares("Confidence", 0, 1), shares("Right", 0, 1)
	histogram := axis{title: "Items", max: float64(most), ticks: []float64{0, float64(most)}}
	histogram.name = func(v float64) string { return count(int(v)) }
	x.from, x.to = max(c.left(y), c.left(histogram)), c.width-margin-10
	y.from, y.to = top+240, top
	histogram.from, histogram.to = y.from+80, y.from+36
	c.upright(y, x)
	c.upright(histogram, x)
	c.flat(x, histogram.from)
	c.body.add("path", "d", path([]point{{x.at(0), y.at(0)}, {x.at(1), y.at(1)}}), "class", "guide")
	for i, curve := range r.Curves {
		of, lanes := series(i+1), float64(len(r.Curves))
		var points []point
		for _, b := range curve.Bins {
			if b.Items == 0 {
				continue
			}
			points = append(points, point{x.at(b.Confidence), y.at(b.Accuracy)})
			lane := (x.at(b.High) - x.at(b.Low)) / lanes
			if finite(lane) {
				c.body.add("rect", "x", x.at(b.Low)+lane*float64(i), "y", histogram.at(float64(b.Items)), "width", max(lane, 0.5),
					"height", histogram.from-histogram.at(float64(b.Items)), "class", of.class("bar")).hint(things(b.Items, "item"))
			}
		}
		of.trace(&c.body, points)
		for _, b := range curve.Bins {
			at := point{x.at(b.Confidence), y.at(b.Accuracy)}
			if b.Items == 0 || !finite(at.x) || !finite(at.y) {
				continue
			}
			of.mark(&c.body, at, 2.5+5*math.Sqrt(float64(b.Items)/float64(most))).hint(fmt.Sprintf(
				"%s: confidence %s, right %s, %s", curve.Name, percent(b.Confidence), percent(b.Accuracy),
				things(b.Items, "item")))
		}
	}
	return c
}
