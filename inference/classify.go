package inference

import (
	"context"
	"fmt"

	"github.com/labelloop/labelloop/internal/label"
)

// Classification reads the logits of a classifier of texts or of pictures: softmax over the label set, or one sigmoid
// per label where the decision is multi-label. The numbers are those of transformers' text-classification and
// image-classification pipelines.
type Classification struct {
	Input       Encoder
	Labels      []string // one per logit, in the order of the graph
	Only        []int    // labels to choose among, as indexes into Labels; nil means all
	Decision    Decision
	Temperature float64 // logits are divided by it; 1 leaves them alone
	Calibrated  bool    // Temperature was fitted on held-out items
}

// Encode gives one row per picture or text, or one per window of it.
func (t *Classification) Encode(ctx context.Context, items []label.Item) []Encoded {
	return t.Input.encode(ctx, items)
}

// Run returns each row's logits, one per label of the label set.
func (t *Classification) Run(ctx context.Context, s Session, rows []Row) ([][]float32, error) {
	return logits(ctx, t.Input, s, rows, len(t.Labels))
}

// Decode merges the windows' logits and turns them into probabilities.
func (t *Classification) Decode(_ []Row, vectors [][]float32) (label.Prediction, error) {
	merged, names := t.Input.merge(vectors), t.Labels
	if t.Only != nil {
		chosen := make([]float32, len(t.Only))
		names = make([]string, len(t.Only))
		for i, at := range t.Only {
			chosen[i], names[i] = merged[at], t.Labels[at]
		}
		merged = chosen
	}
	probability := softmax
	if t.Decision.MultiLabel {
		probability = sigmoid
	}
	p := t.Decision.predict(names, probability(merged, t.Temperature))
	p.Calibrated = t.Calibrated
	return p, nil
}

// logits runs rows through a classifier and checks the shape of its answer.
func logits(ctx context.Context, e Encoder, s Session, rows []Row, labels int) ([][]float32, error) {
	out, err := e.run(ctx, s, rows)
	if err != nil {
		return nil, err
	}
	name, t, ok := output(out, "logits", "output", "output_0")
	if !ok {
		return nil, fmt.Errorf("graph has no output named logits: export it with its classification head: %w", label.ErrBadModel)
	}
	vectors, err := matrix(name, t, len(rows))
	if err != nil {
		return nil, err
	}
	if len(vectors[0]) != labels {
		return nil, fmt.Errorf("graph gives %d logits for a label set of %d (id2label in config.json): %w",
			len(vectors[0]), labels, label.ErrBadModel)
	}
	return vectors, nil
}
