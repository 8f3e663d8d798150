package acceptance

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/labelloop/labelloop/activelearn/internal/golden"
)

// -full draws all 2,000 pools, which takes minutes:
//
//	go test ./activelearn/acceptance -run 'TestBound|TestCLINC150' -v -args -full
var full = flag.Bool("full", false, "simulate 2,000 pools for each bound")

// pool is a simulated pool: item i has the i-th highest confidence.
type pool struct {
	confidence []float64
	wrong      []bool
}

// curves give the share of the mean error that items have at rank r, from 0 (most confident) to 1.
var curves = []struct {
	name  string
	shape func(r, phase float64) float64
}{
	{"flat", func(r, _ float64) float64 { return 1 }},
	{"rising", func(r, _ float64) float64 { return 2 * r }},
	{"steep", func(r, _ float64) float64 { return 6 * math.Pow(r, 5) }},
	{"inverted", func(r, _ float64) float64 { return 3 * (1 - r) * (1 - r) }},
	{"waves", func(r, phase float64) float64 { return 1 + 0.9*math.Sin(2*math.Pi*(3*r+phase)) }},
	{"bad top", func(r, _ float64) float64 {
		if r < 0.1 {
			return 5
		}
		return 0.5 / 0.9
	}},
}

// claims turn the true error of an item into the confidence that the model claims. The order of the items is kept.
var claims = []func(rank, error float64) float64{
	func(rank, error float64) float64 { return 1 - rank*error },                  // near the truth
	func(rank, error float64) float64 { return 1 - 0.05*rank },                   // overconfident
	func(rank, error float64) float64 { return 0.6 - 0.5*rank },                  // underconfident
	func(rank, error float64) float64 { return math.Round(50*(1-rank)) / 50 },    // with ties
	func(rank, error float64) float64 { return 1 - math.Pow(rank, 8)*(1-error) }, // crowded at the top
}

// draw simulates a pool whose error lies between 0.5 and 30 %, evenly on a logarithmic scale.
func draw(rng *rand.Rand, i int) pool {
	mean := 0.005 * math.Pow(60, rng.Float64())
	return simulate(rng, 2000+rng.IntN(4000), mean, i%len(curves), i/len(curves)%len(claims))
}

func simulate(rng *rand.Rand, n int, mean float64, curve, claim int) pool {
	p := pool{make([]float64, n), make([]bool, n)}
	phase := rng.Float64()
	last := math.Inf(1)
	for i := range n {
		rank := (float64(i) + 0.5) / float64(n)
		error := min(mean*curves[curve].shape(rank, phase), 0.98)
		last = min(last, claims[claim](rank, error))
		p.confidence[i] = last
		p.wrong[i] = rng.Float64() < error
	}
	return p
}

// audit draws n items without replacement.
func (p pool) audit(rng *rand.Rand, n int) []Audit {
	audits := make([]Audit, n)
	for i, item := range rng.Perm(len(p.wrong))[:n] {
		audits[i] = Audit{p.confidence[item], p.wrong[item]}
	}
	return audits
}

// broken tells whether more than epsilon of what a threshold accepts is wrong.
func (p pool) broken(threshold, epsilon float64) bool {
	wrong, n := 0, 0
	for n < len(p.wrong) && p.confidence[n] >= threshold {
		if p.wrong[n] {
			wrong++
		}
		n++
	}
	return float64(wrong) > epsilon*float64(n)
}

// everShown gives the steps that Anytime showed at one time or another.
func (p Plan) everShown(audits []Audit) []int {
	var steps []int
	shown := p.anytime(audits)
	p.descend(p.weight, func(i int, alpha float64) bool {
		ok := shown(i, alpha)
		if ok {
			steps = append(steps, i)
		}
		return ok
	})
	return steps
}

// tally counts the draws in which a bound was broken.
type tally struct{ draws, fixed, anytime, accepted int }

func (c *tally) add(p pool, plan Plan, audits []Audit) {
	c.draws++
	if t := plan.Fixed(audits); t.Coverage > 0 {
		c.accepted++
		if p.broken(t.Confidence, plan.Bound.Epsilon) {
			c.fixed++
		}
	}
	for _, step := range plan.everShown(audits) {
		if p.broken(plan.Steps[step].Confidence, plan.Bound.Epsilon) {
			c.anytime++
			break
		}
	}
}

