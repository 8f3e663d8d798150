package report

import (
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
	"unicode/utf8"
)

func TestNumbersAreWrittenForPeople(t *testing.T) {
	for n, want := range map[int]string{0: "0", 12: "12", 999: "999", 1000: "1,000", -100: "-100", -1000: "-1,000",
		123456: "123,456", 1234567: "1,234,567", math.MinInt: "-9,223,372,036,854,775,808"} {
		if got := count(n); got != want {
			t.Errorf("%d is written %s, want %s", n, got, want)
		}
	}
	for got, want := range map[string]string{
		percent(0.7129): "71.3 %", percent(math.NaN()): missing, percent(1): "100.0 %",
		setting(0.02): "2 %", setting(1 - 0.07): "93 %", setting(0.0025): "0.25 %", setting(0.9995): "99.95 %",
		things(1, "label"): "1 label", things(2000, "item"): "2,000 items", decimal(0.12345, 3): "0.123",
	} {
		if strings.ReplaceAll(got, "\u00a0", " ") != want {
			t.Errorf("%q is written, want %q", got, want)
		}
	}
}

func TestFitKeepsCharactersWhole(t *testing.T) {
	for text, want := range map[string]string{
		"short":                   "short",
		"a label\n of  two lines": "a label o…",
		"转账失败怎么办呢":                "转账失败…",
		"👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦": "👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦…",
		"bad \xff byte":                "bad \uFFFD byte",
		strings.Repeat("é", 1_000_000): "ééééééééé…",
	} {
		if got := fit(text, 10); got != want || !utf8.ValidString(got) {
			t.Errorf("%.40q is cut to %q, want %q", text, got, want)
		}
	}
}

func TestTicksAreRoundAndHoldTheRange(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		low := (rng.Float64() - 0.5) * math.Pow(10, float64(rng.IntN(9)-3))
		high := low + rng.Float64()*math.Pow(10, float64(rng.IntN(9)-3))
		a := spread("", low, high, 5)
		first, last := a.ticks[0], a.ticks[len(a.ticks)-1]
		slack := 1e-6 * (high - low)
		if first > low+slack || last < high-slack || len(a.ticks) < 3 || len(a.ticks) > 10 {
			t.Fatalf("%g to %g has the ticks %v", low, high, a.ticks)
		}
		names := map[string]bool{}
		for _, v := range a.ticks {
			names[a.name(v)] = true
		}
		if len(names) != len(a.ticks) {
			t.Fatalf("ticks %v share names: %v", a.ticks, names)
		}
	}
	if a := shares("", 0.823, 0.997); a.max != 1 || a.min != 0.8 || a.name(0.85) != "85\u00a0%" {
		t.Errorf("82 %% to 99.7 %% has an axis from %g to %g, 0.85 is %s", a.min, a.max, a.name(0.85))
	}
	if a := counts("", 2); !slices.Equal(a.ticks, []float64{0, 1, 2}) {
		t.Errorf("0 to 2 items has the ticks %v", a.ticks)
	}
}

// bank is a small comparison with a round that one strategy lacks.
func bank() LearningCurves {
	none := math.NaN()
	return LearningCurves{
		Title: "Banking77", Metric: "Accuracy", Seeds: 10, Level: 0.95, Reference: "random",
		Curves: []Curve{
			{"random", []CurvePoint{{100, 0.5, 0.48, 0.52}, {200, 0.7, 0.69, 0.71}, {300, 0.8, 0.79, 0.81}}},
			{"hybrid|x", []CurvePoint{{100, 0.5, none, none}, {200, 0.8, 0.78, 0.82}, {300, 0.9, 0.89, 0.91}}},
			{"coreset", []CurvePoint{{100, 0.4, 0.3, 0.5}, {300, 0.7, 0.6, 0.8}}},
		},
	}
}

