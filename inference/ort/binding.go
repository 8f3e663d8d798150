package ort

import (
	"context"
	"fmt"
	"slices"
	"sync"

	onnx "github.com/yalue/onnxruntime_go"

	"github.com/labelloop/labelloop/inference"
)

// rowSteps are the numbers of rows of a batch between a number and its double. The runtime plans memory, and TensorRT builds engines,
// for every shape that they meet.
const rowSteps = 4

// bindings hold the memory through which runs on a GPU get their inputs and give their outputs. It is kept from run to run, and
// page-locked, so that the GPU copies from and to it by itself, beside the work of another run. (The runtime's own IoBinding, for
// values in host memory, makes the same copies; its runs can't be cancelled.)
type bindings struct {
	number int // of the GPU
	mu     sync.Mutex
	idle   []*binding
	met    map[string][]inference.Tensor // by the shapes of a run's inputs: its outputs, without their values
}

// binding is the memory of one run at a time.
type binding struct {
	inputs, outputs []*buffer // in the order of the graph
}

func newBindings(number int) *bindings {
	return &bindings{number: number, met: map[string][]inference.Tensor{}}
}

// take gives a binding that no other run uses.
func (bs *bindings) take(s *Session) *binding {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if last := len(bs.idle) - 1; last >= 0 {
		b := bs.idle[last]
		bs.idle = bs.idle[:last]
		return b
	}
	b := &binding{}
	for range s.inputs {
		b.inputs = append(b.inputs, &buffer{number: bs.number})
	}
	for range s.outputs {
		b.outputs = append(b.outputs, &buffer{number: bs.number})
	}
	return b
}

func (bs *bindings) give(b *binding) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	bs.idle = append(bs.idle, b)
}

// close frees the memory; no run is under way.
func (bs *bindings) close() {
	for _, b := range bs.idle {
		for _, buffer := range slices.Concat(b.inputs, b.outputs) {
			buffer.free()
		}
	}
}

// run feeds the graph with copies of the inputs, filled up to one of few numbers of rows by repeating the last, and gives the
// outputs of the rows that were asked for.
func (b *binding) run(ctx context.Context, s *Session, r *replica, in map[string]inference.Tensor) (map[string]inference.Tensor, error) {
	rows := sharedRows(s.inputs, in)
	padded := inference.Step(rows, rowSteps)
	feeds := make([]onnx.Value, len(s.inputs))
	results := make([]onnx.Value, len(s.outputs))
	defer destroy(feeds)
	defer destroy(results)
	shapes := ""
	for i, port := range s.inputs {
		t := in[port.Name]
		shape := slices.Clone(t.Shape)
		if rows > 0 {
			shape[0] = int64(padded)
		}
		var err error
		if feeds[i], err = b.inputs[i].hold(t, shape); err != nil {
			return nil, fmt.Errorf("run a graph: input %s: %w", port.Name, err)
		}
		shapes += fmt.Sprint(shape)
	}
	r.bound.mu.Lock()
	met := r.bound.met[shapes]
	r.bound.mu.Unlock()
	for i, t := range met {
		var err error
		if results[i], err = b.outputs[i].room(t); err != nil {
			return nil, fmt.Errorf("run a graph: output %s: %w", s.outputs[i].Name, err)
		}
	}
	if err := r.run(ctx, feeds, results); err != nil {
		return nil, err
	}
	out, err := s.fetchAll(results)
	if err != nil {
		return nil, err
	}
	if met == nil {
		r.bound.meet(shapes, s.outputs, out)
	}
	for _, port := range s.outputs {
		if t := out[port.Name]; rows > 0 && len(t.Shape) > 0 && t.Shape[0] == int64(padded) && port.Shape[0] < 0 {
			out[port.Name] = firstRows(t, rows)
		}
	}
	return out, nil
}

// meet keeps the shapes of outputs: they follow from those of the inputs, in graphs that give something for each row.
func (bs *bindings) meet(shapes string, ports []inference.Port, out map[string]inference.Tensor) {
	met := make([]inference.Tensor, len(ports))
	for i, port := range ports {
		t := out[port.Name]
		met[i] = inference.Tensor{Shape: t.Shape}
		if t.Int64 != nil {
			met[i].Int64 = []int64{}
		}
	}
	bs.mu.Lock()
	defer bs.mu.Unlock()
	bs.met[shapes] = met
}

// sharedRows gives the number of rows that all inputs have; 0 where they differ, or the graph takes no other.
func sharedRows(ports []inference.Port, in map[string]inference.Tensor) int {
	rows := int64(-1)
	for _, port := range ports {
		t := in[port.Name]
		if len(t.Shape) == 0 || len(port.Shape) == 0 || port.Shape[0] >= 0 || rows >= 0 && t.Shape[0] != rows {
			return 0
		}
		rows = t.Shape[0]
	}
	return int(max(rows, 0))
}

// firstRows cuts a tensor.
func firstRows(t inference.Tensor, rows int) inference.Tensor {
	of := int(t.Shape[0])
	t.Shape = slices.Clone(t.Shape)
	t.Shape[0] = int64(rows)
	t.Int64 = t.Int64[:len(t.Int64)/of*rows]
	t.Float32 = t.Float32[:len(t.Float32)/of*rows]
	return t
}
