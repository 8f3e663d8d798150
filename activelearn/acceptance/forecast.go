package acceptance

import (
	"math"
	"sort"
)

// farthest is the number of audits from which on a forecast says nothing but "too many".
const farthest = 1_000_000

// hope is the error over epsilon that a forecast starts from, with the weight of one wrong answer: wrong answers are too
// few at first to tell a rate, and who asks for a coverage thinks that it can be had.
const hope = 0.2

// Further estimates how many more audits it takes until Anytime accepts a wanted coverage, if answers go on to be wrong as
// often as those up to now, which it takes to be a fifth of epsilon while nothing is known. It gives false where they say
// that the error at that coverage is over epsilon, or so close to it that no reasonable number would do. The estimate is
// rough, too low about as often as too high: it rests on the wrong answers, and they are few.
func (p Plan) Further(audits []Audit, coverage float64) (int, bool) {
	if len(p.Steps) == 0 {
		return 0, false
	}
	shown := p.anytime(audits)
	alpha := p.weight(p.Start) * p.Bound.Delta
	if p.Start > 0 && shown(0, p.weight(0)*p.Bound.Delta) {
		alpha = p.Bound.Delta
	}
	target := sort.Search(len(p.Steps)-1, func(i int) bool { return i >= p.Start && p.Steps[i].Coverage >= coverage })
	next := p.Start
	for next <= target && shown(next, alpha) {
		next++
	}
	if next > target {
		return 0, true
	}
	// The steps between will be shown before the target is, if the error rises towards it, as a model's confidence promises;
	// their own numbers would add noise alone.
	more, ok := p.more(audits, next, alpha)
	if shown(target, alpha) {
		return more, ok
	}
	most, reachable := p.more(audits, target, alpha)
	return max(more, most), ok && reachable
}

// more estimates the audits after which a step that is not shown yet is.
func (p Plan) more(audits []Audit, step int, alpha float64) (int, bool) {
	n, wrong := float64(len(audits)), float64(p.wrong(audits)[step])
	rate := (wrong + 1) / (n + 1/(hope*p.limit(step)))
	c := p.capital(step)
	// The logarithm of the wealth is convex along the forecast and too low now: once it is high enough, it stays.
	m := sort.Search(farthest, func(m int) bool {
		return c.log(n+float64(m), wrong+rate*float64(m)) >= -math.Log(alpha)
	})
	return m, m < farthest
}
