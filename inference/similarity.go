package inference

import (
	"context"
	"fmt"
	"strings"

	"github.com/labelloop/labelloop/internal/label"
)

// Class is a label that is described in words: its name and any further texts (descriptions, synonyms).
type Class struct {
	Name  string
	Texts []string // further texts, may be empty
}

// Similarity labels texts with any words by an embedding model: the label whose embedding is nearest by cosine.
// Confidence is a softmax over cosine x scale, as CLIP has it; it is no calibrated probability.
type Similarity struct {
	Embedding Embedding
	Labels    []string
	Centers   [][]float32 // one unit vector per label
	Scale     float64
	Decision  Decision
}

// NewSimilarity embeds the classes. Every text of a class is put into every template, embedded and normalised; the
// class's center is their mean, normalised again (the ensembling of CLIP, Radford et al. 2021, section 3.1.4).
// Underscores in names are read as spaces. Templates hold "{}"; budget bounds the padded tokens of a batch.
func NewSimilarity(ctx context.Context, s Session, e Embedding, classes []Class, templates []string, scale float64, d Decision, budget int) (*Similarity, error) {
	e.Normalize = true
	t := &Similarity{Embedding: e, Scale: scale, Decision: d}
	for _, c := range classes {
		var items []label.Item
		for _, text := range append([]string{strings.ReplaceAll(c.Name, "_", " ")}, c.Texts...) {
			for _, template := range templates {
				items = append(items, label.Item{Text: Hypothesis(template, text)})
			}
		}
		center, err := meanEmbedding(ctx, s, &e, items, budget)
		if err != nil {
			return nil, fmt.Errorf("embed label %q: %w", c.Name, err)
		}
		t.Labels = append(t.Labels, c.Name)
		t.Centers = append(t.Centers, center)
	}
	return t, nil
}

// meanEmbedding gives the normalised mean of the items' normalised embeddings.
func meanEmbedding(ctx context.Context, s Session, e *Embedding, items []label.Item, budget int) ([]float32, error) {
	var center []float32
	for _, r := range Label(ctx, s, e, items, budget) {
		if r.Err != nil {
			return nil, r.Err
		}
		if center == nil {
			center = make([]float32, len(r.Prediction.Embedding))
		}
		for i, x := range r.Prediction.Embedding {
			center[i] += x
		}
	}
	normalize(center)
	return center, nil
}

// Encode gives one row per text, or one per window.
func (t *Similarity) Encode(ctx context.Context, items []label.Item) []Encoded {
	return t.Embedding.Encode(ctx, items)
}

// Run returns each row's pooled hidden state.
func (t *Similarity) Run(ctx context.Context, s Session, rows []Row) ([][]float32, error) {
	return t.Embedding.Run(ctx, s, rows)
}

// Decode compares the item's embedding with every label's.
func (t *Similarity) Decode(_ []Row, vectors [][]float32) (label.Prediction, error) {
	v := t.Embedding.Vector(vectors)
	logits := make([]float32, len(t.Centers))
	for i, center := range t.Centers {
		dot := 0.0
		for j, x := range center {
			dot += float64(x) * float64(v[j])
		}
		logits[i] = float32(dot * t.Scale)
	}
	return t.Decision.predict(t.Labels, softmax(logits, 1)), nil
}
