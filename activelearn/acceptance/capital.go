package acceptance

import "math"

// bets are what the capital is spread over: the share of it that is bet on the true error being so many times epsilon.
// Most is on models much better than asked for, where the fewest audits decide; the rest wins in the long run when the
// error is close to epsilon. Any bets on less than epsilon keep the bound.
var bets = [...]struct{ share, error float64 }{{0.9, 0.2}, {0.05, 0.5}, {0.05, 0.75}}

// capital is a bettor's wealth against the hypothesis that the wrong among the accepted are a share of the pool of a
// limit or more. An audit is wrong and accepted, or it isn't; for an outcome of two values the bet of Waudby-Smith and
// Ramdas is the likelihood ratio of a smaller share to the limit, and wealth is a supermartingale under the hypothesis.
type capital struct {
	hit, miss [len(bets)]float64 // logarithms of what each bet is multiplied by when an audit is wrong and accepted, or isn't
}

func newCapital(limit float64) capital {
	var c capital
	for i, b := range bets {
		c.hit[i] = math.Log(b.error)
		c.miss[i] = math.Log1p(-b.error*limit) - math.Log1p(-limit)
	}
	return c
}

// log is the logarithm of the wealth after so many audits, of which so many were wrong and accepted. Real numbers serve
// forecasts.
func (c capital) log(audits, wrong float64) float64 {
	var logs [len(bets)]float64
	top := math.Inf(-1)
	for i, b := range bets {
		logs[i] = math.Log(b.share) + wrong*c.hit[i] + (audits-wrong)*c.miss[i]
		top = max(top, logs[i])
	}
	sum := 0.0
	for _, l := range logs {
		sum += math.Exp(l - top)
	}
	return top + math.Log(sum)
}
