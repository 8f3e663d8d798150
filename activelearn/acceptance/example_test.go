package acceptance_test

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/labelloop/labelloop/activelearn/acceptance"
)

// What can be said of a pool of 10,000 labels, whose least confident ones are often wrong, after 300 audits and after 400.
func Example() {
	rng := rand.New(rand.NewPCG(1, 2))
	pool := make([]float64, 10_000)
	for i := range pool {
		pool[i] = 1 - float64(i)/20_000
	}
	plan, err := acceptance.NewPlan(pool, acceptance.Bound{Epsilon: 0.02, Delta: 0.05}, 500)
	if err != nil {
		fmt.Println(err)
		return
	}
	audits := make([]acceptance.Audit, 400)
	for i, item := range rng.Perm(len(pool))[:len(audits)] {
		wrong := rng.Float64() < 0.5*math.Pow(float64(item)/10_000, 12) // 4 % of all
		audits[i] = acceptance.Audit{Confidence: pool[item], Wrong: wrong}
	}
	more, _ := plan.Further(audits[:300], 0.8)
	fmt.Printf("after 300 audits %.0f %% can be accepted; about %d more would make it 80 %%\n",
		100*plan.Anytime(audits[:300]).Coverage, more)
	now := plan.Anytime(audits)
	fmt.Printf("at most 2 %% wrong (95 %% sure): %.0f %% can be accepted now, from a confidence of %.2f\n", 100*now.Coverage, now.Confidence)
	// Output:
	// after 300 audits 0 % can be accepted; about 35 more would make it 80 %
	// at most 2 % wrong (95 % sure): 86 % can be accepted now, from a confidence of 0.57
}
