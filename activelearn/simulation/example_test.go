package simulation_test

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"

	"github.com/labelloop/labelloop/activelearn"
	"github.com/labelloop/labelloop/activelearn/simulation"
)

// Three classes of embeddings around points of their own.
func ExampleRun() {
	rng := rand.New(rand.NewPCG(1, 2))
	draw := func(items int) (activelearn.Matrix, [][]int) {
		points, labels := activelearn.NewMatrix(items, 3), make([][]int, items)
		for i := range items {
			labels[i] = []int{rng.IntN(3)}
			for j := range 3 {
				points.Row(i)[j] = float32(0.3 * rng.NormFloat64())
			}
			points.Row(i)[labels[i][0]]++
		}
		return points, labels
	}
	data := simulation.Data{Classes: 3}
	data.Pool, data.PoolLabels = draw(200)
	data.Test, data.TestLabels = draw(100)
	curves, err := simulation.Run(context.Background(), data, simulation.Options{
		Contenders: []simulation.Contender{{Name: "random", Strategy: activelearn.Random{}}, {Name: "hybrid", Strategy: activelearn.Hybrid{}}},
		Rounds:     3,
		Batch:      10,
		Seeds:      4,
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, curve := range curves.Curves {
		last := curve.Points[len(curve.Points)-1]
		fmt.Printf("%s: %s over 0.9 with %d labels: %v\n", curve.Name, curves.Metric, last.Labels, last.Mean > 0.9)
	}
	// Output:
	// random: accuracy over 0.9 with 30 labels: true
	// hybrid: accuracy over 0.9 with 30 labels: true
}
