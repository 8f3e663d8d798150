// Package inference turns items into model inputs and model outputs into predictions: one Task per head (text
// classification, zero-shot, embedding). It holds plain host memory only; running a graph is the Session's work.
package inference

import (
	"context"
	"fmt"
)

// Tensor is a dense row-major array in host memory. Exactly one data slice is set; its length is the product of Shape.
type Tensor struct {
	Shape   []int64
	Int64   []int64
	Float32 []float32
}

// Port describes an input or output of a graph. Dimensions that vary are -1.
type Port struct {
	Name  string
	Type  string // of its elements, as ONNX calls it: float, int64, float16, ...
	Shape []int64
}

// Session is a loaded graph. Implementations are safe for many goroutines.
type Session interface {
	// Run feeds the graph's inputs by name and returns its outputs by name. When ctx ends, the run is stopped and
	// ctx's error returned; no memory of in is used after Run has returned.
	Run(ctx context.Context, in map[string]Tensor) (map[string]Tensor, error)
	// Signature gives the graph's inputs and outputs in the order of the graph.
	Signature() (inputs, outputs []Port)
}

// matrix checks that t is a float32 tensor of rows x columns and returns its rows, without copying.
func matrix(name string, t Tensor, rows int) ([][]float32, error) {
	if len(t.Shape) != 2 || t.Float32 == nil || t.Shape[0] != int64(rows) {
		return nil, fmt.Errorf("output %s has shape %v, want float32 [%d, n]", name, t.Shape, rows)
	}
	width := int(t.Shape[1])
	out := make([][]float32, rows)
	for i := range out {
		out[i] = t.Float32[i*width : (i+1)*width]
	}
	return out, nil
}

// output returns the first of the named outputs that is there.
func output(out map[string]Tensor, names ...string) (string, Tensor, bool) {
	for _, name := range names {
		if t, ok := out[name]; ok {
			return name, t, true
		}
	}
	return "", Tensor{}, false
}
