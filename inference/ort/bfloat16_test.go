package ort

import (
	"encoding/binary"
	"math"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// TestNumbersStayFiniteInBF16: wherever a graph holds a number, and whatever exporters write it as.
func TestNumbersStayFiniteInBF16(t *testing.T) {
	message := func(number protowire.Number, body []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), body)
	}
	bits := func(x float32) []byte { return binary.LittleEndian.AppendUint32(nil, math.Float32bits(x)) }
	number := func(at protowire.Number, x float32) []byte {
		return append(protowire.AppendTag(nil, at, protowire.Fixed32Type), bits(x)...)
	}
	tensor := func(field protowire.Number, x float32) []byte {
		return append(protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), 1), message(field, bits(x))...)
	}
	const graph, node, initializer, attribute, subgraph = 7, 1, 5, 5, 6
	inf := float32(math.Inf(-1))
	largest := math.Float32frombits(largestBF16)
	for where, wrap := range map[string]func(x float32) []byte{
		"raw_data":   func(x float32) []byte { return message(initializer, tensor(9, x)) },
		"float_data": func(x float32) []byte { return message(initializer, tensor(4, x)) },
		"t":          func(x float32) []byte { return message(node, message(attribute, message(5, tensor(9, x)))) },
		"f":          func(x float32) []byte { return message(node, message(attribute, number(2, x))) },
		"floats":     func(x float32) []byte { return message(node, message(attribute, message(7, bits(x)))) },
		"a subgraph": func(x float32) []byte {
			return message(node, message(attribute, message(subgraph, message(initializer, tensor(9, x)))))
		},
	} {
		for x, want := range map[float32]float32{
			-math.MaxFloat32: -largest, math.MaxFloat32: largest, -1e38: -1e38, 1.5: 1.5, inf: inf, -largest: -largest,
		} {
			model := message(graph, wrap(x))
			if err := keepFinite(model); err != nil || string(model) != string(message(graph, wrap(want))) {
				t.Errorf("%s: %g is not %g then, %v", where, x, want, err)
			}
		}
	}
}
