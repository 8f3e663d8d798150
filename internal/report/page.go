// Package report draws what is known of a project, or of a simulation, as one HTML page that opens from disk: no script,
// nothing fetched, every plot with a text that stands for it and a table of its numbers. Plots can also be written as SVG
// files of their own. It is given plain numbers and computes nothing that needs a model or a random draw.
package report

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Page is a report. Its sections are shown in their order.
type Page struct {
	Title    string
	Subtitle string // the sentence that matters most
	Made     time.Time
	Facts    []Fact
	Sections []Section
}

// Fact is a figure that is shown large, as "Labelled" and "1,500".
type Fact struct{ Name, Value string }

// Section is a part of a report: one of the types of this package.
type Section interface{ content() content }

// content is what a section shows: a sentence, at most one plot, and tables.
type content struct {
	Title  string
	Lead   string
	Chart  *chart
	Tables []table
	Wide   bool // it takes the whole width of the page
}

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageStyle string
	//go:embed plot.css
	plotStyle string

	layout = template.Must(template.New("page").Parse(pageHTML))
)

// Write writes the page as HTML that is well-formed XML too. Texts are escaped; they may hold anything.
func (p Page) Write(w io.Writer) error {
	type shown struct {
		content
		ID  string
		SVG template.HTML
	}
	var sections []shown
	for i, s := range p.Sections {
		is := shown{content: s.content(), ID: fmt.Sprintf("section-%d", i+1)}
		if is.Chart != nil {
			var svg bytes.Buffer
			if err := is.Chart.encode(&svg, is.ID, ""); err != nil {
				return fmt.Errorf("draw %s: %w", is.Title, err)
			}
			is.SVG = template.HTML(svg.String()) // encoding/xml has escaped it
		}
		sections = append(sections, is)
	}
	var page strings.Builder
	err := layout.Execute(&page, map[string]any{
		"Page":     p,
		"Sections": sections,
		"Style":    template.CSS(plotStyle + pageStyle),
	})
	if err == nil {
		_, err = io.WriteString(w, strings.Map(visible, page.String()))
	}
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// visible replaces the control characters that XML does not know, and bytes that are no UTF-8.
func visible(r rune) rune {
	if r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
		return utf8.RuneError
	}
	return r
}

// SVG writes the plot of a section as a picture of its own that follows the light or dark theme of where it is shown.
// A section that has no plot, or no numbers for it yet, is an error.
func SVG(w io.Writer, s Section) error {
	c := s.content()
	if c.Chart == nil {
		return errors.New("draw " + c.Title + ": it has no plot, or there are no numbers for it yet")
	}
	return c.Chart.encode(w, "plot", plotStyle)
}
