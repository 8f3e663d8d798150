package inference

import (
	"context"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/tokenize"
)

// Task is one head: what goes into a graph for an item, and what the graph's answer means.
//
// An item becomes one or more rows (windows of a long text, one row per hypothesis of a zero-shot classifier). Rows
// of many items are batched together, so a row must not depend on its neighbours: only rows of one size are, and on one thread
// of a CPU what ONNX Runtime makes of a row is then the same to the last bit, whatever stands beside it.
type Task interface {
	// Encode gives each item's rows, or the error that keeps that item from being labelled.
	Encode(ctx context.Context, items []label.Item) []Encoded
	// Run feeds the rows as one batch and returns one vector (logits, or a pooled embedding) for each.
	Run(ctx context.Context, s Session, rows []Row) ([][]float32, error)
	// Decode makes the prediction of one item from its rows and their vectors.
	Decode(rows []Row, vectors [][]float32) (label.Prediction, error)
}

// Row is one input of a graph: tokens, or pixels.
type Row struct {
	Tokens tokenize.Encoding
	Pixels []byte // of a picture, resized and cropped: height x width x 3
	Width  int    // tokens that it is padded to, where these are more than it has
	Group  int    // which of the item's questions it belongs to: the hypothesis of a zero-shot classifier, else 0
}

// Size is what the row costs in a batch: the number of its tokens, padding included; 1 for a picture, for all of a model's are
// of one size.
func (r Row) Size() int {
	if r.Pixels != nil {
		return 1
	}
	return max(r.Width, r.Tokens.Len())
}

// Encoder is the input side of a graph: *TextEncoder or *ImageEncoder.
type Encoder interface {
	// encode gives each item's rows, or its error.
	encode(ctx context.Context, items []label.Item) []Encoded
	// run feeds the rows as one batch.
	run(ctx context.Context, s Session, rows []Row) (map[string]Tensor, error)
	// merge joins the vectors of an item's rows into one.
	merge(vectors [][]float32) []float32
}

// Encoded is one item's rows, or its error.
type Encoded struct {
	Rows []Row
	Err  error
}
