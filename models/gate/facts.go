package gate

import (
	"fmt"
	"strings"
)

// labelSet holds the candidate's labels against the project's.
func (e Evidence) labelSet() Check {
	c := Check{Name: "label set", Outcome: Fine, After: fmt.Sprintf("%d labels", len(e.Labels)-len(e.Missing)+len(e.Foreign)), Says: "as the project has it"}
	var wrong []string
	if len(e.Missing) > 0 {
		wrong = append(wrong, "it can't give "+some(e.Missing))
	}
	if len(e.Foreign) > 0 {
		wrong = append(wrong, "the project has no "+some(e.Foreign))
	}
	if wrong != nil {
		c.Outcome, c.Says = Refused, join(wrong)+": train it again"
	}
	return c
}

func (e Evidence) tokenizer() Check {
	return Check{Name: "tokenizer", Outcome: e.Tokenizer.Outcome, Says: e.Tokenizer.Says}
}

// leakage refuses a candidate that has seen what it is judged by.
func (e Evidence) leakage() Check {
	c := Check{Name: "leakage", Outcome: Fine, After: fmt.Sprintf("%d items", e.Leaks), Numbers: map[string]float64{"items": float64(e.Leaks)},
		Says: "no evaluation item, nor one nearly like it, was trained on"}
	switch {
	case e.Leaks < 0:
		c.Outcome, c.After, c.Numbers, c.Says = Unknown, "", nil, "the model does not tell what it was trained on"
	case e.Leaks > 0:
		c.Outcome, c.Says = Refused, fmt.Sprintf("%d of %d evaluation items, or nearly the same, were trained on", e.Leaks, len(e.Truths))
	}
	return c
}

// parity compares the exported file with what was trained.
func (e Evidence) parity() Check {
	if e.Parity < 0 {
		return Check{Name: "export", Outcome: Unknown, Says: "no comparison of the exported file with what was trained is on record"}
	}
	c := Check{Name: "export", Outcome: Fine, After: fmt.Sprintf("%.1e", e.Parity), Numbers: map[string]float64{"difference": e.Parity},
		Says: fmt.Sprintf("logits of the file and of what was trained differ by %.0e at most", Parity)}
	if !(e.Parity <= Parity) {
		c.Outcome, c.Says = Refused, fmt.Sprintf("logits of the file and of what was trained differ by more than %.0e: export it again", Parity)
	}
	return c
}

// speed compares how long a label takes.
func (e Evidence) speed() Check {
	before, after := e.Reference.Rate, e.Candidate.Rate
	if before <= 0 || after <= 0 {
		return Check{Name: "speed", Outcome: Unknown, Says: "one of the two was not timed"}
	}
	c := Check{Name: "speed", Outcome: Fine, Before: rate(before), After: rate(after), Change: fmt.Sprintf("x %.2f", after/before),
		Numbers: map[string]float64{"before": before, "after": after}, Says: fmt.Sprintf("a label takes at most %g times as long", Slowdown)}
	if after*Slowdown < before {
		c.Outcome, c.Says = Refused, fmt.Sprintf("a label takes more than %g times as long", Slowdown)
	}
	return c
}

func rate(r float64) string { return fmt.Sprintf("%.0f/s", r) }

// some lists the first few names.
func some(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

func join(parts []string) string { return strings.Join(parts, "; ") }
