package inference

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/labelloop/labelloop/internal/label"
)

// Pooling says how token vectors become one vector, by the names of sentence-transformers.
type Pooling string

const (
	PoolMean     Pooling = "mean"          // mean over tokens where the attention mask is 1
	PoolMeanSqrt Pooling = "mean_sqrt_len" // sum over those tokens / sqrt(their number)
	PoolMax      Pooling = "max"           // maximum over those tokens, per dimension
	PoolCLS      Pooling = "cls"           // the first token
	PoolLast     Pooling = "lasttoken"     // the last token where the attention mask is 1
)

// Embedding pools the hidden states of an encoder, as sentence-transformers does.
type Embedding struct {
	Text       TextEncoder
	Pooling    Pooling // "" where the graph pools
	Projection *Projection
	Normalize  bool // scale to Euclidean length 1
}

// Encode gives one row per text, or one per window.
func (t *Embedding) Encode(ctx context.Context, items []label.Item) []Encoded {
	return t.Text.encode(ctx, items)
}

// Run returns each row's pooled hidden state, not yet normalised.
func (t *Embedding) Run(ctx context.Context, s Session, rows []Row) ([][]float32, error) {
	out, err := t.Text.run(ctx, s, rows)
	if err != nil {
		return nil, err
	}
	pooled := []string{"sentence_embedding", "text_embeds"}
	if t.Pooling == "" {
		pooled = append(pooled, "pooler_output")
	}
	if name, tensor, ok := output(out, pooled...); ok {
		return t.Projection.project(matrix(name, tensor, len(rows)))
	}
	name, hidden, ok := output(out, "last_hidden_state", "token_embeddings", "output_0")
	if !ok {
		return nil, fmt.Errorf("graph has no output named last_hidden_state or sentence_embedding: export the encoder itself: %w", label.ErrBadModel)
	}
	if len(hidden.Shape) != 3 || hidden.Float32 == nil || hidden.Shape[0] != int64(len(rows)) {
		return nil, fmt.Errorf("output %s has shape %v, want float32 [%d, tokens, n]: %w", name, hidden.Shape, len(rows), label.ErrBadModel)
	}
	width, dim := int(hidden.Shape[1]), int(hidden.Shape[2])
	vectors := make([][]float32, len(rows))
	for i := range rows {
		if vectors[i], err = t.pool(hidden.Float32[i*width*dim:(i+1)*width*dim], rows[i].Tokens.Mask, dim); err != nil {
			return nil, err
		}
	}
	return vectors, nil
}

// pool joins the token vectors of one row (tokens x dim) over its mask. For the first token's, there need be no other.
func (t *Embedding) pool(hidden []float32, mask []int64, dim int) ([]float32, error) {
	if t.Pooling == PoolCLS {
		return slices.Clone(hidden[:dim]), nil
	}
	at := func(token int) []float32 { return hidden[token*dim : (token+1)*dim] }
	v := make([]float32, dim)
	n, last := 0, 0
	sums := make([]float64, dim)
	for token, on := range mask {
		if on == 0 {
			continue
		}
		for j, x := range at(token) {
			sums[j] += float64(x)
			if n == 0 || x > v[j] {
				v[j] = x
			}
		}
		n, last = n+1, token
	}
	switch t.Pooling {
	case PoolMax:
		return v, nil
	case PoolLast:
		return append(v[:0], at(last)...), nil
	case PoolMean, PoolMeanSqrt:
		by := float64(max(n, 1))
		if t.Pooling == PoolMeanSqrt {
			by = math.Sqrt(by)
		}
		for j, sum := range sums {
			v[j] = float32(sum / by)
		}
		return v, nil
	}
	return nil, fmt.Errorf("pooling %q is unknown, want mean, mean_sqrt_len, max, cls or lasttoken: %w", t.Pooling, label.ErrBadModel)
}

// Vector gives an item's embedding from its rows' vectors.
func (t *Embedding) Vector(vectors [][]float32) []float32 {
	v := append([]float32(nil), t.Text.merge(vectors)...)
	if t.Normalize {
		Normalize(v)
	}
	return v
}

// explanation has nothing to say of a text.
func (t *Embedding) explanation([][]float32) label.Scores { return nil }

// Decode gives a prediction that holds the embedding alone.
func (t *Embedding) Decode(_ []Row, vectors [][]float32) (label.Prediction, error) {
	return label.Prediction{Embedding: t.Vector(vectors)}, nil
}
