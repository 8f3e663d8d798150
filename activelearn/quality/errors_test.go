package quality

import (
	"math"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/activelearn"
)

func TestErrorsTellWhatIsWrong(t *testing.T) {
	two := activelearn.Matrix{Rows: 2, Cols: 2, Data: []float32{0.5, 0.5, 0.25, 0.75}}
	nan := activelearn.Matrix{Rows: 1, Cols: 2, Data: []float32{0, float32(math.NaN())}}
	single := annotations([][]int{{0, -1}, {-1, 1}}, 2)
	for want, run := range map[string]func() error{
		"label of item 1 is class 2 of 2": func() error { _, err := LabelScores([]int{0, 2}, two, SelfConfidence); return err },
		"probabilities of 2 items for labels of 1": func() error {
			_, err := LabelIssues([]int{0}, two, Both)
			return err
		},
		"class 1 for item 0 is NaN": func() error { _, err := Thresholds([]int{0}, nan); return err },
		`unknown filter "best"`:     func() error { _, err := LabelIssues([]int{0, 1}, two, "best"); return err },
		`unknown score "best"`:      func() error { _, err := MultilabelScores([][]int{{0}, {}}, two, "best"); return err },
		"item 0 is class -1": func() error {
			_, err := MultilabelIssues([][]int{{-1}, {}}, two, Both)
			return err
		},
		"give 1 to 1": func() error { _, err := FindNeighbors(two, 2); return err },
		"embedding of item 1 is not finite": func() error {
			_, err := FindNeighbors(activelearn.Matrix{Rows: 2, Cols: 1, Data: []float32{1, float32(math.Inf(1))}}, 1)
			return err
		},
		"item 0 has two annotations by annotator 1": func() error {
			_, err := KrippendorffAlpha(Annotations{1, 2, 2, []Annotation{{0, 1, 0}, {0, 1, 1}}}, Nominal)
			return err
		},
		"item 1 has no annotation":          func() error { _, err := FitDawidSkene(annotations([][]int{{0}, {-1}}, 2)); return err },
		"item 1 has 1 annotations":          func() error { _, err := FleissKappa(annotations([][]int{{0, 1}, {1, -1}}, 2)); return err },
		"one labelled 1 items, the other 2": func() error { _, err := CohenKappa([]int{0}, []int{0, 1}, 2, Linear); return err },
		"no item has two annotations":       func() error { _, err := FitCrowdlab(single, two); return err },
		"annotator 1 has labelled nothing": func() error {
			_, err := FitCrowdlab(annotations([][]int{{0, -1}, {1, -1}}, 2), two)
			return err
		},
		"annotations of 3 classes": func() error { _, _, err := ActiveLab(annotations([][]int{{0}, {2}}, 3), two, two); return err },
	} {
		if err := run(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
