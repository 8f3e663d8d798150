package ort

import (
	"maps"
	"math"
	"slices"
)

// maskInput is the input of a graph that tells tokens (1) from padding (0).
const maskInput = "attention_mask"

// fuseAttention gives the edits that put MultiHeadAttention in place of the operations that exporters write attention as. There are none
// where there is nothing to fuse.
//
// Unless it is to stay, a mask is left out that changes nothing where there is no padding: on the CPU that operator then goes over the keys
// in blocks that fit the cache and never has all scores in memory (FlashAttention, Dao et al. 2022). The runtime's own fusion keeps it.
//
// What the replaced operations end in is written anew; those before it that nothing reads any more are left out, for the runtime would
// run them.
func (g *onnxGraph) fuseAttention(masked bool) []edit {
	edits := map[*node]edit{}
	for _, n := range g.nodes {
		a, ok := g.attention(n)
		switch {
		case !ok || masked && a.chosen:
			continue
		case !masked:
			a.mask = ""
		}
		edits[n] = edit{n.from, n.to, a.node(n.outputs[0])}
		n.inputs = a.inputs()
	}
	if len(edits) == 0 {
		return nil
	}
	read := g.readers()
	for _, n := range g.nodes {
		if !read[n] {
			edits[n] = edit{from: n.from, to: n.to}
		}
	}
	return slices.Collect(maps.Values(edits))
}

// readers gives the nodes that the graph's outputs come from.
func (g *onnxGraph) readers() map[*node]bool {
	read := map[*node]bool{}
	var names []string
	for _, port := range g.outputs {
		names = append(names, port.Name)
	}
	for len(names) > 0 {
		n := g.producers[names[len(names)-1]]
		names = names[:len(names)-1]
		if n != nil && !read[n] {
			read[n] = true
			names = append(append(names, n.inputs...), n.captured...)
		}
	}
	return read
}

// attention is softmax(scale * query * key' + mask) * value, over heads of width numbers. Query, key and value have the shape batch x
// tokens x (heads * width), and so has what it gives.
type attention struct {
	query, key, value string
	mask              string // 0 where there is no padding; "" where there is none
	chosen            bool   // instead of scores, not added to them
	heads, width      int64
	scale             float64
}

// inputs are those of MultiHeadAttention, which has other ones between values and mask.
func (a *attention) inputs() []string {
	inputs := []string{a.query, a.key, a.value}
	if a.mask != "" {
		inputs = append(inputs, "", "", a.mask)
	}
	return inputs
}

// node gives a field node of GraphProto.
func (a *attention) node(output string) []byte {
	return nodeField("MultiHeadAttention", contributed, a.inputs(), output,
		intAttribute("num_heads", a.heads), floatAttribute("scale", float32(a.scale)))
}

// maskPlace is the input of MultiHeadAttention that is added to its scores.
const maskPlace = 5

// madeAttention reads what attention.node makes, all but heads and scale.
func (n *node) madeAttention() (a attention, ok bool) {
	if n.kind != "MultiHeadAttention" || n.domain != contributed || len(n.inputs) < 3 || len(n.outputs) != 1 || n.ints["unidirectional"] != nil {
		return a, false
	}
	a.query, a.key, a.value = n.inputs[0], n.inputs[1], n.inputs[2]
	if len(n.inputs) > maskPlace {
		a.mask = n.inputs[maskPlace]
	}
	return a, slices.Equal(n.inputs, a.inputs()) && !slices.Contains(n.inputs[:3], "")
}

// isAttention says whether an operation is what attention.node makes.
func (n *node) isAttention() bool {
	_, ok := n.madeAttention()
	return ok
}

