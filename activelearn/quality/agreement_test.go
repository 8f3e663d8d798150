package quality

import (
	"math"
	"testing"

	"github.com/labelloop/labelloop/activelearn/internal/golden"
)

// annotations reads items x annotators, -1 where there is none.
func annotations(answers [][]int, classes int) Annotations {
	a := Annotations{Items: len(answers), Annotators: len(answers[0]), Classes: classes}
	for i, row := range answers {
		for w, class := range row {
			if class >= 0 {
				a.List = append(a.List, Annotation{i, w, class})
			}
		}
	}
	return a
}

// number is a JSON number, NaN for null.
func number(n *float64) float64 {
	if n == nil {
		return math.NaN()
	}
	return *n
}

func TestGoldenAgreement(t *testing.T) {
	type agreementGolden struct {
		Pairs []struct {
			A, B    []int
			Classes int
			Kappas  []*float64
		}
		Crowds []struct {
			Answers [][]int
			Classes int
			Alphas  []float64
			Fleiss  *float64
		}
	}
	cases := golden.Load[agreementGolden](t, "agreement")
	for _, c := range cases.Pairs {
		for weighting, want := range c.Kappas {
			kappa := must(CohenKappa(c.A, c.B, c.Classes, Weighting(weighting)))(t)
			approx(t, "Cohen's kappa", []float64{kappa}, []float64{number(want)})
		}
	}
	for _, c := range cases.Crowds {
		a := annotations(c.Answers, c.Classes)
		for level, want := range c.Alphas {
			approx(t, "Krippendorff's alpha", []float64{must(KrippendorffAlpha(a, Level(level)))(t)}, []float64{want})
		}
		if c.Fleiss != nil {
			approx(t, "Fleiss' kappa", []float64{must(FleissKappa(a))(t)}, []float64{*c.Fleiss})
		}
	}
}

// The figures that Krippendorff gives for his reliability data of 4 observers and 12 units (2011, parts C and D).
func TestKrippendorffAlphaOfHisExample(t *testing.T) {
	a := annotations([][]int{
		{1, 1, -1, 1}, {2, 2, 3, 2}, {3, 3, 3, 3}, {3, 3, 3, 3}, {2, 2, 2, 2}, {1, 2, 3, 4},
		{4, 4, 4, 4}, {1, 1, 2, 1}, {2, 2, 2, 2}, {-1, 5, 5, 5}, {-1, -1, 1, 1}, {-1, -1, 3, -1},
	}, 6)
	for level, want := range map[Level]float64{Nominal: 0.743, Ordinal: 0.815, Interval: 0.849} {
		if got := must(KrippendorffAlpha(a, level))(t); math.Abs(got-want) > 0.0005 {
			t.Errorf("level %d: %.4f, want %.3f", level, got, want)
		}
	}
}

// Fleiss 1971, table 1, is 0.430 for 30 patients; this one is his formula's worked example of 10 subjects and 14 raters.
func TestFleissKappaOfTable(t *testing.T) {
	counts := [][]int{
		{0, 0, 0, 0, 14}, {0, 2, 6, 4, 2}, {0, 0, 3, 5, 6}, {0, 3, 9, 2, 0}, {2, 2, 8, 1, 1},
		{7, 7, 0, 0, 0}, {3, 2, 6, 3, 0}, {2, 5, 3, 2, 2}, {6, 5, 2, 1, 0}, {0, 2, 2, 3, 7},
	}
	a := Annotations{Items: 10, Annotators: 14, Classes: 5}
	for i, row := range counts {
		annotator := 0
		for class, n := range row {
			for range n {
				a.List = append(a.List, Annotation{i, annotator, class})
				annotator++
			}
		}
	}
	if got := must(FleissKappa(a))(t); math.Abs(got-0.210) > 0.0005 {
		t.Errorf("%.4f, want 0.210", got)
	}
}

func TestAgreementIsUndefined(t *testing.T) {
	if kappa := must(FleissKappa(annotations([][]int{{1, 1}, {1, 1}}, 2)))(t); !math.IsNaN(kappa) {
		t.Errorf("kappa of one class is %v", kappa)
	}
	if alpha := must(KrippendorffAlpha(annotations([][]int{{1, -1}, {-1, 1}}, 2), Nominal))(t); !math.IsNaN(alpha) {
		t.Errorf("alpha of single annotations is %v", alpha)
	}
}
