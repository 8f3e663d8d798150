package calibration_test

import (
	"fmt"

	"github.com/labelloop/labelloop/activelearn"
	"github.com/labelloop/labelloop/activelearn/calibration"
)

// A model that says 0.9 and is right three times out of four.
func ExampleFit() {
	const n = 200
	probs := activelearn.NewMatrix(n, 2)
	labels := make([][]int, n)
	for i := range n {
		copy(probs.Row(i), []float32{0.9, 0.1})
		labels[i] = []int{0}
		if i%4 == 0 {
			labels[i] = []int{1}
		}
	}
	c, err := calibration.Fit(calibration.Temperature, calibration.Softmax, probs, labels)
	if err != nil {
		fmt.Println(err)
		return
	}
	calibrated, err := c.Apply(probs.Row(0))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("temperature %.2f makes %.2f of %.2f\n", c.Temperature, calibrated[0], probs.Row(0)[0])
	// Output: temperature 2.00 makes 0.75 of 0.90
}
