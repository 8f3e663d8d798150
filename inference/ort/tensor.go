package ort

import (
	"fmt"
	"slices"

	onnx "github.com/yalue/onnxruntime_go"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/internal/label"
)

// feed wraps host memory as a value of the runtime, without copying.
func feed(t inference.Tensor) (onnx.Value, error) {
	switch {
	case t.Int64 != nil:
		return wrap(t.Shape, t.Int64)
	case t.Float32 != nil:
		return wrap(t.Shape, t.Float32)
	}
	return nil, fmt.Errorf("tensor of shape %v holds no data", t.Shape)
}

func wrap[T onnx.TensorData](shape []int64, data []T) (onnx.Value, error) {
	t, err := onnx.NewTensor(onnx.NewShape(shape...), data)
	if err != nil {
		return nil, err // a nil *Tensor would make an onnx.Value that is not nil
	}
	return t, nil
}

// fetch copies a value of the runtime to host memory.
func fetch(v onnx.Value) (inference.Tensor, error) {
	shape := slices.Clone([]int64(v.GetShape()))
	switch t := v.(type) {
	case *onnx.Tensor[float32]:
		return inference.Tensor{Shape: shape, Float32: slices.Clone(t.GetData())}, nil
	case *onnx.Tensor[int64]:
		return inference.Tensor{Shape: shape, Int64: slices.Clone(t.GetData())}, nil
	}
	return inference.Tensor{}, fmt.Errorf("is %v, want float32 or int64: export the model with such outputs: %w",
		v.DataType(), label.ErrBadModel)
}