func TestLearningCurvesAsMarkdown(t *testing.T) {
	const want = `random reaches 80.0 % with 300 labels. The same takes hybrid\|x with 200. Not reached by coreset.

Strategies beside random:

| Strategy | Mean over rounds | At the end | Labels to 80.0 % |
|---|---:|---:|---:|
| random | 66.7 % | 80.0 % | 300 |
| hybrid\|x | 73.3 % | 90.0 % | 200 |
| coreset | 55.0 % | 70.0 % | – |

Accuracy in percent, mean of 10 runs, in brackets its 95 % interval:

| Labels | random | hybrid\|x | coreset |
|---:|---:|---:|---:|
| 100 | 50.0 (48.0–52.0) | 50.0 | 40.0 (30.0–50.0) |
| 200 | 70.0 (69.0–71.0) | 80.0 (78.0–82.0) | – |
| 300 | 80.0 (79.0–81.0) | 90.0 (89.0–91.0) | 70.0 (60.0–80.0) |
`
	if got := strings.ReplaceAll(bank().Markdown(), "\u00a0", " "); got != want {
		t.Errorf("Markdown is\n%s\nwant\n%s", got, want)
	}
	alone := LearningCurves{Title: "Control slice", Metric: "Accuracy", Curves: bank().Curves[:1]}
	if got := strings.ReplaceAll(alone.lead(), "\u00a0", " "); got != "Accuracy: 80.0 % at 300 labels." {
		t.Errorf("one curve is summed up as %s", got)
	}
}

func TestConfusionOfManyLabelsKeepsEveryItem(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	names := make([]string, 150)
	for i := range names {
		names[i] = "label " + strconv.Itoa(i)
	}
	m := sampleConfusion(rng, names)
	m.Counts[140][7], m.Counts[7][140] = 90, 80 // by far the most confused
	items := 0
	for _, row := range m.Counts {
		for _, n := range row {
			items += n
		}
	}
	shown := m.shown()
	if len(shown) != mostNamed || !slices.Contains(shown[:2], 7) || !slices.Contains(shown[:2], 140) {
		t.Errorf("labels with a row of their own are %v, want 7 and 140 first, side by side", shown)
	}
	sum := 0
	number := regexp.MustCompile(`: ([\d,]+) items?, `)
	for _, n := range m.chart("").body.kids {
		for _, hint := range n.kids {
			found := number.FindStringSubmatch(hint.text)
			k, err := strconv.Atoi(strings.ReplaceAll(found[1], ",", ""))
			if err != nil {
				t.Fatal(err)
			}
			sum += k
		}
	}
	if sum != items {
		t.Errorf("heat map holds %d items of %d", sum, items)
	}
	first := m.content().Tables[0].Rows[0]
	if first[0] != "label 140" || first[1] != "label 7" || first[2] != "90" {
		t.Errorf("most confused pair is %v", first)
	}
}

func TestScoresByLabel(t *testing.T) {
	m := Confusion{Labels: []string{"a", "b", "c"}, Counts: [][]int{{8, 2, 0}, {1, 9, 0}, {0, 0, 0}}}
	want := []LabelScore{{"a", 8, 1, 2}, {"b", 9, 2, 1}, {"c", 0, 0, 0}}
	if got := m.scores(); !slices.Equal(got, want) {
		t.Errorf("scores are %v, want %v", got, want)
	}
	rows := LabelScores{want}.table().Rows
	if got := strings.ReplaceAll(strings.Join(rows[0], " "), "\u00a0", " "); got != "a 10 88.9 % 80.0 % 84.2 %" {
		t.Errorf("worst label is %s", got)
	}
	if got := strings.Join(rows[2], " "); got != "c 0 – – –" {
		t.Errorf("label without items is %s", got)
	}
}

func TestThinKeepsTheEnds(t *testing.T) {
	points := sampleRisk().Curves[0].Points
	thinned := thin(points, 200)
	if len(thinned) > 202 || len(thinned) < 190 || thinned[0] != points[0] ||
		thinned[len(thinned)-1] != points[len(points)-1] {
		t.Errorf("%d points of %d are left, from %v to %v", len(thinned), len(points), thinned[0], thinned[len(thinned)-1])
	}
	if got := thin(points[:50], 200); len(got) != 50 {
		t.Errorf("%d of 50 points are left", len(got))
	}
}

