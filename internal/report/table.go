package report

import "strings"

// table is what a plot shows, or what no plot could, in numbers.
type table struct {
	Caption string
	Columns []column
	Rows    [][]string // a cell per column
	Folded  bool       // it repeats a plot, and is shown on demand
}

// column is the head of a column. Numbers are set to the right; texts may come from anywhere, in any script.
type column struct {
	Name   string
	Number bool
}

func text(name string) column   { return column{Name: name} }
func number(name string) column { return column{Name: name, Number: true} }

// markdown writes the table as GitHub's Markdown has it.
func (t table) markdown() string {
	var b strings.Builder
	row := func(cells []string) {
		for _, c := range cells {
			b.WriteString("| " + markdownText(c) + " ")
		}
		b.WriteString("|\n")
	}
	var names, rule []string
	for _, c := range t.Columns {
		names = append(names, c.Name)
		if c.Number {
			rule = append(rule, "---:")
		} else {
			rule = append(rule, "---")
		}
	}
	row(names)
	b.WriteString("|" + strings.Join(rule, "|") + "|\n")
	for _, cells := range t.Rows {
		row(cells)
	}
	return b.String()
}

// markdownText keeps a text from being read as markup.
func markdownText(text string) string {
	return markup.Replace(strings.Join(strings.Fields(text), " "))
}

var markup = strings.NewReplacer(`\`, `\\`, "|", `\|`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`,
	"<", "&lt;", ">", "&gt;", "&", "&amp;")
