package report

import (
	"math"
	"strconv"
	"strings"

	"github.com/rivo/uniseg"
)

// missing stands where a number is not known.
const missing = "–"

// count writes a whole number with commas between thousands.
func count(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// things writes a count with its noun: "1 label", "2 labels".
func things(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(n) + " " + noun + "s"
}

// decimal writes a number with a fixed count of decimals.
func decimal(v float64, places int) string {
	if !finite(v) {
		return missing
	}
	return strconv.FormatFloat(v, 'f', places, 64)
}

// percent writes a share with one decimal: 0.713 is "71.3 %", with a space that does not break.
func percent(share float64) string {
	if !finite(share) {
		return missing
	}
	return decimal(100*share, 1) + "\u00a0%"
}

// setting writes a share that somebody chose, as they would: 0.02 is "2 %".
func setting(share float64) string { return strconv.FormatFloat(100*share, 'g', 6, 64) + "\u00a0%" }

// ratio is a / b as a share, and not a number where b is 0.
func ratio(a, b int) float64 {
	if b == 0 {
		return math.NaN()
	}
	return float64(a) / float64(b)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// columnWidth is the mean width of a character in the plots' type, in user units; wide characters take two.
const columnWidth = 7.2

// textWidth estimates the width of a text in the plots' type: no font is at hand that could tell it.
func textWidth(text string) float64 { return columnWidth * float64(uniseg.StringWidth(text)) }

// quote sets a label in quotes. Marks of isolation keep its writing direction from that of the sentence.
func quote(label string) string { return "“\u2068" + fit(label, 40) + "\u2069”" }

// fit shortens a text to at most so many columns, between characters as people see them, on one line.
func fit(text string, columns int) string {
	// What is longer than this can't fit; the rest need not be looked at.
	if most := 64 * columns; len(text) > most {
		text = text[:most]
	}
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "\uFFFD")), " ")
	if uniseg.StringWidth(text) <= columns {
		return text
	}
	var b strings.Builder
	used := 0
	for g := uniseg.NewGraphemes(text); g.Next() && used+g.Width() < columns; used += g.Width() {
		b.WriteString(g.Str())
	}
	return strings.TrimSpace(b.String()) + "…"
}
