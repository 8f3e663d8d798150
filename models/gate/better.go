package gate

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// discordant counts the items on which one model alone is right.
func (p paired) discordant() (better, worse int) {
	for i := range p.truths {
		switch {
		case p.after.right[i] && !p.before.right[i]:
			better++
		case p.before.right[i] && !p.after.right[i]:
			worse++
		}
	}
	return better, worse
}

// atLeast is the probability of k or more successes in n trials of probability q.
func atLeast(k, n int, q float64) float64 {
	if k <= 0 {
		return 1
	}
	return distuv.Beta{Alpha: float64(k), Beta: float64(n - k + 1)}.CDF(q)
}

// accuracy is the exact McNemar test: were the models equal, each item on which one alone is right would be the candidate's
// or the other's with probability 1/2 (McNemar 1947; the binomial distribution itself, without the mid-p correction, which
// may promote more than it says). It is one-sided, at half of Alpha.
func (p paired) accuracy(r *resampled) Check {
	better, worse := p.discordant()
	up, down := atLeast(better, better+worse, 0.5), atLeast(worse, better+worse, 0.5)
	low, high := r.interval(func(m measures) float64 { return m.accuracy })
	c := Check{Name: "accuracy", Outcome: Fine, Before: percent(r.before.accuracy), After: percent(r.after.accuracy),
		Change: points(r.after.accuracy-r.before.accuracy, low, high),
		Numbers: map[string]float64{"before": r.before.accuracy, "after": r.after.accuracy, "low": low, "high": high,
			"better": float64(better), "worse": float64(worse), "p": up}}
	told := fmt.Sprintf("right where the other is wrong on %d items, wrong where it is right on %d", better, worse)
	switch {
	case up <= Alpha/2:
		c.Outcome, c.Says = Better, fmt.Sprintf("%s (p %s)", told, small(up))
	case down <= Alpha/2:
		c.Outcome, c.Says = Refused, fmt.Sprintf("%s (p %s): it is worse", told, small(down))
	default:
		c.Says = told + ", which may be chance" + p.further(better, worse)
	}
	return c
}

// further says about how many evaluation items would tell the models apart, if they differ as much as it seems: with a power
// of 80 % (Connor, Biometrics 1987).
func (p paired) further(better, worse int) string {
	n := float64(len(p.truths))
	gain, apart := float64(better-worse)/n, float64(better+worse)/n
	if gain <= 0 {
		return ""
	}
	z, power := distuv.UnitNormal.Quantile(1-Alpha/2), distuv.UnitNormal.Quantile(0.8)
	need := math.Pow(z*math.Sqrt(apart)+power*math.Sqrt(apart-gain*gain), 2) / (gain * gain)
	if more := need - n; more > 0 && more < 1e6 {
		unit := math.Pow(10, math.Floor(math.Log10(more)))
		return fmt.Sprintf("; about %.0f more evaluation items would tell", math.Ceil(more/unit)*unit)
	}
	return ""
}

// macroF1 goes by the paired bootstrap. It can show a gain on rare labels that accuracy does not see.
func (p paired) macroF1(r *resampled) Check {
	low, high := r.interval(func(m measures) float64 { return m.macroF1 })
	c := Check{Name: "macro-F1", Outcome: Fine, Before: percent(r.before.macroF1), After: percent(r.after.macroF1),
		Change:  points(r.after.macroF1-r.before.macroF1, low, high),
		Numbers: map[string]float64{"before": r.before.macroF1, "after": r.after.macroF1, "low": low, "high": high}}
	switch {
	case low > 0 && len(p.truths) >= fewest:
		c.Outcome, c.Says = Better, "mean of the labels' F1, each label counting the same"
	case low > 0:
		c.Says = fmt.Sprintf("mean of the labels' F1: higher, which counts from %d items on", fewest)
	case high < 0:
		c.Outcome, c.Says = Refused, "mean of the labels' F1, each label counting the same: it is worse"
	default:
		c.Says = "mean of the labels' F1: the difference may be chance"
	}
	return c
}

// fewest is the number of items under which the bootstrap shows no gain: its intervals are too short for few.
const fewest = 100

// logLoss sees to it that probabilities get no worse as a whole.
func (p paired) logLoss(r *resampled) Check {
	low, high := r.interval(func(m measures) float64 { return m.loss })
	c := Check{Name: "log loss", Outcome: Fine, Before: fmt.Sprintf("%.3f", r.before.loss), After: fmt.Sprintf("%.3f", r.after.loss),
		Change:  fmt.Sprintf("%+.3f (%+.3f to %+.3f)", r.after.loss-r.before.loss, low, high),
		Numbers: map[string]float64{"before": r.before.loss, "after": r.after.loss, "low": low, "high": high}, Says: "how improbable the right labels seem; lower is better"}
	if low > 0 {
		c.Outcome, c.Says = Refused, "the right labels seem less probable to it"
	}
	return c
}

// calibration sees to it that confidence means as much as it did.
func (p paired) calibration(r *resampled) Check {
	if p.rule {
		return Check{Name: "calibration error", Outcome: Unknown, After: percent(r.after.ece), Numbers: map[string]float64{"after": r.after.ece},
			Says: "how far confidence is from the share that is right; a rule's says nothing"}
	}
	low, high := r.interval(func(m measures) float64 { return m.ece })
	c := Check{Name: "calibration error", Outcome: Fine, Before: percent(r.before.ece), After: percent(r.after.ece),
		Change:  points(r.after.ece-r.before.ece, low, high),
		Numbers: map[string]float64{"before": r.before.ece, "after": r.after.ece, "low": low, "high": high}, Says: "how far confidence is from the share that is right"}
	if low > ECE {
		c.Outcome, c.Says = Refused, fmt.Sprintf("its confidence means less than before, by more than %g points: calibrate it", 100*ECE)
	}
	return c
}

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

func points(change, low, high float64) string {
	return fmt.Sprintf("%+.1f (%+.1f to %+.1f)", 100*change, 100*low, 100*high)
}

// small writes the probability of a chance result.
func small(p float64) string {
	if p < 0.0001 {
		return "< 0.0001"
	}
	return fmt.Sprintf("%.4f", p)
}
