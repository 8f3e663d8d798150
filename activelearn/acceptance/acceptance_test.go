package acceptance

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// ranked gives a pool of n distinct confidences from 1 down.
func ranked(n int) []float64 {
	pool := make([]float64, n)
	for i := range pool {
		pool[i] = 1 - float64(i)/float64(n)
	}
	return pool
}

func TestPlan(t *testing.T) {
	plan, err := NewPlan(ranked(1000), Bound{0.02, 0.05}, 500)
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range plan.Steps[1:] {
		if before := plan.Steps[i]; step.Confidence >= before.Confidence || step.Coverage <= before.Coverage {
			t.Errorf("step %d, %v, is not laxer than %v", i+1, step, before)
		}
	}
	if start := plan.Steps[plan.Start].Coverage; math.Abs(start-0.627) > 1e-9 {
		t.Errorf("the plan starts at coverage %v, want 0.627", start)
	}
	if last := plan.Steps[len(plan.Steps)-1].Coverage; last != 1 {
		t.Errorf("the plan ends at coverage %v, want 1", last)
	}
	text, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	var again Plan
	if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(again, plan) {
		t.Errorf("the plan is another when read again: %v", err)
	}
}

func TestPlanRefuses(t *testing.T) {
	for _, c := range []struct {
		pool   []float64
		bound  Bound
		audits int
		want   string
	}{
		{ranked(100), Bound{0.02, 0.05}, 148, "at least 149"},
		{nil, Bound{0.02, 0.05}, 500, "empty"},
		{[]float64{1, math.NaN()}, Bound{0.02, 0.05}, 500, "not a number"},
		{ranked(100), Bound{0, 0.05}, 500, "between 0 and 1"},
		{ranked(100), Bound{0.02, 1}, 500, "between 0 and 1"},
	} {
		if _, err := NewPlan(c.pool, c.bound, c.audits); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v of %d audits: error %v, want %q", c.bound, c.audits, err, c.want)
		}
	}
}

// outcomes gives n audits spread evenly over a pool of distinct confidences, of which the given ones are wrong.
func outcomes(n int, wrong ...int) []Audit {
	audits := make([]Audit, n)
	for i := range audits {
		audits[i].Confidence = 1 - (float64(i)+0.5)/float64(n)
	}
	for _, i := range wrong {
		audits[i].Wrong = true
	}
	return audits
}

