package gate_test

import (
	"fmt"

	"github.com/labelloop/labelloop/models/gate"
)

// A candidate that is right wherever the model in use is, and on ten of its fifty errors.
func ExampleJudge() {
	e := gate.Evidence{Labels: []string{"refund", "delivery"}, Leaks: 0, Parity: 2e-6,
		Tokenizer: gate.Finding{Outcome: gate.Fine, Says: "that of minilm"}}
	e.Reference.Name, e.Candidate.Name = "intents@1f", "intents@2b"
	for i := range 200 {
		e.Truths = append(e.Truths, []int{i % 2})
		right, wrong := []float32{0.8, 0.2}, []float32{0.2, 0.8}
		if i%2 == 1 {
			right, wrong = wrong, right
		}
		before, after := right, right
		if i < 50 {
			before = wrong
		}
		if i >= 10 && i < 50 {
			after = wrong
		}
		e.Reference.Probs, e.Candidate.Probs = append(e.Reference.Probs, before), append(e.Candidate.Probs, after)
	}
	v, err := gate.Judge(e)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(v.Promote, len(v.Changed))
	fmt.Println(v.Sentence)
	fmt.Println(v.Checks[0].Before, v.Checks[0].After, v.Checks[0].Says)
	// Output:
	// true 10
	// intents@2b is better than intents@1f, and nothing speaks against it
	// 75.0 % 80.0 % right where the other is wrong on 10 items, wrong where it is right on 0 (p 0.0010)
}
