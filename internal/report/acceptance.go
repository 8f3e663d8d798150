package report

import "fmt"

// Acceptance shows what can be accepted without a look, and the audit that this rests on.
type Acceptance struct {
	Sentence string  // what it comes to, as status says it
	Epsilon  float64 // share of wrong labels that is allowed among those accepted
	Delta    float64 // probability that the bound fails
	Rules    []AcceptanceRule
}

// AcceptanceRule accepts predictions whose confidence is at or over a threshold.
type AcceptanceRule struct {
	Label     string  // "" for all labels together
	Threshold float64 // not a number where no threshold keeps the bound
	Coverage  float64 // share of the label's predictions in the pool that is accepted
	Accepted  int     // predictions in the pool that are accepted
	Audited   int     // audited items at or over the threshold
	Wrong     int     // of those audited
	Bound     float64 // the share of wrong labels is at most this, with probability 1 - Delta
}

func (a Acceptance) content() content {
	c := content{Title: "Acceptance", Lead: a.Sentence, Wide: true}
	if c.Lead == "" {
		c.Lead = "Nothing can be accepted yet: no audit has been made."
	}
	if len(a.Rules) == 0 {
		return c
	}
	t := table{
		Caption: fmt.Sprintf("Thresholds that keep wrong labels at or under %s, with probability %s", setting(a.Epsilon),
			setting(1-a.Delta)),
		Columns: []column{text("Label"), number("Threshold"), number("Coverage"), number("Accepted"), number("Audited"),
			number("Wrong"), number("Bound")},
	}
	for _, r := range a.Rules {
		if r.Label == "" {
			r.Label = "all labels"
		}
		if !finite(r.Threshold) {
			t.Rows = append(t.Rows, []string{r.Label, missing, missing, missing, count(r.Audited), count(r.Wrong), missing})
			continue
		}
		t.Rows = append(t.Rows, []string{r.Label, decimal(r.Threshold, 4), percent(r.Coverage), count(r.Accepted),
			count(r.Audited), count(r.Wrong), percent(r.Bound)})
	}
	c.Tables = []table{t}
	return c
}
