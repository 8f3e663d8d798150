package activelearn_test

import (
	"fmt"
	"log"
	"math/rand/v2"

	"github.com/labelloop/labelloop/activelearn"
)

// Five items and three classes: item 0 is labelled; which two of the others should a person see?
var pool = activelearn.Pool{
	Probs: activelearn.Matrix{Rows: 5, Cols: 3, Data: []float32{
		0.4, 0.4, 0.2,
		0.9, 0.1, 0.0,
		0.5, 0.4, 0.1,
		0.4, 0.35, 0.25,
		0.1, 0.2, 0.7,
	}},
	Labels: [][]int{{0}, nil, nil, nil, nil},
}

func ExampleBreakingTies() {
	rng := rand.New(rand.NewPCG(1, 2))
	picks, err := activelearn.BreakingTies{}.Select(pool, 2, rng)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(picks)
	// Output: [3 2]
}

func ExampleNamed() {
	strategy, err := activelearn.Named("class-balancer:breaking-ties")
	if err != nil {
		log.Fatal(err)
	}
	picks, err := strategy.Select(pool, 2, rand.New(rand.NewPCG(1, 2)))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(picks)
	// Output: [4 3]
}
