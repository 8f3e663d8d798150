package activelearn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Progress is how the model of a round did on the held-out items.
type Progress struct {
	Labels  int    // that it was fitted to
	Correct []bool // for each held-out item, the same ones in every round
}

// Forecast is how many labels are left until a target accuracy is met: +Inf where the learning curve levels off below it,
// 0 where it is met. Low and High are the ends of a 95 % interval.
type Forecast struct {
	Left, Low, High float64
}

const forecastDraws = 500

// LabelsLeft forecasts from the rounds so far when the accuracy (a share of 1) will reach the target. The held-out items
// must be a random sample. An inverse power law, error = a + b * labels^-c with a, b >= 0 (Figueroa et al. 2012,
// "Predicting sample size required for classification performance"), is fitted by least squares, weighted by the precision
// of each round's error; the held-out items are drawn anew, with replacement, 500 times (bootstrap), and the median and
// the percentiles of what the fits say are given. Three rounds that differ in their labels are needed; the interval is
// about the sample and the curve's three numbers, and does not cover a curve of another form.
func LabelsLeft(rounds []Progress, target float64, rng *rand.Rand) (Forecast, error) {
	if err := checkProgress(rounds, target); err != nil {
		return Forecast{}, fmt.Errorf("forecast labels: %w", err)
	}
	items, now := len(rounds[0].Correct), rounds[len(rounds)-1].Labels
	curve := make([]measured, len(rounds))
	left := make([]float64, forecastDraws)
	times := make([]int, items) // how often each item was drawn
	for d := range left {
		clear(times)
		for range items {
			times[rng.IntN(items)]++
		}
		for r, round := range rounds {
			wrong := 0
			for i, correct := range round.Correct {
				if !correct {
					wrong += times[i]
				}
			}
			curve[r] = measure(round.Labels, wrong, items)
		}
		left[d] = max(0, fitPowerLaw(curve).labelsAt(1-target)-float64(now))
	}
	slices.Sort(left)
	at := func(share float64) float64 { return left[int(share*float64(forecastDraws-1)+0.5)] }
	return Forecast{Left: at(0.5), Low: at(0.025), High: at(0.975)}, nil
}

func checkProgress(rounds []Progress, target float64) error {
	if !(target > 0 && target < 1) {
		return fmt.Errorf("target accuracy is %g: give one between 0 and 1", target)
	}
	counts := map[int]bool{}
	for i, r := range rounds {
		if r.Labels < 1 {
			return fmt.Errorf("round %d has %d labels", i, r.Labels)
		}
		if len(r.Correct) == 0 || len(r.Correct) != len(rounds[0].Correct) {
			return fmt.Errorf("round %d was tried on %d held-out items and the first on %d: give the same items, at least one", i,
				len(r.Correct), len(rounds[0].Correct))
		}
		counts[r.Labels] = true
	}
	if len(counts) < 3 {
		return fmt.Errorf("%d rounds with different numbers of labels: a curve needs 3", len(counts))
	}
	return nil
}

// measured is a point of a learning curve.
type measured struct {
	labels, rate, weight float64 // weight: of its squared residual
}

// measure gives the error rate of so many wrong items, smoothed so that none wrong has a variance too.
func measure(labels, wrong, items int) measured {
	rate := (float64(wrong) + 0.5) / float64(items+1)
	return measured{float64(labels), rate, float64(items) / (rate * (1 - rate))}
}

// powerLaw is error = floor + gain * (labels / unit)^-slope.
type powerLaw struct {
	floor, gain, slope, unit float64
	squares                  float64 // weighted squared residuals
}

// Slopes below the least cannot be told from a floor, those above the most are not seen.
const (
	leastSlope = 0.05
	mostSlope  = 2
)

// fitPowerLaw fits floor and gain, which must not be negative, in closed form for each slope, and searches the slope: on a
// grid, then by the golden section.
func fitPowerLaw(curve []measured) powerLaw {
	const step = 1.15
	best := powerLaw{squares: math.Inf(1)}
	for slope := leastSlope; slope <= mostSlope; slope *= step {
		if law := fitSlope(curve, slope); law.squares < best.squares {
			best = law
		}
	}
	low, high := max(leastSlope, best.slope/step), min(mostSlope, best.slope*step)
	for high-low > 1e-3*high {
		third := (high - low) * (math.Phi - 1)
		if fitSlope(curve, high-third).squares < fitSlope(curve, low+third).squares {
			high = low + third
		} else {
			low = high - third
		}
	}
	return fitSlope(curve, (low+high)/2)
}

// fitSlope fits floor and gain to a slope by weighted least squares.
func fitSlope(curve []measured, slope float64) powerLaw {
	law := powerLaw{slope: slope, unit: curve[len(curve)-1].labels}
	var w, x, y, xx, xy float64 // sums of weights, and of products with them
	for _, m := range curve {
		power := math.Pow(m.labels/law.unit, -slope)
		w += m.weight
		x += m.weight * power
		y += m.weight * m.rate
		xx += m.weight * power * power
		xy += m.weight * power * m.rate
	}
	law.gain = (w*xy - x*y) / (w*xx - x*x)
	law.floor = (y - law.gain*x) / w
	if law.floor < 0 {
		law.floor, law.gain = 0, xy/xx
	}
	if law.gain < 0 {
		law.floor, law.gain = y/w, 0
	}
	for _, m := range curve {
		residual := m.rate - law.at(m.labels)
		law.squares += m.weight * residual * residual
	}
	return law
}

// at is the error at so many labels.
func (p powerLaw) at(labels float64) float64 {
	return p.floor + p.gain*math.Pow(labels/p.unit, -p.slope)
}

// labelsAt is how many labels bring the error down to rate.
func (p powerLaw) labelsAt(rate float64) float64 {
	if p.floor >= rate {
		return math.Inf(1)
	}
	return p.unit * math.Pow(p.gain/(rate-p.floor), 1/p.slope)
}
