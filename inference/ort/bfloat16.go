package ort

import (
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"
)

// The bits of float32 without its sign: bfloat16's largest number, and infinity.
const (
	largestBF16 = 0x7f7f0000
	infinity    = 0x7f800000
)

// keepFinite makes the finite float32 of an ONNX file's graph that bfloat16 would round to infinity the largest number that it has, in
// place. Exporters mask attention with float32's lowest number, times 0 where there is no padding; 0 times infinity is no number, and
// every label would be wrong. Numbers of weights that are left in other files are not looked at.
func keepFinite(model []byte) error {
	return fields(model, func(number protowire.Number, _ uint64, data []byte, _, _ int) error {
		if number == 7 { // ModelProto.graph
			return keepGraphFinite(data)
		}
		return nil
	})
}

// keepGraphFinite goes over a GraphProto's initializers, and over what its nodes hold.
func keepGraphFinite(graph []byte) error {
	return fields(graph, func(number protowire.Number, _ uint64, data []byte, _, _ int) error {
		switch number {
		case 1: // node
			return fields(data, func(number protowire.Number, _ uint64, data []byte, _, _ int) error {
				if number == 5 { // attribute
					return keepAttributeFinite(data)
				}
				return nil
			})
		case 5: // initializer
			return keepTensorFinite(data)
		}
		return nil
	})
}

func keepAttributeFinite(attribute []byte) error {
	return fields(attribute, func(number protowire.Number, _ uint64, data []byte, from, to int) error {
		switch number {
		case 2: // f
			keepNumbersFinite(attribute[from+1 : to])
		case 7: // floats
			keepNumbersFinite(data)
		case 5: // t
			return keepTensorFinite(data)
		case 6, 11: // g, graphs
			return keepGraphFinite(data)
		}
		return nil
	})
}

func keepTensorFinite(tensor []byte) error {
	var kind uint64
	var numbers []byte
	err := fields(tensor, func(number protowire.Number, value uint64, data []byte, _, _ int) error {
		switch number {
		case 2: // data_type
			kind = value
		case 4, 9: // float_data, raw_data
			numbers = data
		}
		return nil
	})
	if kind == 1 { // FLOAT
		keepNumbersFinite(numbers)
	}
	return err
}

func keepNumbersFinite(numbers []byte) {
	for ; len(numbers) >= 4; numbers = numbers[4:] {
		bits := binary.LittleEndian.Uint32(numbers)
		if sign, size := bits&(1<<31), bits&^(1<<31); size > largestBF16 && size < infinity {
			binary.LittleEndian.PutUint32(numbers, sign|largestBF16)
		}
	}
}
