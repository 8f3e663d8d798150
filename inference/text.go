package inference

import (
	"context"
	"fmt"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/tokenize"
)

// Long says what happens to a text of more tokens than the model takes.
type Long string

const (
	LongTruncate   Long = "truncate"    // label its beginning, as transformers does with truncation=True
	LongWindowMean Long = "window-mean" // label overlapping windows and average their logits (or embeddings)
	LongWindowMax  Long = "window-max"  // label overlapping windows and take the highest logit of each label
)

// Longs lists the ways, the default first.
var Longs = []Long{LongTruncate, LongWindowMean, LongWindowMax}

// TextEncoder is the text side of a graph: the tokenizer and what the graph takes of it.
type TextEncoder struct {
	Tokenizer *tokenize.Tokenizer
	MaxLength int // tokens of one row, special tokens included
	Long      Long
	Stride    int // tokens that neighbouring windows share
	Width     int // tokens that every row is padded to, for models that were trained so (SigLIP)
	Steps     int // sizes of rows between a number of tokens and its double; 0: each has the size of its tokens

	// Beside holds what else the graph takes: the pixels of a picture, where image and text share a graph.
	Beside map[string]Tensor
}

// options gives the tokenizer's options for this encoder.
func (e *TextEncoder) options(truncation tokenize.Truncation) tokenize.Options {
	return tokenize.Options{
		MaxLength:  e.MaxLength,
		Truncation: truncation,
		Windows:    e.Long != LongTruncate,
		Stride:     e.Stride,
	}
}

// encode gives one row for each item, or one per window of it.
func (e *TextEncoder) encode(ctx context.Context, items []label.Item) []Encoded {
	inputs := make([]tokenize.Input, len(items))
	for i, item := range items {
		inputs[i] = tokenize.Input{Text: item.Text, Pair: item.Pair, IsPair: item.Pair != ""}
	}
	out := make([]Encoded, len(items))
	for i, enc := range e.Tokenizer.EncodeBatch(ctx, inputs, e.options(tokenize.LongestFirst)) {
		out[i].Err = enc.Err
		for _, tokens := range enc.Encodings {
			out[i].Rows = append(out[i].Rows, Row{Tokens: tokens, Width: e.padded(tokens.Len())})
		}
	}
	return out
}

// padded gives the tokens that a row of n is padded to. That depends on the row alone. The fewer sizes there are, the fuller
// are the batches of rows of one size, and the more is padding: at most one token in Steps.
func (e *TextEncoder) padded(n int) int {
	width := Step(n, e.Steps)
	if e.MaxLength > 0 {
		width = min(width, max(n, e.MaxLength))
	}
	return max(width, e.Width)
}

// Step gives the first of a row of sizes that is at least n: those between a number and its double are steps many. With steps 0
// every size is one.
func Step(n, steps int) int {
	unit := 1
	for steps > 0 && n >= 2*steps*unit {
		unit *= 2
	}
	return (n + unit - 1) / unit * unit
}

// run feeds rows as one batch padded on the right to the size of its longest row.
func (e *TextEncoder) run(ctx context.Context, s Session, rows []Row) (map[string]Tensor, error) {
	width := 1
	for _, r := range rows {
		width = max(width, r.Size())
	}
	shape := []int64{int64(len(rows)), int64(width)}
	fill := func(pad int64, of func(*tokenize.Encoding) []int64) Tensor {
		data := make([]int64, len(rows)*width)
		for i := range rows {
			row := data[i*width : (i+1)*width]
			n := copy(row, of(&rows[i].Tokens))
			for j := n; pad != 0 && j < width; j++ {
				row[j] = pad
			}
		}
		return Tensor{Shape: shape, Int64: data}
	}
	in := map[string]Tensor{}
	ports, _ := s.Signature()
	for _, port := range ports {
		switch port.Name {
		case "input_ids":
			in[port.Name] = fill(e.Tokenizer.PadID(), func(t *tokenize.Encoding) []int64 { return t.IDs })
		case "attention_mask":
			in[port.Name] = fill(0, func(t *tokenize.Encoding) []int64 { return t.Mask })
		case "token_type_ids":
			in[port.Name] = fill(e.Tokenizer.PadTypeID(), func(t *tokenize.Encoding) []int64 { return t.TypeIDs })
		default:
			beside, ok := e.Beside[port.Name]
			if !ok {
				return nil, fmt.Errorf("graph wants an input %q that a text model does not have: %w", port.Name, label.ErrBadModel)
			}
			in[port.Name] = beside
		}
	}
	return s.Run(ctx, in)
}

// merge joins the vectors of an item's windows into one, as Long says. A single vector is returned as it is.
func (e *TextEncoder) merge(vectors [][]float32) []float32 {
	if len(vectors) == 1 {
		return vectors[0]
	}
	merged := append([]float32(nil), vectors[0]...)
	for _, v := range vectors[1:] {
		for i, x := range v {
			if e.Long == LongWindowMax {
				merged[i] = max(merged[i], x)
			} else {
				merged[i] += x
			}
		}
	}
	if e.Long == LongWindowMean {
		for i := range merged {
			merged[i] /= float32(len(vectors))
		}
	}
	return merged
}
