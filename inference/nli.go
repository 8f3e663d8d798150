package inference

import (
	"context"
	"strings"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/tokenize"
)

// NLI labels texts with any words by a natural language inference cross-encoder: "does TEXT entail 'This example is
// LABEL.'?" (Yin et al., EMNLP 2019). The numbers are those of transformers' zero-shot-classification pipeline.
type NLI struct {
	Text          TextEncoder
	Labels        []string
	Hypotheses    []string // one per label
	Classes       int      // logits of the graph, usually 3
	Entailment    int      // index of the entailment logit
	Contradiction int      // index of the contradiction logit, used when labels are judged one by one
	Decision      Decision
}

// Hypothesis puts a label into a template such as "This example is {}.".
func Hypothesis(template, name string) string { return strings.ReplaceAll(template, "{}", name) }

// Encode gives, for each item, a row per label (and window): the text as premise, cut where it is too long, and the
// label's hypothesis.
func (t *NLI) Encode(ctx context.Context, items []label.Item) []Encoded {
	inputs := make([]tokenize.Input, 0, len(items)*len(t.Hypotheses))
	for _, item := range items {
		for _, h := range t.Hypotheses {
			inputs = append(inputs, tokenize.Input{Text: item.Text, Pair: h, IsPair: true})
		}
	}
	encoded := t.Text.Tokenizer.EncodeBatch(ctx, inputs, t.Text.options(tokenize.OnlyFirst))
	out := make([]Encoded, len(items))
	for i, enc := range encoded {
		to := &out[i/len(t.Hypotheses)]
		if enc.Err != nil {
			to.Err = enc.Err
		}
		for _, tokens := range enc.Encodings {
			to.Rows = append(to.Rows, Row{Tokens: tokens, Width: t.Text.padded(tokens.Len()), Group: i % len(t.Hypotheses)})
		}
	}
	return out
}

// Run returns each row's NLI logits.
func (t *NLI) Run(ctx context.Context, s Session, rows []Row) ([][]float32, error) {
	return logits(ctx, &t.Text, s, rows, t.Classes)
}

// Decode compares the labels' entailment logits by softmax; where several labels may apply (or only one is asked
// about) each label is judged by itself, entailment against contradiction.
func (t *NLI) Decode(rows []Row, vectors [][]float32) (label.Prediction, error) {
	groups := make([][][]float32, len(t.Labels))
	for i, r := range rows {
		groups[r.Group] = append(groups[r.Group], vectors[i])
	}
	entail := make([]float32, len(groups))
	alone := make([]float64, len(groups))
	for i, g := range groups {
		v := t.Text.merge(g)
		entail[i] = v[t.Entailment]
		alone[i] = softmax([]float32{v[t.Contradiction], v[t.Entailment]}, 1)[1]
	}
	if t.Decision.MultiLabel || len(t.Labels) == 1 {
		return t.Decision.predict(t.Labels, alone), nil
	}
	return t.Decision.predict(t.Labels, softmax(entail, 1)), nil
}
