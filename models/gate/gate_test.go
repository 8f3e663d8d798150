package gate

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// maker draws truths and what models say of them.
type maker struct {
	rng    *rand.Rand
	labels int
	truths []int
}

func newMaker(seed uint64, items, labels int) *maker {
	m := &maker{rng: rand.New(rand.NewPCG(seed, 7)), labels: labels}
	for range items {
		m.truths = append(m.truths, m.rng.IntN(labels))
	}
	return m
}

// answers gives probabilities of a model that is right with the given probability and as sure as it should be.
func (m *maker) answers(right func(truth int) float64) [][]float32 {
	rows := make([][]float32, len(m.truths))
	for i, truth := range m.truths {
		p := right(truth)
		given := truth
		if m.rng.Float64() >= p {
			given = (truth + 1 + m.rng.IntN(m.labels-1)) % m.labels
		}
		rows[i] = sure(m.labels, given, p)
	}
	return rows
}

// sure gives a label the probability p, and the others the rest.
func sure(labels, given int, p float64) []float32 {
	row := slices.Repeat([]float32{float32((1 - p) / float64(labels-1))}, labels)
	row[given] = float32(p)
	return row
}

func (m *maker) evidence(before, after [][]float32) Evidence {
	e := Evidence{Candidate: Side{Name: "new", Probs: after, Rate: 100}, Reference: Side{Name: "old", Probs: before, Rate: 100}, Parity: 1e-6, Tokenizer: Finding{Fine, "same"}}
	for k := range m.labels {
		e.Labels = append(e.Labels, string(rune('a'+k%26))+strings.Repeat("'", k/26))
	}
	for _, truth := range m.truths {
		e.Truths = append(e.Truths, []int{truth})
	}
	return e
}

