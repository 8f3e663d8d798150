package report

import "fmt"

// Oddities lists items that are nearly the same, and items that are like no others, by their embeddings.
type Oddities struct {
	Pool       int // items that have an embedding
	Compared   int // of these, what was compared: a random sample where it is less
	Duplicates int // sets of items that are nearly the same; Sets may hold fewer
	Sets       [][]Shown
	Outliers   int // items that are like no others; Items may hold fewer
	Items      []Shown
}

// Shown is an item in a list.
type Shown struct {
	ID      string
	Content string  // the text, or the path of the picture
	Score   float64 // 0 to 1: in a set, how far it is from its nearest; else how typical it is
}

func (o Oddities) content() content {
	c := content{Title: "Near-duplicates and outliers", Lead: "No embeddings to compare items by.", Wide: true}
	if o.Compared == 0 {
		return c
	}
	c.Lead = fmt.Sprintf("%s of items that are nearly the same; %s like no others.", things(o.Duplicates, "set"), things(o.Outliers, "item"))
	if o.Compared < o.Pool {
		c.Lead += fmt.Sprintf(" Compared are %s of the pool's %s items, drawn at random: of the near-duplicates in the whole pool this finds few.",
			count(o.Compared), count(o.Pool))
	}
	if len(o.Sets) > 0 {
		t := table{Caption: listed("Items that are nearly the same", len(o.Sets), o.Duplicates),
			Columns: []column{number("Set"), text("Item"), text("Content"), number("Distance")}}
		for i, set := range o.Sets {
			for _, it := range set {
				t.Rows = append(t.Rows, []string{count(i + 1), fit(it.ID, 60), fit(it.Content, 240), decimal(it.Score, 3)})
			}
		}
		c.Tables = append(c.Tables, t)
	}
	if len(o.Items) > 0 {
		t := table{Caption: listed("Items that are like no others, the least typical first", len(o.Items), o.Outliers),
			Columns: []column{text("Item"), text("Content"), number("Typical")}}
		for _, it := range o.Items {
			t.Rows = append(t.Rows, []string{fit(it.ID, 60), fit(it.Content, 240), decimal(it.Score, 3)})
		}
		c.Tables = append(c.Tables, t)
	}
	return c
}

// listed is a caption that tells where only some are listed.
func listed(caption string, n, of int) string {
	if n < of {
		return fmt.Sprintf("%s: %s of %s", caption, count(n), count(of))
	}
	return caption
}
