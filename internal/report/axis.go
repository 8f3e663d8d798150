package report

import (
	"math"
	"slices"
)

// axis maps values to places along one side of a frame.
type axis struct {
	title    string
	min, max float64                   // values at the two ends
	from, to float64                   // places of the two ends, in user units
	ticks    []float64                 // values
	name     func(tick float64) string // what a tick is called
}

// at gives the place of a value. Values beyond the ends are drawn at the ends.
func (a axis) at(v float64) float64 {
	if !finite(v) {
		return math.NaN()
	}
	return a.from + (min(max(v, a.min), a.max)-a.min)/(a.max-a.min)*(a.to-a.from)
}

// extent is the least and the greatest of the finite values; 0 and 0 where there is none.
func extent(values ...float64) (low, high float64) {
	values = slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return !finite(v) })
	if len(values) == 0 {
		return 0, 0
	}
	return slices.Min(values), slices.Max(values)
}

// step is the round distance (1, 2 or 5 times a power of ten) that parts a range into about n pieces: P. S. Heckbert,
// Nice numbers for graph labels, Graphics Gems, 1990.
func step(span float64, n int) float64 {
	rough := span / float64(n)
	power := math.Pow(10, math.Floor(math.Log10(rough)))
	switch f := rough / power; {
	case f < 1.5:
		return power
	case f < 3:
		return 2 * power
	case f < 7:
		return 5 * power
	}
	return 10 * power
}

// spread makes an axis whose ends are round and hold low and high, with about n ticks.
func spread(title string, low, high float64, n int) axis {
	if high <= low {
		high = low + 1
	}
	s := step(high-low, n)
	a := axis{title: title, min: s * math.Floor(low/s+1e-9), max: s * math.Ceil(high/s-1e-9)}
	for i := 0; a.min+float64(i)*s <= a.max+s/2; i++ {
		a.ticks = append(a.ticks, a.min+float64(i)*s)
	}
	places := max(0, int(math.Ceil(-math.Log10(s)-1e-9)))
	a.name = func(v float64) string { return decimal(v, places) }
	return a
}

// shares makes an axis of shares, whose ticks are in percent.
func shares(title string, low, high float64) axis {
	a := spread(title, max(0, low), min(1, high), 5)
	a.max = min(1, a.max)
	a.ticks = slices.DeleteFunc(a.ticks, func(v float64) bool { return v > a.max+1e-9 })
	places := max(0, int(math.Ceil(-math.Log10(100*step(a.max-a.min, 5))-1e-9)))
	a.name = func(v float64) string { return decimal(100*v, places) + "\u00a0%" }
	return a
}

// counts makes an axis of whole numbers from 0.
func counts(title string, most float64) axis {
	a := spread(title, 0, max(most, 1), 5)
	a.ticks = slices.DeleteFunc(a.ticks, func(v float64) bool { return v != math.Round(v) })
	a.name = func(v float64) string { return count(int(v)) }
	return a
}

// chartWidth suits half a page, and a telephone held upright.
const chartWidth = 480

// Distances in a chart, in user units.
const (
	lineHeight = 18
	margin     = 14
)

// axes places the two axes of a frame whose room begins at top and which is height high, draws them, and gives them back
// with their places.
func (c *chart) axes(x, y axis, top, height float64) (axis, axis) {
	x.from, x.to = c.left(y), c.width-margin-10
	y.from, y.to = top+lineHeight+height, top+lineHeight
	c.upright(y, x)
	c.flat(x, y.from)
	return x, y
}

// left is where a frame begins that has the names of the ticks to its left.
func (c *chart) left(y axis) float64 {
	names := 0.0
	for _, v := range y.ticks {
		names = max(names, textWidth(y.name(v)))
	}
	return margin + names + 6
}

// upright draws a vertical axis whose lines go as far as x does, its title over it.
func (c *chart) upright(y, x axis) {
	c.body.say(y.title, margin, y.to-12, "start", "muted")
	for _, v := range y.ticks {
		class := "grid"
		if v == y.min {
			class = "axis"
		}
		c.body.line(x.from, y.at(v), x.to, y.at(v), class)
		c.body.say(y.name(v), x.from-6, y.at(v)+4, "end", "tick")
	}
}

// flat draws a horizontal axis with its title below it. The chart ends there.
func (c *chart) flat(x axis, y float64) {
	for _, v := range x.ticks {
		c.body.line(x.at(v), y, x.at(v), y+4, "axis")
		c.body.say(x.name(v), x.at(v), y+lineHeight, "middle", "tick")
	}
	c.body.say(x.title, (x.from+x.to)/2, y+2*lineHeight, "middle", "muted")
	c.height = y + 2*lineHeight + margin
}