func (c tally) check(t *testing.T, delta, slack float64) {
	t.Helper()
	fixed, anytime := float64(c.fixed)/float64(c.draws), float64(c.anytime)/float64(c.draws)
	t.Logf("%d draws, %d accepted something: broken %.4f fixed, %.4f at any time; delta %.2f", c.draws, c.accepted, fixed, anytime, delta)
	if fixed > delta+slack || anytime > delta+slack {
		t.Errorf("the bound was broken in %.4f (fixed), %.4f (any time) of the draws, want at most %.3f", fixed, anytime, delta+slack)
	}
}

var bounds = []Bound{{0.01, 0.05}, {0.01, 0.1}, {0.02, 0.05}, {0.02, 0.1}, {0.05, 0.05}, {0.05, 0.1}}

func TestBoundHolds(t *testing.T) {
	pools := 300
	if *full {
		pools = 2000
	}
	for _, bound := range bounds {
		t.Run(fmt.Sprintf("%g %g", bound.Epsilon, bound.Delta), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			var c tally
			for i := range pools {
				p := draw(rng, i)
				n := max(bound.leastAudits(), 100+rng.IntN(700))
				plan, err := NewPlan(p.confidence, bound, n)
				if err != nil {
					t.Fatal(err)
				}
				c.add(p, plan, p.audit(rng, n))
			}
			c.check(t, bound.Delta, 0.01)
		})
	}
}

// The hardest pools are those that break the bound by a hair wherever a threshold is set: every acceptance is false.
func TestBoundHoldsWhereItIsHardest(t *testing.T) {
	draws, slack := 400, 0.03 // three standard errors
	if *full {
		draws, slack = 4000, 0.01
	}
	for _, bound := range bounds {
		t.Run(fmt.Sprintf("%g %g", bound.Epsilon, bound.Delta), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 4))
			n := 10 * bound.leastAudits() / 3
			p := pool{make([]float64, 10000), make([]bool, 10000)}
			every := int(1 / bound.Epsilon)
			for i := range p.wrong {
				p.confidence[i] = 1 - float64(i)/float64(len(p.wrong))
				p.wrong[i] = i%every == 0
			}
			p.wrong[1] = true
			plan, err := NewPlan(p.confidence, bound, n)
			if err != nil {
				t.Fatal(err)
			}
			var c tally
			for range draws {
				c.add(p, plan, p.audit(rng, n))
			}
			c.check(t, bound.Delta, slack)
		})
	}
}

// Anytime after each answer: what was shown stays, and the steps counted above are all that a person ever sees.
func TestAnytimeAfterEachAnswer(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range 12 {
		p := simulate(rng, 2000, 0.02, i%len(curves), i%len(claims))
		audits := p.audit(rng, 250)
		plan, err := NewPlan(p.confidence, Bound{0.05, 0.1}, 150)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[float64]bool{}
		coverage := 0.0
		for n := range audits {
			now := plan.Anytime(audits[:n+1])
			if now.Coverage < coverage {
				t.Fatalf("pool %d: coverage fell from %v to %v at answer %d", i, coverage, now.Coverage, n+1)
			}
			if coverage = now.Coverage; coverage > 0 {
				seen[now.Confidence] = true
			}
		}
		for _, step := range plan.everShown(audits) {
			delete(seen, plan.Steps[step].Confidence)
		}
		if len(seen) > 0 {
			t.Errorf("pool %d: %v were accepted but not counted", i, seen)
		}
	}
}

func clinc150(t *testing.T) pool {
	cases := golden.Load[struct {
		Confidence []float64
		Wrong      []int
	}](t, "clinc150_confidence")
	p := pool{cases.Confidence, make([]bool, len(cases.Confidence))}
	for _, i := range cases.Wrong {
		p.wrong[i] = true
	}
	return p
}

// 500 audits of CLINC150 accept four fifths of it at an error of 2 %.
func TestCLINC150(t *testing.T) {
	p := clinc150(t)
	plan, err := NewPlan(p.confidence, Bound{0.02, 0.05}, 500)
	if err != nil {
		t.Fatal(err)
	}
	draws := 50
	if *full {
		draws = 1000
	}
	rng := rand.New(rand.NewPCG(7, 8))
	var fixed, anytime float64
	for range draws {
		audits := p.audit(rng, 500)
		fixed += plan.Fixed(audits).Coverage / float64(draws)
		anytime += plan.Anytime(audits).Coverage / float64(draws)
	}
	t.Logf("mean coverage of %d draws: %.3f fixed, %.3f at any time", draws, fixed, anytime)
	if fixed < 0.8 || anytime < 0.7 {
		t.Errorf("mean coverage is %.3f fixed, %.3f at any time, want 0.8 and 0.7", fixed, anytime)
	}
}