// attention reads the operations that end in n, a Reshape that puts the heads side by side, backwards.
func (g *onnxGraph) attention(n *node) (a attention, ok bool) {
	if n.kind != "Reshape" || n.domain != "" || len(n.inputs) != 2 || len(n.outputs) != 1 {
		return a, false
	}
	product := g.made(g.transposed(n.inputs[0], 0, 2, 1, 3), "MatMul", 2)
	if product == nil {
		return a, false
	}
	a.scale = 1
	weights, value := product.inputs[0], product.inputs[1]
	masked := g.softmax(g.uncast(weights))
	unmasked, mask := g.unmasked(masked)
	a.mask, a.chosen = mask, mask == "" && unmasked != masked
	scores := g.made(g.scaled(unmasked, &a.scale), "MatMul", 2)
	if scores == nil {
		return a, false
	}
	query := g.transposed(g.scaled(scores.inputs[0], &a.scale), 0, 2, 1, 3)
	key := g.scaled(scores.inputs[1], &a.scale)
	if turned := g.transposed(key, 0, 2, 3, 1); turned != "" {
		key = turned
	} else {
		key = g.transposed(g.transposed(key, 0, 1, 3, 2), 0, 2, 1, 3)
	}
	parts := []*string{&a.query, &a.key, &a.value}
	for i, name := range []string{query, key, g.transposed(value, 0, 2, 1, 3)} {
		var heads, width int64
		*parts[i], heads, width = g.split(name)
		if i == 0 {
			a.heads, a.width = heads, width
		}
		if *parts[i] == "" || heads != a.heads || width != a.width {
			return a, false
		}
	}
	joined := g.shape(n)
	// Where the first two axes are as they were, the third is what is left.
	return a, len(joined) == 3 && keepsRows(joined) && (joined[2] == a.heads*a.width || joined[2] <= 0 && joined[0] == 0 && joined[1] == 0)
}

// made gives the operation of the standard that makes a value, if it is of the kind and has so many inputs.
func (g *onnxGraph) made(name, kind string, inputs int) *node {
	if n := g.producers[name]; n != nil && n.kind == kind && n.domain == "" && len(n.inputs) == inputs {
		return n
	}
	return nil
}

// transposed gives what a Transpose with these axes makes the value of, "" where none does.
func (g *onnxGraph) transposed(name string, axes ...int64) string {
	if n := g.made(name, "Transpose", 1); n != nil && slices.Equal(n.ints["perm"], axes) {
		return n.inputs[0]
	}
	return ""
}

// uncast gives what a value was before it was made float32.
func (g *onnxGraph) uncast(name string) string {
	for range 2 { // transformers has two of them
		if n := g.made(name, "Cast", 1); n != nil && slices.Equal(n.ints["to"], []int64{1}) {
			name = n.inputs[0]
		}
	}
	return name
}

// softmax gives what a Softmax over the last of four axes makes the value of.
func (g *onnxGraph) softmax(name string) string {
	if n := g.made(name, "Softmax", 1); n != nil && (slices.Equal(n.ints["axis"], []int64{-1}) || slices.Equal(n.ints["axis"], []int64{3})) {
		return n.inputs[0]
	}
	return ""
}

// scaled takes a factor off a value: it gives what is multiplied, and multiplies scale by the factor.
func (g *onnxGraph) scaled(name string, scale *float64) string {
	if n := g.made(name, "Mul", 2); n != nil {
		for i, input := range n.inputs {
			if factor, ok := g.uniform(input); ok {
				*scale *= factor
				return n.inputs[1-i]
			}
		}
	}
	if n := g.made(name, "Div", 2); n != nil {
		if divisor, ok := g.uniform(n.inputs[1]); ok {
			*scale /= divisor
			return n.inputs[0]
		}
	}
	return name
}

// unmasked takes a mask off scores, if it changes nothing where there is no padding, and gives it if it was added.
func (g *onnxGraph) unmasked(name string) (scores, mask string) {
	if n := g.made(name, "Add", 2); n != nil {
		for i, input := range n.inputs {
			if added, ok := g.uniform(input); ok && added == 0 {
				return n.inputs[1-i], input
			}
		}
	}
	if n := g.made(name, "Where", 3); n != nil {
		if chosen, ok := g.uniform(n.inputs[0]); ok && chosen == 0 {
			return n.inputs[2], ""
		} else if ok {
			return n.inputs[1], ""
		}
	}
	return name, ""
}

// split gives what a Reshape splits into heads, their number and width; "" where none does. The value is of three axes.
func (g *onnxGraph) split(name string) (whole string, heads, width int64) {
	n := g.made(name, "Reshape", 2)
	if n == nil {
		return "", 0, 0
	}
	shape := g.shape(n)
	if len(shape) != 4 || !keepsRows(shape) || shape[3] <= 0 {
		return "", 0, 0
	}
	heads, width = shape[2], shape[3]
	if heads == -1 { // by the bias that was added before
		heads = g.lastAxis(n.inputs[0]) / width
	}
	if heads <= 0 {
		return "", 0, 0
	}
	return n.inputs[0], heads, width
}

