package report

import (
	"encoding/xml"
	"io"
	"math"
	"strconv"
	"strings"
)

// node is an element of a picture. encoding/xml writes it, so every text and attribute is escaped and the result is
// well-formed whatever the labels hold.
type node struct {
	name  string
	attrs []xml.Attr
	text  string
	kids  []*node
}

// add puts a new element at the end of n. Attributes are pairs of a name and a string or float64.
func (n *node) add(name string, attrs ...any) *node {
	kid := &node{name: name}
	for i := 0; i+1 < len(attrs); i += 2 {
		value, isText := attrs[i+1].(string)
		if !isText {
			value = coordinate(attrs[i+1].(float64))
		}
		kid.set(attrs[i].(string), value)
	}
	n.kids = append(n.kids, kid)
	return kid
}

func (n *node) set(name, value string) {
	n.attrs = append(n.attrs, xml.Attr{Name: xml.Name{Local: name}, Value: value})
}

// say puts a text on the picture. The anchor is start, middle or end.
func (n *node) say(text string, x, y float64, anchor, class string) *node {
	t := n.add("text", "x", x, "y", y, "text-anchor", anchor, "class", class)
	t.text = text
	return t
}

// hint is shown beside the pointer.
func (n *node) hint(text string) { n.add("title").text = text }

// line draws a straight line.
func (n *node) line(x1, y1, x2, y2 float64, class string) *node {
	return n.add("line", "x1", x1, "y1", y1, "x2", x2, "y2", y2, "class", class)
}

func (n *node) encode(e *xml.Encoder) error {
	start := xml.StartElement{Name: xml.Name{Local: n.name}, Attr: n.attrs}
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	if err := e.EncodeToken(xml.CharData(n.text)); err != nil {
		return err
	}
	for _, kid := range n.kids {
		if err := kid.encode(e); err != nil {
			return err
		}
	}
	return e.EncodeToken(start.End())
}

// coordinate writes a length in user units, to a tenth.
func coordinate(v float64) string {
	return strconv.FormatFloat(math.Round(10*v)/10, 'f', -1, 64)
}

// point is a place on a picture, in user units.
type point struct{ x, y float64 }

// path joins points by straight lines. It begins anew after a point that is not finite.
func path(points []point) string {
	var b strings.Builder
	pen := byte('M')
	for _, p := range points {
		if !finite(p.x) || !finite(p.y) {
			pen = 'M'
			continue
		}
		b.WriteByte(pen)
		b.WriteString(coordinate(p.x) + " " + coordinate(p.y))
		pen = 'L'
	}
	return b.String()
}

// chart is one picture with its text alternative.
type chart struct {
	title, desc   string
	width, height float64 // user units; one is a CSS pixel where the picture has its natural size
	body          node
}

// encode writes the picture as an svg element. The id names its texts and must be unique in a page. A style is put
// inside for a picture that stands alone.
func (c *chart) encode(w io.Writer, id, style string) error {
	left := 0.0
	if style == "" {
		left = margin // a page sets its own
	}
	width, class := c.width-left, "plot"
	if c.width > chartWidth {
		class += " large"
	}
	root := (&node{}).add("svg", "xmlns", "http://www.w3.org/2000/svg",
		"viewBox", strings.Join([]string{coordinate(left), "0", coordinate(width), coordinate(c.height)}, " "),
		"width", 1.3*width, "role", "img", "aria-labelledby", id+"-title "+id+"-desc", "class", class)
	root.add("title", "id", id+"-title").text = c.title
	root.add("desc", "id", id+"-desc").text = c.desc
	if style != "" {
		root.add("style").text = style
		root.add("rect", "width", c.width, "height", c.height, "rx", "8", "class", "paper")
	}
	root.kids = append(root.kids, c.body.kids...)
	e := xml.NewEncoder(w)
	if err := root.encode(e); err != nil {
		return err
	}
	return e.Close()
}
