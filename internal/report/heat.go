package report

import "math"

// heat is a chart of a square table: a row and a column per name, shaded cells.
type heat struct {
	title, desc  string
	names        []string
	rows, across string // what the rows and the columns are
	cell         func(row, col int) heatCell
}

// heatCell is how one cell looks. A share of 0 leaves it empty.
type heatCell struct {
	share float64 // 0 to 1: how dark
	hue   string  // "hit" or "miss"
	text  string
	hint  string
}

// level is the shade of a share: 1 to 5, and 0 for none.
func level(share float64) int {
	if !(share > 0) {
		return 0
	}
	return min(1+int(5*share), 5)
}

func (h heat) chart() *chart {
	const width = 760.0 // wider than other charts: it has names on two sides
	c := &chart{title: h.title, desc: h.desc, width: width}
	n := len(h.names)
	names := make([]string, n)
	longest := 0.0
	for i, name := range h.names {
		names[i] = fit(name, 20)
		longest = max(longest, textWidth(names[i]))
	}
	left := margin + longest + 8
	// Names of columns are turned, so that they need no more than the height of a line each.
	slant := longest * math.Sin(math.Pi/4)
	side := min(44, (width-margin-left-slant)/float64(n))
	top := margin + lineHeight + slant + 8
	c.body.say(h.rows+" ↓   "+h.across+" →", margin, margin+4, "start", "muted")
	for i, name := range names {
		at := side * (float64(i) + 0.5)
		c.body.say(name, left-6, top+at+4, "end", "tick")
		turned := c.body.say(name, 0, 0, "start", "tick")
		turned.set("transform", "translate("+coordinate(left+at+3)+" "+coordinate(top-5)+") rotate(-45)")
		for j := range names {
			look := h.cell(i, j)
			x, y := left+side*float64(j), top+side*float64(i)
			class := "cell"
			if l := level(look.share); l > 0 {
				class = look.hue + " l" + string(rune('0'+l))
			}
			box := c.body.add("rect", "x", x+0.5, "y", y+0.5, "width", side-1, "height", side-1, "class", class)
			if look.hint != "" {
				box.hint(look.hint)
			}
			if look.text != "" && textWidth(look.text) < side {
				ink := "figure"
				if level(look.share) == 5 {
					ink = "figure strong"
				}
				c.body.say(look.text, x+side/2, y+side/2+4, "middle", ink)
			}
		}
	}
	c.height = top + side*float64(n) + margin
	c.width = max(left+side*float64(n)+slant+margin, 320)
	return c
}