// keepsRows says whether a shape leaves the first two axes, texts and tokens, as they were.
func keepsRows(shape []int64) bool {
	return shape[0] == 0 && (shape[1] == 0 || shape[1] == -1) || shape[0] == -1 && shape[1] == 0
}

// lastAxis gives the length of the last axis of a value to which a bias is added, 0 where that isn't known.
func (g *onnxGraph) lastAxis(name string) int64 {
	if n := g.made(name, "Add", 2); n != nil {
		for _, input := range n.inputs {
			if c, ok := g.constants[input]; ok && len(c.shape) == 1 {
				return c.shape[0]
			}
		}
	}
	return 0
}

// shape gives the shape that a Reshape is told, with 0 for an axis that is taken from a value's axis of the same place.
func (g *onnxGraph) shape(n *node) []int64 {
	if slices.Equal(n.ints["allowzero"], []int64{1}) {
		return nil
	}
	var shape []int64
	if c, ok := g.constants[n.inputs[1]]; ok {
		for _, v := range c.values {
			shape = append(shape, int64(v))
		}
		return shape
	}
	joined := g.producers[n.inputs[1]]
	if joined == nil || joined.kind != "Concat" || joined.domain != "" {
		return nil
	}
	for place, input := range joined.inputs {
		if c, ok := g.constants[input]; ok && len(c.values) == 1 {
			shape = append(shape, int64(c.values[0]))
		} else if g.takesAxis(input, place) {
			shape = append(shape, 0)
		} else {
			return nil
		}
	}
	return shape
}

// takesAxis says whether a value is the length of the axis of that place of some other value.
func (g *onnxGraph) takesAxis(name string, place int) bool {
	if n := g.made(name, "Unsqueeze", 2); n != nil {
		name = n.inputs[0]
	}
	n := g.made(name, "Gather", 2)
	if n == nil || g.made(n.inputs[0], "Shape", 1) == nil {
		return false
	}
	at, ok := g.uniform(n.inputs[1])
	return ok && at == float64(place)
}

// uniform gives the number that all elements of a value are, where there is no padding: the mask is 1 everywhere then.
func (g *onnxGraph) uniform(name string) (number float64, known bool) {
	if name == maskInput && g.producers[name] == nil {
		return 1, true
	}
	if c, ok := g.constants[name]; ok {
		if len(c.values) == 0 || slices.ContainsFunc(c.values, func(v float64) bool { return v != c.values[0] }) {
			return 0, false
		}
		return c.values[0], true
	}
	n := g.producers[name]
	if n == nil || n.domain != "" {
		return 0, false
	}
	if !n.judged { // first, so that a graph which bites its tail comes to an end
		n.judged = true
		n.number, n.known = g.evaluate(n)
	}
	return n.number, n.known
}

// evaluate does an operation on values whose elements are all one number.
func (g *onnxGraph) evaluate(n *node) (float64, bool) {
	numbers, known := make([]float64, len(n.inputs)), make([]bool, len(n.inputs))
	for i, input := range n.inputs {
		numbers[i], known[i] = g.uniform(input)
	}
	is := func(b bool) (float64, bool) {
		if b {
			return 1, true
		}
		return 0, true
	}
	if len(known) == 0 || !known[0] {
		return 0, false
	}
	switch n.kind {
	case "Identity", "Unsqueeze", "Squeeze", "Expand", "Reshape", "Transpose", "Slice":
		return numbers[0], true
	case "Cast":
		if slices.Equal(n.ints["to"], []int64{9}) { // bool
			return is(numbers[0] != 0)
		}
		return numbers[0], true
	case "Not":
		return is(numbers[0] == 0)
	case "Sqrt":
		return math.Sqrt(numbers[0]), true
	case "Where":
		if len(known) != 3 {
			return 0, false
		}
		if numbers[0] != 0 {
			return numbers[1], known[1]
		}
		return numbers[2], known[2]
	}
	if len(known) != 2 || !known[1] {
		return 0, false
	}
	switch x, y := numbers[0], numbers[1]; n.kind {
	case "Add":
		return x + y, true
	case "Sub":
		return x - y, true
	case "Mul":
		return x * y, true
	case "Div":
		return x / y, true
	case "Equal":
		return is(x == y)
	case "And":
		return is(x != 0 && y != 0)
	}
	return 0, false
}
