package quality_test

import (
	"fmt"

	"github.com/labelloop/labelloop/activelearn"
	"github.com/labelloop/labelloop/activelearn/quality"
)

func ExampleLabelIssues() {
	labels := []int{0, 0, 0, 1, 1, 1}
	probs := activelearn.Matrix{Rows: 6, Cols: 2, Data: []float32{
		0.9, 0.1,
		0.8, 0.2,
		0.1, 0.9, // labelled 0
		0.2, 0.8,
		0.1, 0.9,
		0.3, 0.7,
	}}
	issue, err := quality.LabelIssues(labels, probs, quality.PruneByNoiseRate)
	if err != nil {
		fmt.Println(err)
		return
	}
	scores, err := quality.LabelScores(labels, probs, quality.SelfConfidence)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(quality.Rank(issue, scores))
	// Output: [2]
}

func ExampleFitDawidSkene() {
	a := quality.Annotations{Items: 3, Annotators: 3, Classes: 2}
	for item, classes := range [][]int{{0, 0, 1}, {1, 1, 0}, {0, 0, 0}} {
		for annotator, class := range classes {
			a.List = append(a.List, quality.Annotation{Item: item, Annotator: annotator, Class: class})
		}
	}
	fit, err := quality.FitDawidSkene(a)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(fit.Consensus)
	// Output: [0 1 0]
}
