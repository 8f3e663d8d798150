package dataset

import (
	"fmt"
	"slices"
	"strings"

	"github.com/labelloop/labelloop/internal/label"
)

// Columns names the columns (CSV, TSV, Parquet) or keys (JSONL) that hold what. An empty name means the usual ones:
// id; text, sentence, query, content; gold, label_text, label, category, intent; no pair. label_text comes before
// label because data sets that have both keep the label's number in the latter. TXT has no columns.
//
// All other columns go to Item.Meta; so does the pair, which output records have no other place for.
type Columns struct {
	ID, Text, Pair, Label string

	// MultiLabel says that a text cell of the label column may hold several labels, joined by '#' as doccano does.
	MultiLabel bool

	// Images says that items are pictures. An input is then a picture, a folder, an archive (zip, tar), a pattern, or a
	// table whose text column, usually called image, path, file or filename, holds paths relative to Root; an empty Root
	// is the table's own folder.
	Images bool
	Root   string
}

var (
	usualID    = []string{"id"}
	usualText  = []string{"text", "sentence", "query", "content"}
	usualImage = []string{"image", "path", "image_path", "file", "filename", "file_name"}
	usualLabel = []string{"gold", "label_text", "label", "category", "intent"}
)

// resolve gives the columns' real names out of those that there are: "" for none. Usual names are found in any case.
// A name that was given and isn't there is an error, as is a text column that can't be found.
func (c Columns) resolve(have []string) (Columns, error) {
	for _, name := range []string{c.ID, c.Text, c.Pair, c.Label} {
		if name != "" && !slices.Contains(have, name) {
			return c, label.Errorf(label.ErrUsage, "no column %q; there are %s", name, quoteAll(have))
		}
	}
	c.ID = usual(c.ID, usualID, have)
	names, what := c.contents(), "text"
	if c.Images {
		what = "pictures' paths"
	}
	c.Text = usual(c.Text, names, have)
	c.Label = usual(c.Label, usualLabel, have)
	if c.Text == "" {
		return c, label.Errorf(label.ErrUsage, "no column is called %s; name the one that holds the %s, out of %s", strings.Join(names, ", "), what, quoteAll(have))
	}
	return c, nil
}

// contents are the usual names of the column of the items themselves.
func (c Columns) contents() []string {
	if c.Images {
		return usualImage
	}
	return usualText
}

// usualContent is what the column of the items themselves is called where nothing else is known.
func (c Columns) usualContent() string { return c.contents()[0] }

func usual(name string, names, have []string) string {
	if name != "" {
		return name
	}
	for _, want := range names {
		for _, h := range have {
			if strings.EqualFold(h, want) {
				return h
			}
		}
	}
	return ""
}

// gold splits the label cell of a text format.
func (c Columns) gold(cell string) []string {
	switch {
	case cell == "":
		return nil
	case c.MultiLabel:
		return strings.Split(cell, labelSeparator)
	}
	return []string{cell}
}

// labelSeparator joins the labels of one item in formats that have no lists.
const labelSeparator = "#"

// quoteAll lists names for an error message, the first twenty at most.
func quoteAll(names []string) string {
	const most = 20
	var b strings.Builder
	for i, n := range names {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(names)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", n)
	}
	return b.String()
}
