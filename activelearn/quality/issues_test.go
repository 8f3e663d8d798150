package quality

import (
	"math"
	"slices"
	"testing"

	"github.com/labelloop/labelloop/activelearn"
	"github.com/labelloop/labelloop/activelearn/internal/golden"
)

type issuesGolden struct {
	Multiclass []struct {
		Labels            []int
		Probs             activelearn.Matrix
		Thresholds, Prior []float64
		Joint, Calibrated Joint
		Noise, Inverse    [][]float64
		Scores            map[Score][]float64
		Issues            map[Filter][]int
		Ranked            map[Score][]int
	}
	Multilabel []struct {
		Labels     [][]int
		Probs      activelearn.Matrix
		Perclass   map[Filter][][]int
		Issues     map[Filter][]int
		Scores     map[Score][][]float64
		Aggregated map[Score][]float64
		Ranked     []int
	}
}

// approx fails where two lists of numbers are further than 1e-6 apart; NaN is near NaN alone.
func approx(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i, v := range got {
		if !(math.Abs(v-want[i]) <= 1e-6 || math.IsNaN(v) && math.IsNaN(want[i])) {
			t.Fatalf("%s: number %d is %v, want %v", what, i, v, want[i])
		}
	}
}

func approxRows(t *testing.T, what string, got, want [][]float64) {
	t.Helper()
	approx(t, what, slices.Concat(got...), slices.Concat(want...))
}

// must fails where there is an error.
func must[T any](value T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// marked gives the places of true.
func marked(issue []bool) []int {
	at := []int{}
	for i, m := range issue {
		if m {
			at = append(at, i)
		}
	}
	return at
}

// sameOrder fails where two rankings differ by more than the rounding of scores.
func sameOrder(t *testing.T, what string, got, want []int, scores []float64) {
	t.Helper()
	if len(got) != len(want) || !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
	for at, i := range got {
		if i != want[at] && math.Abs(scores[i]-scores[want[at]]) > 1e-12 {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
	}
}

func TestGoldenLabelIssues(t *testing.T) {
	for n, c := range golden.Load[issuesGolden](t, "issues").Multiclass {
		approx(t, "thresholds", must(Thresholds(c.Labels, c.Probs))(t), c.Thresholds)
		joint := must(ConfidentJoint(c.Labels, c.Probs))(t)
		if !slices.EqualFunc(joint, c.Joint, slices.Equal) {
			t.Fatalf("case %d: joint %v, want %v", n, joint, c.Joint)
		}
		calibrated := joint.Calibrate(c.Labels)
		if !slices.EqualFunc(calibrated, c.Calibrated, slices.Equal) {
			t.Fatalf("case %d: calibrated joint %v, want %v", n, calibrated, c.Calibrated)
		}
		noise := calibrated.Noise(c.Labels)
		approx(t, "prior", noise.Prior, c.Prior)
		approxRows(t, "noise", noise.Matrix, c.Noise)
		approxRows(t, "inverse noise", noise.Inverse, c.Inverse)
		for filter, want := range c.Issues {
			if got := marked(must(LabelIssues(c.Labels, c.Probs, filter))(t)); !slices.Equal(got, want) {
				t.Fatalf("case %d: %s gives %v, want %v", n, filter, got, want)
			}
		}
		issue := must(LabelIssues(c.Labels, c.Probs, ConfidentLearning))(t)
		for score, want := range c.Scores {
			scores := must(LabelScores(c.Labels, c.Probs, score))(t)
			approx(t, string(score), scores, want)
			sameOrder(t, string(score), Rank(issue, scores), c.Ranked[score], scores)
		}
	}
}

func TestGoldenMultilabelIssues(t *testing.T) {
	for n, c := range golden.Load[issuesGolden](t, "issues").Multilabel {
		for filter, want := range c.Issues {
			if got := marked(must(MultilabelIssues(c.Labels, c.Probs, filter))(t)); !slices.Equal(got, want) {
				t.Fatalf("case %d: %s gives %v, want %v", n, filter, got, want)
			}
		}
		for filter, want := range c.Perclass {
			for i, row := range must(MultilabelClassIssues(c.Labels, c.Probs, filter))(t) {
				for class, issue := range row {
					if issue != (want[i][class] == 1) {
						t.Fatalf("case %d: %s of class %d of item %d is %t", n, filter, class, i, issue)
					}
				}
			}
		}
		for score, want := range c.Scores {
			scores := must(MultilabelScores(c.Labels, c.Probs, score))(t)
			approxRows(t, string(score), scores, want)
			approx(t, "aggregated "+string(score), Aggregate(scores), c.Aggregated[score])
		}
		aggregated := Aggregate(must(MultilabelScores(c.Labels, c.Probs, SelfConfidence))(t))
		issue := must(MultilabelIssues(c.Labels, c.Probs, ConfidentLearning))(t)
		sameOrder(t, "ranked", Rank(issue, aggregated), c.Ranked, aggregated)
	}
}
