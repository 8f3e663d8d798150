package activelearn

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/labelloop/labelloop/activelearn/internal/golden"
)

func TestStoppingGolden(t *testing.T) {
	cases := golden.Load[struct {
		Predictions []struct {
			Criterion string
			Settings  struct {
				Window, Max      int
				Kappa, Threshold float64
			}
			Rounds [][][]int // rounds x items x classes predicted
			Stop   []bool
		}
		Uncertainty []struct {
			Threshold float64
			Rounds    [][][]float32
			Stop      []bool
		}
		Curves []struct {
			Labels, Correct []int
			Total           int
			Squares         float64
		}
	}](t, "stopping")
	for i, c := range cases.Predictions {
		s := c.Settings
		criterion := map[string]StoppingCriterion{
			"KappaAverage":         KappaAverage{Window: s.Window, Kappa: s.Kappa},
			"DeltaFScore":          DeltaFScore{Window: s.Window, Threshold: s.Threshold},
			"ClassificationChange": ClassificationChange{Threshold: s.Threshold},
			"MaxIterations":        MaxIterations(s.Max),
		}[c.Criterion]
		var rounds []Round
		for r, predictions := range c.Rounds {
			rounds = append(rounds, Round{Predictions: predictions})
			if got, err := criterion.Stop(rounds); err != nil || got != c.Stop[r] {
				t.Errorf("case %d: %s %+v after %d rounds: stop is %v (%v), want %v", i, c.Criterion, s, r+1, got, err, c.Stop[r])
			}
		}
	}
	for i, c := range cases.Uncertainty {
		for r, probs := range c.Rounds {
			got, err := OverallUncertainty{c.Threshold}.Stop([]Round{{Probs: rowsOf(probs)}})
			if err != nil || got != c.Stop[r] {
				t.Errorf("uncertainty %d below %g in round %d: stop is %v (%v), want %v", i, c.Threshold, r, got, err, c.Stop[r])
			}
		}
	}
	for i, c := range cases.Curves {
		var curve []measured
		for r, labels := range c.Labels {
			curve = append(curve, measure(labels, c.Total-c.Correct[r], c.Total))
		}
		// In units of what chance explains, which is about 1 for each point.
		if got := fitPowerLaw(curve).squares; got > c.Squares+0.1 {
			t.Errorf("curve %d: squared residuals are %g, the reference finds %g", i, got, c.Squares)
		}
	}
}

func TestStoppingErrors(t *testing.T) {
	one, two := Round{Predictions: [][]int{{0}}}, Round{Predictions: [][]int{{0}, {1}}}
	for name, c := range map[string]struct {
		criterion StoppingCriterion
		rounds    []Round
	}{
		"other items":      {KappaAverage{}, []Round{one, two}},
		"no items":         {ClassificationChange{}, []Round{{}, {}}},
		"two labels":       {KappaAverage{}, []Round{one, {Predictions: [][]int{{0, 1}}}}},
		"third class":      {DeltaFScore{}, []Round{one, {Predictions: [][]int{{2}}}}},
		"no probabilities": {OverallUncertainty{}, []Round{one}},
	} {
		if _, err := c.criterion.Stop(c.rounds); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestLabelsLeft draws learning curves whose course is known: the interval must hold the truth about as often as it says.
func TestLabelsLeft(t *testing.T) {
	const items, trials, target = 500, 40, 0.85
	truth := powerLaw{floor: 0.03, gain: 0.25, slope: 0.8, unit: 600}
	left := truth.labelsAt(1-target) - 600
	rng := rand.New(rand.NewPCG(5, 6))
	held := 0
	for range trials {
		var rounds []Progress
		hardness := make([]float64, items) // an item is right from its own number of labels on
		for i := range hardness {
			hardness[i] = rng.Float64()
		}
		for labels := 100; labels <= 600; labels += 100 {
			correct := make([]bool, items)
			for i, h := range hardness {
				correct[i] = h >= truth.at(float64(labels))
			}
			rounds = append(rounds, Progress{labels, correct})
		}
		f, err := LabelsLeft(rounds, target, rng)
		if err != nil {
			t.Fatal(err)
		}
		if f.Low <= left && left <= f.High {
			held++
		}
		if !(f.Low <= f.Left && f.Left <= f.High) {
			t.Errorf("forecast %+v is not in order", f)
		}
	}
	if held < trials*88/100 {
		t.Errorf("%d of %d intervals hold the truth, %.0f labels", held, trials, left)
	}
	t.Logf("%d of %d intervals hold the truth", held, trials)
}

func TestLabelsLeftLimits(t *testing.T) {
	var flat []Progress
	for labels := 100; labels <= 500; labels += 100 {
		correct := make([]bool, 1000)
		for i := range correct {
			correct[i] = i >= 300
		}
		flat = append(flat, Progress{labels, correct})
	}
	rng := rand.New(rand.NewPCG(1, 2))
	if f, err := LabelsLeft(flat, 0.6, rng); err != nil || f.Left != 0 || f.High != 0 {
		t.Errorf("target that is met: %+v, %v", f, err)
	}
	if f, err := LabelsLeft(flat, 0.9, rng); err != nil || !math.IsInf(f.Left, 1) {
		t.Errorf("target above a flat curve: %+v, %v", f, err)
	}
	if _, err := LabelsLeft(flat[:2], 0.9, rng); err == nil {
		t.Error("two rounds: no error")
	}
	if _, err := LabelsLeft(flat, 1, rng); err == nil {
		t.Error("target of 1: no error")
	}
}
