package ort

import (
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// field gives a field node of GraphProto, with the inputs that the node has now.
func (n *node) field(file []byte) []byte {
	var b []byte
	for _, input := range n.inputs {
		b = protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), input)
	}
	fields(file[n.from:n.to], func(_ protowire.Number, _ uint64, data []byte, _, _ int) error {
		return fields(data, func(number protowire.Number, _ uint64, _ []byte, from, to int) error {
			if number != 1 {
				b = append(b, data[from:to]...)
			}
			return nil
		})
	})
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), b)
}

// nodeField gives a field node of GraphProto; the attributes are fields of NodeProto.
func nodeField(kind, domain string, inputs []string, output string, attributes ...[]byte) []byte {
	text := func(b []byte, number protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), s)
	}
	var b []byte
	for _, input := range inputs {
		b = text(b, 1, input)
	}
	b = text(text(text(b, 2, output), 4, kind), 7, domain)
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), slices.Concat(b, slices.Concat(attributes...)))
}

func intAttribute(name string, value int64) []byte {
	return attributeField(name, 2, protowire.AppendVarint(protowire.AppendTag(nil, 3, protowire.VarintType), uint64(value)))
}

func intsAttribute(name string, values ...int64) []byte {
	var b []byte
	for _, v := range values {
		b = protowire.AppendVarint(protowire.AppendTag(b, 8, protowire.VarintType), uint64(v))
	}
	return attributeField(name, 7, b)
}

func floatAttribute(name string, value float32) []byte {
	return attributeField(name, 1, protowire.AppendFixed32(protowire.AppendTag(nil, 2, protowire.Fixed32Type), math.Float32bits(value)))
}

// attributeField gives a field attribute of NodeProto, of a kind of AttributeProto.AttributeType.
func attributeField(name string, kind uint64, value []byte) []byte {
	b := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), name)
	b = protowire.AppendVarint(protowire.AppendTag(append(b, value...), 20, protowire.VarintType), kind)
	return protowire.AppendBytes(protowire.AppendTag(nil, 5, protowire.BytesType), b)
}

// initializerField gives a field initializer of GraphProto, of a kind of TensorProto.DataType.
func initializerField(name string, kind uint64, shape []int64, raw []byte) []byte {
	var b []byte
	for _, d := range shape {
		b = protowire.AppendVarint(protowire.AppendTag(b, 1, protowire.VarintType), uint64(d))
	}
	b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), kind)
	b = protowire.AppendString(protowire.AppendTag(b, 8, protowire.BytesType), name)
	b = protowire.AppendBytes(protowire.AppendTag(b, 9, protowire.BytesType), raw)
	return protowire.AppendBytes(protowire.AppendTag(nil, 5, protowire.BytesType), b)
}
