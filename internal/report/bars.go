package report

// bars is a chart of bars that lie: one row per name, in it one bar or several under each other, each of one part or more.
type bars struct {
	title, desc string
	series      []string // names of what the parts belong to
	rows        []barRow
	axis        axis
}

// barRow is a name and its bars, or a gap that says what is left out.
type barRow struct {
	name string
	bars [][]part
	end  string // the figures, set behind the bars
	gap  string
}

type part struct {
	value float64
	of    series
	hint  string
}

func (b bars) chart() *chart {
	const barHeight, gap = 11.0, 8.0
	c := &chart{title: b.title, desc: b.desc, width: chartWidth}
	y := float64(margin)
	if len(b.series) > 1 {
		var entries []entry
		for i, name := range b.series {
			entries = append(entries, entry{name, series(i + 1)})
		}
		y = c.legend(entries, series.block)
	}
	names, ends := 0.0, 0.0
	for i, r := range b.rows {
		b.rows[i].name = fit(r.name, 22)
		names = max(names, textWidth(b.rows[i].name))
		ends = max(ends, textWidth(r.end))
	}
	x := b.axis
	x.from, x.to = margin+names+8, c.width-margin-ends-8
	top := y - 2
	for _, r := range b.rows {
		if r.gap != "" {
			c.body.say(r.gap, x.from, y+10, "start", "muted")
			y += lineHeight + gap
			continue
		}
		height := max(lineHeight-4, barHeight*float64(len(r.bars)))
		c.body.say(r.name, x.from-8, y+height/2+4, "end", "")
		c.body.say(r.end, x.to+8, y+height/2+4, "start", "muted")
		at := y + (height-barHeight*float64(len(r.bars)))/2
		for _, parts := range r.bars {
			from := 0.0
			for _, p := range parts {
				if !(p.value > 0) || !finite(p.value) {
					continue
				}
				c.body.add("rect", "x", x.at(from), "y", at, "width", x.at(from+p.value)-x.at(from),
					"height", barHeight, "class", p.of.class("bar")).hint(p.hint)
				from += p.value
			}
			at += barHeight
		}
		y += height + gap
	}
	c.body.line(x.from, top, x.from, y-gap+2, "axis")
	c.height = y - gap + margin
	return c
}