func judged(t *testing.T, e Evidence) Verdict {
	t.Helper()
	v, err := Judge(e)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (v Verdict) outcome(t *testing.T, name string) Outcome {
	t.Helper()
	for _, c := range v.Checks {
		if c.Name == name {
			return c.Outcome
		}
	}
	t.Fatalf("there is no check %q", name)
	return ""
}

func always(p float64) func(int) float64 { return func(int) float64 { return p } }

// TestEqualModels: of pairs of equally good models at most Alpha are promoted, however many items and labels there are.
func TestEqualModels(t *testing.T) {
	for _, c := range []struct {
		items, labels int
		right         float64
	}{{60, 3, 0.7}, {200, 10, 0.8}} {
		promoted, refused := 0, 0
		const pairs = 500
		for seed := range uint64(pairs) {
			m := newMaker(seed, c.items, c.labels)
			v := judged(t, m.evidence(m.answers(always(c.right)), m.answers(always(c.right))))
			if v.Promote {
				promoted++
			}
			if strings.Contains(v.Sentence, "may not") {
				refused++
			}
		}
		t.Logf("%d items, %d labels, %g right: %d of %d equal models were promoted, something spoke against %d", c.items, c.labels, c.right, promoted, pairs, refused)
		if promoted > Alpha*pairs {
			t.Errorf("%d items, %d labels: %d of %d equal models were promoted", c.items, c.labels, promoted, pairs)
		}
	}
}

// TestVerdicts changes one thing at a time about a candidate that is better.
func TestVerdicts(t *testing.T) {
	const items, labels = 600, 6
	m := newMaker(1, items, labels)
	before := m.answers(always(0.8))
	after := m.answers(always(0.9))
	for name, c := range map[string]struct {
		change  func(*Evidence)
		check   string
		outcome Outcome
		promote bool
		says    string
	}{
		"better":      {func(*Evidence) {}, "accuracy", Better, true, "nothing speaks against it"},
		"itself":      {func(e *Evidence) { e.Candidate.Probs = before }, "accuracy", Fine, false, "not shown to be better"},
		"worse":       {func(e *Evidence) { e.Candidate.Probs, e.Reference.Probs = before, after }, "accuracy", Refused, false, "worse"},
		"leaked":      {func(e *Evidence) { e.Leaks = 3 }, "leakage", Refused, false, "3 of 600"},
		"not told":    {func(e *Evidence) { e.Leaks, e.Parity = -1, -1 }, "leakage", Unknown, true, ""},
		"no parity":   {func(e *Evidence) { e.Parity = 2e-3 }, "export", Refused, false, "export it again"},
		"slow":        {func(e *Evidence) { e.Candidate.Rate = 40 }, "speed", Refused, false, "2 times"},
		"not timed":   {func(e *Evidence) { e.Reference.Rate = 0 }, "speed", Unknown, true, ""},
		"tokenizer":   {func(e *Evidence) { e.Tokenizer = Finding{Refused, "another one"} }, "tokenizer", Refused, false, "another one"},
		"label lost":  {func(e *Evidence) { e.Missing = []string{"f"} }, "label set", Refused, false, "can't give f"},
		"label more":  {func(e *Evidence) { e.Foreign = []string{"g"} }, "label set", Refused, false, "has no g"},
		"overrates":   {func(e *Evidence) { e.Candidate.Probs = resharpened(after, 0.9999) }, "calibration error", Refused, false, "calibrate it"},
		"underrates":  {func(e *Evidence) { e.Candidate.Probs = resharpened(after, 0.3) }, "log loss", Refused, false, "less probable"},
		"fails often": {func(e *Evidence) { e.Candidate.Probs = slices.Concat(make([][]float32, items/2), after[items/2:]) }, "accuracy", Refused, false, "worse"},
		"rotated": {func(e *Evidence) {
			e.Candidate.Probs = mapped(after, func(row []float32) []float32 { return append(slices.Clone(row[1:]), row[0]) })
		}, "label order", Refused, false, "id2label"},
		"two exchanged": {func(e *Evidence) {
			e.Candidate.Probs = mapped(after, func(row []float32) []float32 { return append([]float32{row[1], row[0]}, row[2:]...) })
		}, "label order", Refused, false, "b for a"},
	} {
		t.Run(name, func(t *testing.T) {
			e := m.evidence(before, after)
			c.change(&e)
			v := judged(t, e)
			if got := v.outcome(t, c.check); got != c.outcome || v.Promote != c.promote || !strings.Contains(v.Sentence, c.says) {
				t.Errorf("%s is %s, promote %v: %s", c.check, got, v.Promote, v.Sentence)
			}
		})
	}
}

func mapped(rows [][]float32, change func([]float32) []float32) [][]float32 {
	out := make([][]float32, len(rows))
	for i, row := range rows {
		out[i] = change(row)
	}
	return out
}

// resharpened gives the same labels with another confidence.
func resharpened(rows [][]float32, p float64) [][]float32 {
	return mapped(rows, func(row []float32) []float32 { return sure(len(row), slices.Index(row, slices.Max(row)), p) })
}

// TestRareLabel: what helps the others may not cost a label that few items have, and chance does not count as a cost.
func TestRareLabel(t *testing.T) {
	const labels, rare = 5, 4
	m := newMaker(2, 800, labels-1)
	m.labels = labels
	for range 8 {
		m.truths = append(m.truths, rare)
	}
	before := m.answers(func(truth int) float64 {
		if truth == rare {
			return 0.95
		}
		return 0.8
	})
	for name, c := range map[string]struct {
		rare    float64
		promote bool
	}{"kept": {0.95, true}, "ruined": {0, false}} {
		t.Run(name, func(t *testing.T) {
			v := judged(t, m.evidence(before, m.answers(func(truth int) float64 {
				if truth == rare {
					return c.rare
				}
				return 0.9
			})))
			if v.outcome(t, "accuracy") != Better || v.Promote != c.promote || c.promote == strings.Contains(v.Sentence, "recall of each label: by more than 10 points fell e") {
				t.Errorf("promote %v: %s", v.Promote, v.Sentence)
			}
		})
	}
}

// TestRecallOfFewItems: with three items even the loss of all of them is no evidence.
func TestRecallOfFewItems(t *testing.T) {
	for items, want := range map[int]Outcome{3: Fine, 4: Refused} {
		m := newMaker(3, 400, 3)
		m.labels = 4
		for range items {
			m.truths = append(m.truths, 3)
		}
		before := m.answers(always(1))
		after := m.answers(func(truth int) float64 {
			if truth == 3 {
				return 0
			}
			return 1
		})
		if got := judged(t, m.evidence(before, after)).outcome(t, "recall of each label"); got != want {
			t.Errorf("all of %d items lost: %s, want %s", items, got, want)
		}
	}
}

// TestSeveralLabels: each label is decided by itself, and an item is right when all of them are.
func TestSeveralLabels(t *testing.T) {
	e := Evidence{Labels: []string{"a", "b"}, MultiLabel: true, Leaks: -1, Parity: -1, Tokenizer: Finding{Unknown, ""}}
	for i := range 200 {
		truth := [][]int{{}, {0}, {1}, {0, 1}}[i%4]
		e.Truths = append(e.Truths, truth)
		row := []float32{0.1, 0.1}
		for _, k := range truth {
			row[k] = 0.9
		}
		e.Candidate.Probs = append(e.Candidate.Probs, row)
		e.Reference.Probs = append(e.Reference.Probs, []float32{0.9, 0.1})
	}
	v := judged(t, e)
	if !v.Promote || v.Checks[0].Numbers["before"] != 0.25 || v.Checks[0].Numbers["after"] != 1 {
		t.Errorf("%+v", v)
	}
	if len(v.Changed) != 150 || !slices.Equal(v.Changed[0].Before, []string{"a"}) || v.Changed[0].After == nil || len(v.Changed[0].Truth) != 0 {
		t.Errorf("%d changed, the first %+v", len(v.Changed), v.Changed[0])
	}
}

// TestMcNemar holds the test against values of scipy.stats.binomtest(k, n, alternative="greater").
func TestMcNemar(t *testing.T) {
	for _, c := range []struct {
		k, n int
		want float64
	}{{0, 0, 1}, {5, 5, 0.03125}, {10, 12, 0.019287109375}, {60, 100, 0.02844396682049039}, {6, 12, 0.61279296875}} {
		if got := atLeast(c.k, c.n, 0.5); got < c.want-1e-12 || got > c.want+1e-12 {
			t.Errorf("%d of %d: %v, want %v", c.k, c.n, got, c.want)
		}
	}
}

func TestEvidenceIsChecked(t *testing.T) {
	m := newMaker(4, 10, 3)
	good := m.answers(always(0.9))
	for name, spoil := range map[string]func(*Evidence){
		"no items":    func(e *Evidence) { e.Truths = nil },
		"too few":     func(e *Evidence) { e.Candidate.Probs = good[1:] },
		"wrong width": func(e *Evidence) { e.Reference.Probs = slices.Concat([][]float32{{1}}, good[1:]) },
		"NaN": func(e *Evidence) {
			e.Candidate.Probs = slices.Concat([][]float32{{float32(math.NaN()), 0, 0}}, good[1:])
		},
		"two labels":    func(e *Evidence) { e.Truths = slices.Concat([][]int{{0, 1}}, e.Truths[1:]) },
		"unknown label": func(e *Evidence) { e.Truths = slices.Concat([][]int{{3}}, e.Truths[1:]) },
	} {
		e := m.evidence(good, good)
		spoil(&e)
		if _, err := Judge(e); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestOvercalledLabel: a label that was given to all that might be its own may lose recall, if its F1 does not pay for that.
func TestOvercalledLabel(t *testing.T) {
	const own, others = 40, 360
	m := newMaker(4, 0, 3)
	m.truths = append(slices.Repeat([]int{2}, own), slices.Repeat([]int{0}, others)...)
	answers := func(found, strays int, p float64) [][]float32 {
		rows := make([][]float32, 0, len(m.truths))
		for i, truth := range m.truths {
			given := truth
			if truth == 2 && i >= found {
				given = 1
			}
			if truth != 2 && i >= len(m.truths)-strays {
				given = 2
			}
			rows = append(rows, sure(3, given, p))
		}
		return rows
	}
	before := answers(own, 80, 0.8)
	for name, c := range map[string]struct {
		after   [][]float32
		promote bool
		says    string
	}{
		"repaid":     {answers(25, 0, 0.96), true, "c is found less often, 100.0 % to 62.5 % of 40 items, but its F1 went from 50.0 % to 76.9 %"},
		"not repaid": {answers(10, 20, 0.87), false, "by more than 10 points fell c from 100.0 % to 25.0 % of 40 items"},
	} {
		v := judged(t, m.evidence(before, c.after))
		at := slices.IndexFunc(v.Checks, func(c Check) bool { return strings.HasPrefix(c.Name, "recall") })
		if v.Promote != c.promote || !strings.Contains(v.Checks[at].Says, c.says) {
			t.Errorf("%s: promote %v: %s", name, v.Promote, v.Checks[at].Says)
		}
	}
}
