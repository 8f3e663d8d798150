package report

import (
	"math"
	"strconv"
)

// series is the look of one of several things in a chart, told apart by more than color. 0 is the one that others are
// compared with, in the color of the text. Five dashes and seven colors make 35 looks before one comes back.
type series int

var dashes = [...]string{"7 3", "none", "2 3", "10 3 2 3", "5 2 1 2 1 2"}

func (s series) class(kind string) string {
	if s == 0 {
		return kind + " s0"
	}
	return kind + " s" + strconv.Itoa(1+int(s-1)%7)
}

// trace draws a line through the points.
func (s series) trace(n *node, points []point) {
	n.add("path", "d", path(points), "class", s.class("line"), "stroke-dasharray", dashes[int(s)%len(dashes)])
}

// line draws a line through the points, with a mark at each where they are few.
func (s series) line(n *node, points []point) {
	s.trace(n, points)
	if len(points) > 30 {
		return
	}
	for _, p := range points {
		if finite(p.x) && finite(p.y) {
			s.mark(n, p, 3.2)
		}
	}
}

// mark draws a disc, square, triangle or diamond of about the same area as a disc of the radius.
func (s series) mark(n *node, at point, radius float64) *node {
	if s%4 == 0 {
		return n.add("circle", "cx", at.x, "cy", at.y, "r", radius, "class", s.class("dot"))
	}
	corners, turn := 4, math.Pi/4
	switch s % 4 {
	case 2:
		corners, turn = 3, -math.Pi/2
	case 3:
		turn = 0
	}
	area := float64(corners) / 2 * math.Sin(2*math.Pi/float64(corners))
	radius *= math.Sqrt(math.Pi / area)
	var outline []point
	for i := range corners {
		angle := turn + 2*math.Pi*float64(i)/float64(corners)
		outline = append(outline, point{at.x + radius*math.Cos(angle), at.y + radius*math.Sin(angle)})
	}
	return n.add("path", "d", path(outline)+"Z", "class", s.class("dot"))
}

// band fills the room between two lines whose points have the same x. Points where either is not finite are left out.
func (s series) band(n *node, low, high []point) {
	var there, back []point
	for i := range low {
		if finite(low[i].y) && finite(high[i].y) && finite(low[i].x) {
			there, back = append(there, low[i]), append(back, high[i])
		}
	}
	if len(there) < 2 {
		return
	}
	for i := len(back) - 1; i >= 0; i-- {
		there = append(there, back[i])
	}
	n.add("path", "d", path(there)+"Z", "class", s.class("band"))
}

// stroke and block are how a series is shown in a legend.
func (s series) stroke(n *node, at point) {
	s.trace(n, []point{{at.x - 13, at.y}, {at.x + 13, at.y}})
	s.mark(n, at, 3.2)
}

func (s series) block(n *node, at point) {
	n.add("rect", "x", at.x-7, "y", at.y-6, "width", 14.0, "height", 12.0, "rx", "2", "class", s.class("bar"))
}

// entry is a line of a legend.
type entry struct {
	name string
	of   series
}

// legend lists series at the top of the chart, as many beside each other as fit, and gives the height that it took.
func (c *chart) legend(entries []entry, draw func(series, *node, point)) float64 {
	x, y := float64(margin), float64(margin)
	for _, e := range entries {
		name := fit(e.name, 32)
		width := 34 + textWidth(name) + 12
		if x > margin && x+width > c.width-margin {
			x, y = margin, y+lineHeight
		}
		draw(e.of, &c.body, point{x + 13, y})
		c.body.say(name, x+34, y+4, "start", "")
		x += width
	}
	return y + lineHeight
}
