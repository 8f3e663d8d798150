package label

import (
	"encoding/json"
	"slices"
	"time"
)

// Model is a model version whose predictions a project holds.
type Model struct {
	ID            int64 // given by the store
	Name, Version string
	Labels        []string        // in the order of its probabilities
	Calibration   json.RawMessage // nil: none
	Registered    time.Time
}

// String gives "name@version".
func (m Model) String() string { return m.Name + "@" + m.Version }

// Probabilities is what a model version says of one item: the probability of each of the model's labels, in the model's
// order, or why there are none.
type Probabilities struct {
	Item  int64 // Item.Number
	Probs []float32
	Err   string
}

// Top gives the place of the most probable label, the first of equal ones, and the confidence: its probability, or with
// many labels the probability of the least certain decision. Without probabilities it gives -1.
func (p Probabilities) Top(multi bool) (class int, confidence float32) {
	if len(p.Probs) == 0 {
		return -1, 0
	}
	confidence = slices.Max(p.Probs)
	class = slices.Index(p.Probs, confidence)
	if multi {
		confidence = 1
		for _, q := range p.Probs {
			confidence = min(confidence, max(q, 1-q))
		}
	}
	return class, confidence
}

// Encoder is a version of a model whose embeddings a project holds.
type Encoder struct {
	ID   int64  // given by the store
	Name string // name@version, and after a space what else its embeddings hang on
	Dims int
}
