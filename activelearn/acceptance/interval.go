package acceptance

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Interval is an estimate of a share, such as accuracy, and what it lies between with probability 1 - delta.
type Interval struct {
	Estimate float64 `json:"estimate"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
}

// ClopperPearson is the exact two-sided interval of a binomial share: it never covers less often than it says (Clopper and
// Pearson, Biometrika 1934). Without trials it is everything from 0 to 1.
func ClopperPearson(successes, trials int, delta float64) Interval {
	k, n := float64(successes), float64(trials)
	interval := Interval{k / max(n, 1), 0, 1}
	if successes > 0 {
		interval.Low = distuv.Beta{Alpha: k, Beta: n - k + 1}.Quantile(delta / 2)
	}
	if successes < trials {
		interval.High = distuv.Beta{Alpha: k + 1, Beta: n - k}.Quantile(1 - delta/2)
	}
	return interval
}

// Wilson is the score interval of a binomial share: shorter than the exact one, and right on average over the shares
// (Wilson, JASA 1927). Without trials it is everything from 0 to 1.
func Wilson(successes, trials int, delta float64) Interval {
	if trials == 0 {
		return Interval{0, 0, 1}
	}
	n := float64(trials)
	p := float64(successes) / n
	z := distuv.UnitNormal.Quantile(1 - delta/2)
	center := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	low, high := max(center-half, 0), min(center+half, 1)
	if successes == 0 {
		low = 0 // which rounding misses
	}
	if successes == trials {
		high = 1
	}
	return Interval{p, low, high}
}

// Draw is an audited item that was drawn with a known probability.
type Draw struct {
	Success bool
	Weight  float64 // 1 / (items of the pool * probability of drawing this one), or that times any fixed number
}

// stakes are the parts of the capital that Weighted bets. Its length is what their variety costs.
var stakes = [...]float64{0.03, 0.1, 0.25, 0.5, 0.85}

// Weighted estimates a share of the pool from items that were drawn, with replacement, with known probabilities that
// differ: audits that a query strategy chose at random, say, with the probabilities that it had at the time. The estimate
// is the weighted mean of Hájek; largest is the largest weight that an item of the pool could have had.
//
// The interval holds the shares m against which no capital grew to 1/delta by betting that weight * (success - m), whose mean
// is 0 at the true share, is not (Waudby-Smith and Ramdas, JRSS B 2023). So it is valid for any number of draws and any
// weights, at any time of looking, where intervals from a normal approximation are not; a few heavy weights make it wide.
func Weighted(draws []Draw, largest, delta float64) (Interval, error) {
	sum, total := 0.0, 0.0
	for i, d := range draws {
		if !(d.Weight > 0 && d.Weight <= largest) {
			return Interval{}, fmt.Errorf("estimate from weighted draws: weight %v of draw %d is not between 0 and %v", d.Weight, i, largest)
		}
		total += d.Weight
		if d.Success {
			sum += d.Weight
		}
	}
	if len(draws) == 0 {
		return Interval{0, 0, 1}, nil
	}
	estimate := sum / total
	refuted := func(m float64) bool { return refutes(draws, largest, m, 1/delta) }
	return Interval{estimate, boundary(refuted, estimate, 0), boundary(refuted, estimate, 1)}, nil
}

// refutes tells whether the capital against the share m ever grew to the goal: half of it is bet on more than m, half on
// less.
func refutes(draws []Draw, largest, m, goal float64) bool {
	var more, less [len(stakes)]float64
	for i := range stakes {
		more[i], less[i] = 0.5/float64(len(stakes)), 0.5/float64(len(stakes))
	}
	for _, d := range draws {
		part := d.Weight / largest
		up, down := -part, part*m/(1-m) // of what a stake of 1 on more, or on less, gains
		if d.Success {
			up, down = part*(1-m)/m, -part
		}
		capital := 0.0
		for i, stake := range stakes {
			more[i] *= 1 + stake*up
			less[i] *= 1 + stake*down
			capital += more[i] + less[i]
		}
		if capital >= goal {
			return true
		}
	}
	return false
}

// boundary bisects between a share that is not refuted and the end, 0 or 1, of those that may be.
func boundary(refuted func(float64) bool, inside, end float64) float64 {
	outside := end
	for range 50 {
		middle := (inside + outside) / 2
		if middle == inside || middle == outside {
			break
		}
		if refuted(middle) {
			outside = middle
		} else {
			inside = middle
		}
	}
	if math.Abs(inside-end) < 1e-12 {
		return end
	}
	return inside
}
