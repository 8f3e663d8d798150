package ort

import (
	"encoding/binary"
	"math"
)

// plainAttention gives a graph with the operations of the standard in place of those that attention.node makes. OpenVINO has no
// MultiHeadAttention, but fuses these into one loop; written with keys that are turned at last, as here, it need not copy them before.
func plainAttention(graph []byte) ([]byte, error) {
	g, err := readGraph(graph)
	if err != nil {
		return nil, err
	}
	var edits []edit
	for _, n := range g.nodes {
		heads, scale := n.ints["num_heads"], n.floats["scale"]
		if a, ok := n.madeAttention(); ok && len(heads) == 1 && scale != 0 {
			a.heads, a.scale = heads[0], float64(scale)
			edits = append(edits, edit{n.from, n.to, a.plain(n.outputs[0])})
		}
	}
	return g.rewrite(edits), nil
}

// plain gives the fields of GraphProto that work out the attention by operations of the standard.
func (a *attention) plain(output string) (b []byte) {
	do := func(kind, result string, inputs []string, attributes ...[]byte) string {
		result = output + "/" + result
		b = append(b, nodeField(kind, "", inputs, result, attributes...)...)
		return result
	}
	turn := func(name, result string, axes ...int64) string {
		return do("Transpose", result, []string{name}, intsAttribute("perm", axes...))
	}
	split, scale, join := output+"/split", output+"/scale", output+"/join"
	b = append(b, shapeField(split, 0, 0, a.heads, -1)...)
	b = append(b, initializerField(scale, 1, nil, binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(a.scale))))...)
	b = append(b, shapeField(join, 0, 0, -1)...)
	heads := func(name, result string) string { // batch x heads x tokens x width
		return turn(do("Reshape", result+"/split", []string{name, split}), result, 0, 2, 1, 3)
	}
	keys := turn(heads(a.key, "key"), "keys", 0, 1, 3, 2)
	scores := do("MatMul", "product", []string{heads(a.query, "query"), keys})
	scores = do("Mul", "scores", []string{scores, scale})
	if a.mask != "" {
		scores = do("Add", "masked", []string{scores, a.mask})
	}
	weights := do("Softmax", "weights", []string{scores}, intAttribute("axis", -1))
	found := turn(do("MatMul", "found", []string{weights, heads(a.value, "value")}), "turned", 0, 2, 1, 3)
	return append(b, nodeField("Reshape", "", []string{found, join}, output)...)
}

// shapeField gives a field initializer of GraphProto that a Reshape takes.
func shapeField(name string, shape ...int64) []byte {
	var raw []byte
	for _, d := range shape {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(d))
	}
	return initializerField(name, 7, []int64{int64(len(shape))}, raw)
}
