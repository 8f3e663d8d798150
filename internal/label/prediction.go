package label

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Score is the probability that a label applies.
type Score struct {
	Label string
	Prob  float64
}

// Scores is ordered, highest probability first. Its JSON form is an object that keeps that order.
type Scores []Score

// MarshalJSON writes {"label":prob,...} in the order of the slice.
func (s Scores) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, sc := range s {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(sc.Label)
		if err != nil {
			return nil, err
		}
		prob, err := json.Marshal(sc.Prob)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(prob)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads the object form and keeps the order in which the labels stand.
func (s *Scores) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	open, err := d.Token()
	if err != nil {
		return err
	}
	*s = nil
	if open == nil {
		return nil
	}
	if open != json.Delim('{') {
		return fmt.Errorf("scores are %v, want an object of label: probability", open)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		var prob float64
		if err := d.Decode(&prob); err != nil {
			return err
		}
		*s = append(*s, Score{Label: key.(string), Prob: prob})
	}
	_, err = d.Token()
	return err
}

// Route says who has the last word on a prediction.
type Route string

const (
	Accept Route = "accept" // confident enough to stand as it is
	Review Route = "review" // a person should look
)

// Prediction is what a model says of one item.
type Prediction struct {
	Labels     []string  // single label: exactly one; multi-label: every label at or over the threshold, may be empty
	Confidence float64   // probability of the label given; multi-label: of the least certain decision
	Calibrated bool      // Confidence and Scores were calibrated on held-out items
	Scores     Scores    // the top-k scores
	Embedding  []float32 // set by the embedding task alone

	// Explanation holds the classes that a picture's embedding was mixed from, where that was asked for (ConSE).
	Explanation Scores
}

// Result is the outcome for one item: a prediction, or the error that stands in its place.
type Result struct {
	Item       Item
	Prediction Prediction
	Route      Route
	Model      string // name@version
	Err        error
}
