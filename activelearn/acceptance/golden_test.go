package acceptance

import (
	"math"
	"testing"

	"github.com/labelloop/labelloop/activelearn/internal/golden"
)

func TestGolden(t *testing.T) {
	cases := golden.Load[struct {
		Intervals []struct {
			Successes, Trials int
			Delta             float64
			Exact, Wilson     [2]float64
		}
		Tests []struct {
			Audits, Wrong                      int
			Epsilon, Coverage, Chance, Capital float64
		}
		Provable []struct {
			Audits, Wrong            int
			Epsilon, Delta, Coverage float64
		}
	}](t, "acceptance")

	within := func(what string, got, want float64) {
		t.Helper()
		if !(math.Abs(got-want) <= 1e-8*max(1, math.Abs(want))) {
			t.Errorf("%s = %.12g, want %.12g", what, got, want)
		}
	}
	for _, c := range cases.Intervals {
		exact := ClopperPearson(c.Successes, c.Trials, c.Delta)
		within("exact low", exact.Low, c.Exact[0])
		within("exact high", exact.High, c.Exact[1])
		wilson := Wilson(c.Successes, c.Trials, c.Delta)
		within("Wilson low", wilson.Low, c.Wilson[0])
		within("Wilson high", wilson.High, c.Wilson[1])
	}
	for _, c := range cases.Tests {
		plan := Plan{Bound: Bound{Epsilon: c.Epsilon}, Steps: []Step{{Coverage: c.Coverage}}}
		within("chance", plan.chance(0, c.Audits, c.Wrong), c.Chance)
		within("capital", plan.capital(0).log(float64(c.Audits), float64(c.Wrong)), c.Capital)
	}
	for _, c := range cases.Provable {
		within("provable coverage", Bound{c.Epsilon, c.Delta}.provable(c.Wrong, c.Audits), c.Coverage)
	}
}
