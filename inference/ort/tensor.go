package ort

import (
	"fmt"
	"slices"
	"strings"

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
	return inference.Tensor{}, fmt.Errorf("is of type %s, want int64 or float: %w", typeName(onnx.TensorElementDataType(v.DataType())), label.ErrBadModel)
}

// requireTypes refuses a graph whose inputs or outputs are of other types than tensors are here. Of some, onnxruntime_go copies half of
// an output that it has allocated, and gives a value that can't be freed. What the file tells no type of is left to the run.
func requireTypes(path string, ports []inference.Port) error {
	for _, p := range ports {
		if p.Type != "" && p.Type != "int64" && p.Type != "float" {
			return fmt.Errorf("open %s: %s is of type %s, want int64 or float: take another --precision, or export the model with such inputs and outputs (keep_io_types, where it is halved): %w",
				path, p.Name, p.Type, label.ErrBadModel)
		}
	}
	return nil
}

// typeName gives "float16" for ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16.
func typeName(t onnx.TensorElementDataType) string {
	return strings.ToLower(strings.TrimPrefix(t.String(), "ONNX_TENSOR_ELEMENT_DATA_TYPE_"))
}