func TestThresholdAtTheEdges(t *testing.T) {
	bound := Bound{0.02, 0.05}
	plan := func(pool []float64, audits int) Plan {
		p, err := NewPlan(pool, bound, audits)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	same := make([]float64, 1000) // all confidences are equal
	equal := make([]Audit, 149)
	for _, c := range []struct {
		name     string
		plan     Plan
		audits   []Audit
		coverage float64
	}{
		{"all right", plan(ranked(1000), 500), outcomes(500), 1},
		{"just enough", plan(ranked(1000), 149), outcomes(149), 1},
		{"one too few", plan(ranked(1000), 149), outcomes(148), 0},
		{"none yet", plan(ranked(1000), 500), nil, 0},
		{"all ties, all right", plan(same, 149), equal, 1},
		{"one item", plan([]float64{0.5}, 149), equal, 1},
		{"the surest are wrong", plan(ranked(1000), 500), outcomes(500, 0, 1, 2), 0},
		{"two wrong, of low confidence", plan(ranked(1000), 500), outcomes(500, 450, 499), 1},
		{"no plan", Plan{Bound: bound}, outcomes(500), 0},
	} {
		got := c.plan.Fixed(c.audits)
		if got.Coverage != c.coverage || got.Audits != len(c.audits) {
			t.Errorf("%s: %+v, want coverage %v", c.name, got, c.coverage)
		}
		if later := c.plan.Anytime(c.audits); later.Coverage > got.Coverage {
			t.Errorf("%s: coverage %v at any time, but %v when looked at once", c.name, later.Coverage, got.Coverage)
		}
	}
	if none := (Threshold{}); none.Accepts(1) {
		t.Error("a threshold that accepts nothing accepts 1")
	}
}

// The bounds of all labels hold together.
func TestPlansOfLabels(t *testing.T) {
	bound := Bound{0.05, 0.1}
	draws := 300
	if *full {
		draws = 3000
	}
	rng := rand.New(rand.NewPCG(9, 10))
	broken, accepted := 0, 0
	for range draws {
		pools := make([]pool, 5)
		confidences := make([][]float64, len(pools))
		for i := range pools {
			size := []int{3000, 2000, 1500, 1000, 20}[i]
			pools[i] = simulate(rng, size, []float64{0.02, 0.0505, 0.0505, 0.1, 0.01}[i], i%2, 0)
			confidences[i] = pools[i].confidence
		}
		plans, err := NewPlans(confidences, bound, 1500)
		if err != nil {
			t.Fatal(err)
		}
		if plans[0].Bound.Delta != bound.Delta/4 || len(plans[4].Steps) != 0 {
			t.Fatalf("the first of five labels has delta %v, the last %d steps; want a quarter of %v, and none",
				plans[0].Bound.Delta, len(plans[4].Steps), bound.Delta)
		}
		any := false
		for i, p := range pools {
			threshold := plans[i].Fixed(p.audit(rng, 1500*len(p.wrong)/7520))
			if threshold.Coverage > 0 {
				accepted++
				any = any || p.broken(threshold.Confidence, bound.Epsilon)
			}
		}
		if any {
			broken++
		}
	}
	t.Logf("%d of %d draws broke the bound of a label; %.2f labels accepted something", broken, draws, float64(accepted)/float64(draws))
	if share := float64(broken) / float64(draws); share > bound.Delta+0.01 || accepted == 0 {
		t.Errorf("the bound of a label was broken in %.3f of the draws, %d accepted", share, accepted)
	}
	if plans, err := NewPlans([][]float64{nil, ranked(10)}, bound, 20); err != nil || len(plans[1].Steps) != 0 {
		t.Errorf("20 audits make a plan of %v, error %v; want none", plans[1].Steps, err)
	}
}

// A forecast is too low about as often as too high.
func TestFurther(t *testing.T) {
	p := clinc150(t)
	plan, err := NewPlan(p.confidence, Bound{0.02, 0.05}, 500)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(11, 12))
	const wanted, draws = 0.8, 60
	for _, seen := range []int{100, 200, 300, 400} {
		enough, unreachable := 0, 0
		for range draws {
			audits := p.audit(rng, 4500)
			more, ok := plan.Further(audits[:seen], wanted)
			if reached := plan.Anytime(audits[:seen]).Coverage >= wanted; ok && reached != (more == 0) {
				t.Errorf("%d more audits; reached: %v", more, reached)
			}
			if !ok {
				unreachable++
			} else if plan.Anytime(audits[:min(seen+more, len(audits))]).Coverage >= wanted {
				enough++
			}
		}
		t.Logf("after %d audits the forecast was enough in %d of %d draws; %d saw no way", seen, enough, draws, unreachable)
		if enough < draws/5 || enough > draws*9/10 || unreachable > draws/10 {
			t.Errorf("after %d audits the forecast was enough in %d of %d draws; %d saw no way", seen, enough, draws, unreachable)
		}
	}

	if plan, err = NewPlan(ranked(1000), Bound{0.02, 0.05}, 500); err != nil {
		t.Fatal(err)
	}
	half := outcomes(500)
	for i := 0; i < 500; i += 2 {
		half[i].Wrong = true
	}
	if more, ok := plan.Further(half, wanted); ok {
		t.Errorf("%d more audits of a model that is wrong half the time, want no number", more)
	}
	if more, ok := plan.Further(nil, wanted); !ok || more < 149 || more > 1000 {
		t.Errorf("%d audits, %v, when nothing is known", more, ok)
	}
	if _, ok := (Plan{}).Further(half, wanted); ok {
		t.Error("an empty plan has a forecast")
	}
}

// An accuracy of 0.85 where a strategy drew the unsure tenth of the pool nine times as often as the rest.
func TestWeighted(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	const draws, n, delta = 300, 400, 0.1
	const accuracy = 0.9*0.9 + 0.1*0.4
	missed, bias, width := 0, 0.0, 0.0
	for range draws {
		audits := make([]Draw, n)
		for i := range audits {
			if rng.Float64() < 0.5 { // from the unsure tenth
				audits[i] = Draw{rng.Float64() < 0.4, 0.1 / 0.5}
			} else {
				audits[i] = Draw{rng.Float64() < 0.9, 0.9 / 0.5}
			}
		}
		interval, err := Weighted(audits, 1.8, delta)
		if err != nil {
			t.Fatal(err)
		}
		if accuracy < interval.Low || accuracy > interval.High {
			missed++
		}
		bias += (interval.Estimate - accuracy) / draws
		width += (interval.High - interval.Low) / draws
	}
	t.Logf("missed %d of %d, bias %.4f, width %.3f", missed, draws, bias, width)
	if missed > draws*12/100 || math.Abs(bias) > 0.01 || width > 0.2 {
		t.Errorf("missed %d of %d, bias %.4f, width %.3f", missed, draws, bias, width)
	}
}

func TestWeightedAtTheEdges(t *testing.T) {
	if got, err := Weighted(nil, 1, 0.05); err != nil || got != (Interval{0, 0, 1}) {
		t.Errorf("no draws: %v, %v", got, err)
	}
	if got, err := Weighted([]Draw{{true, 1}}, 1, 0.05); err != nil || got.Estimate != 1 || got.High != 1 || got.Low > 0.1 {
		t.Errorf("one draw: %v, %v", got, err)
	}
	for _, weight := range []float64{0, -1, 2, math.NaN()} {
		if _, err := Weighted([]Draw{{true, weight}}, 1, 0.05); err == nil {
			t.Errorf("weight %v is no error", weight)
		}
	}
}
