package acceptance

import "math"

// Difference is the interval of the difference of two binomial shares, the first less the second, of independent trials: the
// hybrid of two score intervals (Newcombe, Statistics in Medicine 1998, method 10). Without trials of one it is everything
// that is possible.
func Difference(successes, trials, otherSuccesses, otherTrials int, delta float64) Interval {
	a, b := Wilson(successes, trials, delta), Wilson(otherSuccesses, otherTrials, delta)
	d := a.Estimate - b.Estimate
	return Interval{
		Estimate: d,
		Low:      max(-1, d-math.Hypot(a.Estimate-a.Low, b.High-b.Estimate)),
		High:     min(1, d+math.Hypot(a.High-a.Estimate, b.Estimate-b.Low)),
	}
}
