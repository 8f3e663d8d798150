package ort

import (
	"encoding/binary"
	"math"
	"os"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

func readFile(t testing.TB, file []byte) *onnxGraph {
	t.Helper()
	g, err := readGraph(file)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func write(t testing.TB, path string, file []byte) string {
	t.Helper()
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// port gives a field of GraphProto that tells of a value of float32, of this shape if there is one.
func port(number protowire.Number, name string, shape ...uint64) []byte {
	tensor := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)
	if shape != nil {
		var dims []byte
		for _, d := range shape {
			dim := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), d)
			dims = protowire.AppendBytes(protowire.AppendTag(dims, 1, protowire.BytesType), dim)
		}
		tensor = protowire.AppendBytes(protowire.AppendTag(tensor, 2, protowire.BytesType), dims)
	}
	kind := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), tensor)
	b := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), name)
	b = protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), kind)
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), b)
}

// floats gives count numbers of float32 between 1 and 2.
func floats(count int) []byte {
	var b []byte
	for i := range count {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(1+float32(i%17)/17))
	}
	return b
}

// branch gives an If whose graphs read a value from outside.
func branch(name string) []byte {
	title := protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), "inside")
	inner := slices.Concat(nodeField("Relu", "", []string{name}, "inner"), title, port(12, "inner"))
	inner = protowire.AppendBytes(protowire.AppendTag(nil, 6, protowire.BytesType), inner)
	return slices.Concat(initializerField("yes", 9, nil, []byte{1}), port(12, "chosen"),
		nodeField("If", "", []string{"yes"}, "chosen", attributeField("then_branch", 5, inner), attributeField("else_branch", 5, inner)))
}

// sparse gives a Constant of a sparse tensor of the shape 7 x 32.
func sparse(name string) []byte {
	tensor := func(number protowire.Number, field []byte) []byte { // of an initializer's field
		data, _ := protowire.ConsumeBytes(field[1:])
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), data)
	}
	b := tensor(1, initializerField("values", 1, []int64{1}, floats(1)))
	b = append(b, tensor(2, initializerField("places", 7, []int64{1}, make([]byte, 8)))...)
	for _, d := range []uint64{7, 32} {
		b = protowire.AppendVarint(protowire.AppendTag(b, 3, protowire.VarintType), d)
	}
	b = protowire.AppendBytes(protowire.AppendTag(nil, 22, protowire.BytesType), b)
	return nodeField("Constant", "", nil, name, attributeField("sparse_value", 11, b))
}

// light gives a graph without the numbers of its weights.
func light(t testing.TB, file []byte) []byte {
	g := readFile(t, file)
	var edits []edit
	fields(file[g.from:g.to], func(number protowire.Number, _ uint64, data []byte, from, to int) error {
		if name, c, err := readTensor(data); number == 5 && err == nil && c.values == nil {
			edits = append(edits, edit{g.from + from, g.from + to, initializerField(name, 1, c.shape, nil)})
		}
		return nil
	})
	return g.rewrite(edits)
}
