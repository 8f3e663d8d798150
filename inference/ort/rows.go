package ort

import "slices"

// firstTokenAlone gives a graph after fuseAttention in which what is read of the first token alone is computed for no other. Classifiers
// and the picture sides of dual encoders take the first token of the last layer: all that this layer does after its keys and values is
// done token by token, and its queries are, too. Hidden states that are an output are left whole, unless outputs are read at the first
// token alone as well. It gives the graph itself where there is nothing of that kind.
func firstTokenAlone(graph []byte, outputs bool) ([]byte, error) {
	g, err := readGraph(graph)
	if err != nil {
		return nil, err
	}
	if edits := g.cutRows(outputs); edits != nil {
		return g.rewrite(edits), nil
	}
	return graph, nil
}

// cutRows gives the edits after which operations whose results are read at the first place of the second axis alone get, and give, that
// place alone. There are none where that spares no attention.
func (g *onnxGraph) cutRows(outputs bool) []edit {
	byRow := map[*node][]int{}
	for _, n := range g.nodes {
		byRow[n] = g.byRow(n)
	}
	cut := g.cut(byRow, outputs)
	if cut == nil {
		return nil
	}
	edits := slices.Clone(g.shapes) // which are others now
	index := firstIndex             // before the first of them
	gathered := map[string]bool{}
	for _, n := range g.nodes {
		if !cut[n] {
			continue
		}
		var before []byte
		take := func(at int, axis int64) {
			name := n.inputs[at]
			n.inputs[at] = name + firstSuffix
			if !gathered[name] {
				gathered[name] = true
				before = append(before, nodeField("Gather", "", []string{name, firstSuffix}, n.inputs[at], intAttribute("axis", axis))...)
			}
		}
		for _, at := range byRow[n] {
			if !cut[g.producers[n.inputs[at]]] {
				take(at, 1)
			}
		}
		if n.isAttention() && len(n.inputs) > maskPlace {
			take(maskPlace, -2) // what the first token sees, or what all do
		}
		edits = append(edits, edit{n.from, n.to, slices.Concat(index, before, n.field(g.file))})
		index = nil
	}
	return edits
}

// cut gives the operations that can do with the first place, nil where no attention is among them. All is done on values that are known to
// have three axes, batch x tokens x width: for these, the first place of what comes of broadcasting is what comes of the first places.
func (g *onnxGraph) cut(byRow map[*node][]int, outputs bool) map[*node]bool {
	deep := g.deep(byRow)
	reads, firsts := g.reads(), map[string]int{} // how often a value is read, and how often at the first place alone
	if outputs {
		for _, port := range g.outputs {
			firsts[port.Name]++
		}
	}
	cut := map[*node]bool{}
	spared := false
	for _, n := range slices.Backward(g.nodes) {
		if g.takesFirst(n) {
			firsts[n.inputs[0]]++
			continue
		}
		places := byRow[n]
		if len(places) == 0 || firsts[n.outputs[0]] == 0 || firsts[n.outputs[0]] < reads[n.outputs[0]] || !n.takes(places, deep) {
			continue
		}
		cut[n] = true
		spared = spared || n.isAttention()
		for _, at := range places {
			firsts[n.inputs[at]]++
		}
	}
	if !spared {
		return nil
	}
	return cut
}

// takes says whether the inputs at these places are all among the values.
func (n *node) takes(places []int, values map[string]bool) bool {
	return !slices.ContainsFunc(places, func(at int) bool { return !values[n.inputs[at]] })
}

// firstSuffix ends the name of a value's first place, and is the name of the index of that place.
const firstSuffix = "/first"

// firstIndex has one axis, so that the axis stays that it is taken from.
var firstIndex = initializerField(firstSuffix, 7, []int64{1}, make([]byte, 8))

// takesFirst says whether an operation reads a value at the first place of the second axis alone.
func (g *onnxGraph) takesFirst(n *node) bool {
	if n.kind != "Gather" || n.domain != "" || len(n.inputs) != 2 || !slices.Equal(n.ints["axis"], []int64{1}) {
		return false
	}
	return slices.Equal(g.constants[n.inputs[1]].values, []float64{0})
}

