package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/labelloop/labelloop/models/gate"
)

// shownChanges is how many changed items of each kind a verdict shows.
const shownChanges = 10

// printVerdict writes a verdict as a table, with the items that changed for worse and for better.
func printVerdict(out io.Writer, v gate.Verdict) error {
	fmt.Fprintf(out, "before: %s\nafter:  %s\non %s evaluation items, version %d of the set (%.12s)\n\n", v.Reference, v.Candidate,
		thousands(v.Set.Items), v.Set.Version, v.Set.Digest)
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "CHECK\tBEFORE\tAFTER\tCHANGE (95 %)\tVERDICT\tWHY")
	for _, c := range v.Checks {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", c.Name, c.Before, c.After, c.Change, c.Outcome, c.Says)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, better := range []bool{false, true} {
		printChanges(out, v.Changed, better)
	}
	_, err := fmt.Fprintf(out, "\n%s.\n", v.Sentence)
	return err
}

// printChanges lists the first items that changed for better or for worse.
func printChanges(out io.Writer, changed []gate.Change, better bool) {
	kind, n := "worse", 0
	if better {
		kind = "better"
	}
	for _, c := range changed {
		if c.Better != better {
			continue
		}
		if n++; n == 1 {
			fmt.Fprintf(out, "\nchanged for %s:\n", kind)
		}
		if n <= shownChanges {
			fmt.Fprintf(out, "  %s  %q: %s, was %s, is %s\n", c.ID, shortened(c.Text), list(c.Truth), list(c.Before), list(c.After))
		}
	}
	if n > shownChanges {
		fmt.Fprintf(out, "  and %s more (--json lists them all)\n", thousands(n-shownChanges))
	}
}

func list(labels []string) string {
	if len(labels) == 0 {
		return "none"
	}
	return strings.Join(labels, ", ")
}

// shortened cuts a text to a line.
func shortened(text string) string {
	const most = 80
	if r := []rune(strings.Join(strings.Fields(text), " ")); len(r) > most {
		return string(r[:most-1]) + "…"
	} else {
		return string(r)
	}
}