func TestDaysFollowTheCalendar(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	w := Throughput{Start: time.Date(2026, 3, 28, 0, 0, 0, 0, berlin), Daily: true}
	if got := w.begins(2); got.Day() != 30 || got.Hour() != 0 {
		t.Errorf("day 2 over the change of the clock begins at %v", got)
	}
	people := make([]AnnotatorWork, 9)
	for i := range people {
		people[i] = AnnotatorWork{Name: "person " + strconv.Itoa(i), Labels: make([]int, i+1), Seconds: math.NaN()}
		people[i].Labels[i] = 10 + i
	}
	w.Annotators = people
	c := w.content()
	if len(c.Tables[0].Rows) != 9 || c.Tables[0].Rows[0][0] != "person 8" {
		t.Errorf("annotators are %v", c.Tables[0].Rows)
	}
	if !slices.ContainsFunc(c.Chart.body.kids, func(n *node) bool { return n.text == "4 others" }) {
		t.Error("plot does not put the people together for whom it has no color")
	}
}

// colors reads the custom properties of a theme of plot.css: those of a light page, overlaid by those of a dark one.
func colors(t *testing.T, dark bool) map[string][3]float64 {
	t.Helper()
	style, night, found := strings.Cut(plotStyle, "prefers-color-scheme")
	if !found {
		t.Fatal("plot.css has no dark theme")
	}
	if dark {
		style += night
	}
	all := map[string][3]float64{}
	for _, m := range regexp.MustCompile(`--(\w+): #(\w\w)(\w\w)(\w\w);`).FindAllStringSubmatch(style, -1) {
		var rgb [3]float64
		for i := range rgb {
			n, _ := strconv.ParseUint(m[i+2], 16, 8)
			rgb[i] = float64(n) / 255
		}
		all[m[1]] = rgb
	}
	return all
}

// contrast is that of WCAG 2.2.
func contrast(a, b [3]float64) float64 {
	luminance := func(rgb [3]float64) float64 {
		for i, v := range rgb {
			if v <= 0.04045 {
				rgb[i] = v / 12.92
			} else {
				rgb[i] = math.Pow((v+0.055)/1.055, 2.4)
			}
		}
		return 0.2126*rgb[0] + 0.7152*rgb[1] + 0.0722*rgb[2]
	}
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func TestColorsHaveContrast(t *testing.T) {
	opacity := regexp.MustCompile(`\.l(\d) \{ fill-opacity: ([\d.]+); \}`).FindAllStringSubmatch(plotStyle, -1)
	if len(opacity) != 5 {
		t.Fatalf("plot.css has %d shades", len(opacity))
	}
	for _, dark := range []bool{false, true} {
		c := colors(t, dark)
		check := func(what string, front, back [3]float64, least float64) {
			if got := contrast(front, back); got < least {
				t.Errorf("dark %v: contrast of %s is %.2f, want %.1f", dark, what, got, least)
			}
		}
		for _, text := range []string{"ink", "muted", "link"} {
			check(text+" on card", c[text], c["card"], 4.5)
			check(text+" on page", c[text], c["page"], 4.5)
		}
		for i := 1; i <= 7; i++ {
			name := "c" + strconv.Itoa(i)
			check(name+" on card", c[name], c["card"], 3)
		}
		check("edge on card", c["edge"], c["card"], 3)
		for _, hue := range []string{"hit", "miss"} {
			for _, o := range opacity {
				share, _ := strconv.ParseFloat(o[2], 64)
				ink, shade := "ink", [3]float64{}
				if o[1] == "5" {
					ink = "strong"
				}
				for i := range shade {
					shade[i] = share*c[hue][i] + (1-share)*c["card"][i]
				}
				check(ink+" on "+hue+" of shade "+o[1], c[ink], shade, 4.5)
			}
		}
	}
}