// reads counts how often the nodes, the graphs within them and the graph's outputs read each value.
func (g *onnxGraph) reads() map[string]int {
	reads := map[string]int{}
	for _, port := range g.outputs {
		reads[port.Name]++
	}
	for _, n := range g.nodes {
		for _, name := range slices.Concat(n.inputs, n.captured) {
			reads[name]++
		}
	}
	return reads
}

// deep gives values that have three axes whatever the graph is fed: what an attention is asked and gives, what that is made of, and what
// is made of it, by operations that go row by row.
func (g *onnxGraph) deep(byRow map[*node][]int) map[string]bool {
	deep := map[string]bool{}
	for _, n := range slices.Backward(g.nodes) {
		// One value and constants of fewer axes: it has the axes of the result.
		if places := byRow[n]; len(places) == 1 && (n.isAttention() || deep[n.outputs[0]]) {
			deep[n.inputs[places[0]]] = true
		}
	}
	for _, n := range g.nodes {
		if places := byRow[n]; len(places) > 0 && n.takes(places, deep) {
			deep[n.outputs[0]] = true
		}
	}
	return deep
}

// elementwise are operations that broadcast their inputs: those that activations and normalisations are written as.
var elementwise = []string{
	"Add", "Cast", "Div", "Erf", "Gelu", "Identity", "Mul", "Pow", "Relu", "Sigmoid", "Softplus", "Sqrt", "Sub", "Tanh",
}

// byRow gives the inputs, by place, of which each row of three axes, the last of them the row's, is worked on by itself; the others are
// the same for all rows. There are none where the operation is of another kind.
func (g *onnxGraph) byRow(n *node) []int {
	if n.isAttention() {
		return []int{0}
	}
	if n.domain != "" || len(n.inputs) == 0 || len(n.outputs) != 1 {
		return nil
	}
	if slices.Contains(elementwise, n.kind) {
		var places []int
		for i, input := range n.inputs {
			if shape, ok := g.fixed(input); !ok {
				places = append(places, i)
			} else if len(shape) > 1 {
				return nil
			}
		}
		return places
	}
	vectors, numbers := true, true // are the other inputs
	for _, input := range n.inputs[1:] {
		shape, ok := g.fixed(input)
		vectors = vectors && ok && len(shape) <= 1
		numbers = numbers && vectors && (len(shape) == 0 || shape[0] == 1)
	}
	byRow := false
	switch axis := n.ints["axis"]; n.kind {
	case "MatMul":
		matrix, ok := g.fixed(n.inputs[len(n.inputs)-1])
		byRow = ok && len(n.inputs) == 2 && len(matrix) == 2
	case "LayerNormalization":
		byRow = vectors && (axis == nil || isLast(axis))
	case "QuantizeLinear", "DequantizeLinear":
		byRow = numbers || vectors && isLast(axis)
	case "ReduceMean":
		axes := n.ints["axes"]
		if len(n.inputs) == 2 {
			for _, v := range g.constants[n.inputs[1]].values {
				axes = append(axes, int64(v))
			}
		}
		byRow = isLast(axes) && (n.ints["keepdims"] == nil || slices.Equal(n.ints["keepdims"], []int64{1}))
	}
	if !byRow {
		return nil
	}
	return []int{0}
}

// isLast says whether it is the last of three axes alone.
func isLast(axes []int64) bool {
	return slices.Equal(axes, []int64{-1}) || slices.Equal(axes, []int64{2})
}

// fixed gives the shape of a value that comes of a constant, its axes in some order.
func (g *onnxGraph) fixed(name string) (shape []int64, ok bool) {
	for range 4 { // operations after one another
		if c, ok := g.constants[name]; ok {
			return c.shape, true
		}
		n := g.producers[name]
		if n == nil || n.domain != "" || len(n.inputs) == 0 ||
			!slices.Contains([]string{"Cast", "DequantizeLinear", "Identity", "Transpose"}, n.kind) {
			return nil, false
		}
		name = n.inputs[0]
	}
	return nil, false
}
