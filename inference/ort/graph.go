package ort

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	onnx "github.com/yalue/onnxruntime_go"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/labelloop/labelloop/inference"
)

// onnxGraph is what is read of an ONNX file: its nodes, its small constants, and where they lie in the file. Numbers of fields are
// those of onnx.proto (ONNX 1.23).
type onnxGraph struct {
	file      []byte
	tag       int // where the main graph begins in the file, with its tag
	from, to  int // where its fields lie
	nodes     []*node
	producers map[string]*node
	constants map[string]constant
	inputs    []inference.Port // those that no initializer fills
	outputs   []inference.Port
	weights   []weights
	shapes    []edit   // that leave out what is told of values in between, which need not be told
	external  bool     // some weights are in other files already
	domains   []string // of the operators that the model uses
}

// weights is a large initializer whose numbers are in the file.
type weights struct {
	edit           // its TensorProto, and what describes it without its numbers
	at, length int // where these lie in the file, in bytes
}

// edit is what is to be written in the place of some bytes of a file.
type edit struct {
	from, to int
	with     []byte
}

// node is one operation.
type node struct {
	from, to        int // where it lies in the file, with its tag
	kind, domain    string
	inputs, outputs []string
	captured        []string           // values that graphs within it read, theirs included
	ints            map[string][]int64 // attributes
	floats          map[string]float32
	value           constant // what a Constant gives

	judged bool    // the next two are found out
	known  bool    // all elements of its output are one number, where there is no padding
	number float64 // that number
}

// constant is a tensor of the file. values holds its numbers where these are few and of a type that constants of shapes and
// scales have; nil otherwise.
type constant struct {
	shape  []int64
	values []float64
}

// fewNumbers bounds the constants whose values are read.
const fewNumbers = 8

var errGraph = errors.New("not an ONNX graph")

// fields calls visit for each field of a message, with its place there. Field data of numbers is nil.
func fields(message []byte, visit func(number protowire.Number, value uint64, data []byte, from, to int) error) error {
	for at := 0; at < len(message); {
		number, kind, tag := protowire.ConsumeTag(message[at:])
		if tag < 0 {
			return errGraph
		}
		size := protowire.ConsumeFieldValue(number, kind, message[at+tag:])
		if size < 0 {
			return errGraph
		}
		rest := message[at+tag : at+tag+size]
		var value uint64
		var data []byte
		switch kind {
		case protowire.VarintType:
			value, _ = protowire.ConsumeVarint(rest)
		case protowire.Fixed32Type:
			fixed, _ := protowire.ConsumeFixed32(rest)
			value = uint64(fixed)
		case protowire.BytesType:
			data, _ = protowire.ConsumeBytes(rest)
		}
		if err := visit(number, value, data, at, at+tag+size); err != nil {
			return err
		}
		at += tag + size
	}
	return nil
}

// readGraph reads an ONNX file.
func readGraph(file []byte) (*onnxGraph, error) {
	g := &onnxGraph{file: file, producers: map[string]*node{}, constants: map[string]constant{}}
	found := 0
	err := fields(file, func(number protowire.Number, _ uint64, data []byte, from, to int) error {
		switch number {
		case 7: // ModelProto.graph
			found++
			g.tag, g.from, g.to = from, to-len(data), to
		case 8: // opset_import
			return fields(data, func(number protowire.Number, _ uint64, data []byte, _, _ int) error {
				if number == 1 {
					g.domains = append(g.domains, string(data))
				}
				return nil
			})
		}
		return nil
	})
	if err == nil && found != 1 {
		err = fmt.Errorf("%w: it has %d", errGraph, found)
	}
	if err == nil {
		err = fields(file[g.from:g.to], g.read)
	}
	if err != nil {
		return nil, err
	}
	g.inputs = slices.DeleteFunc(g.inputs, func(p inference.Port) bool { _, filled := g.constants[p.Name]; return filled })
	return g, nil
}

// read takes in a field of GraphProto.
func (g *onnxGraph) read(number protowire.Number, _ uint64, data []byte, from, to int) error {
	switch number {
	case 1: // node
		n := &node{from: g.from + from, to: g.from + to, ints: map[string][]int64{}, floats: map[string]float32{}}
		if err := fields(data, n.read); err != nil {
			return err
		}
		g.nodes = append(g.nodes, n)
		for _, name := range n.outputs {
			g.producers[name] = n
		}
		if _, dense := n.ints["value"]; dense && n.kind == "Constant" && len(n.outputs) == 1 {
			g.constants[n.outputs[0]] = n.value
		}
	case 5: // initializer
		name, c, err := readTensor(data)
		g.constants[name] = c
		if err == nil {
			err = g.weigh(data, edit{from: g.from + from, to: g.from + to})
		}
		return err
	case 11, 12: // input, output
		p, err := readPort(data)
		if number == 11 {
			g.inputs = append(g.inputs, p)
		} else {
			g.outputs = append(g.outputs, p)
		}
		return err
	case 13: // value_info
		g.shapes = append(g.shapes, edit{from: g.from + from, to: g.from + to})
	}
	return nil
}

// read takes in a field of NodeProto.
func (n *node) read(number protowire.Number, _ uint64, data []byte, _, _ int) error {
	switch number {
	case 1:
		n.inputs = append(n.inputs, string(data))
	case 2:
		n.outputs = append(n.outputs, string(data))
	case 4:
		n.kind = string(data)
	case 7:
		n.domain = string(data)
	case 5: // attribute
		var name string
		var ints []int64
		err := fields(data, func(number protowire.Number, value uint64, data []byte, _, _ int) (err error) {
			switch number {
			case 1:
				name = string(data)
			case 2: // f
				n.floats[name] = math.Float32frombits(uint32(value))
			case 3: // i
				ints = append(ints, int64(value))
			case 8: // ints, packed or one by one
				if data == nil {
					ints = append(ints, int64(value))
				}
				for len(data) > 0 && err == nil {
					v, size := protowire.ConsumeVarint(data)
					if size < 0 {
						return errGraph
					}
					ints, data = append(ints, int64(v)), data[size:]
				}
			case 5: // t
				_, n.value, err = readTensor(data)
			case 6, 11: // g, graphs
				return n.capture(data)
			}
			return err
		})
		n.ints[name] = ints
		return err
	}
	return nil
}

// capture takes in what the nodes of a GraphProto within the node read.
func (n *node) capture(graph []byte) error {
	return fields(graph, func(number protowire.Number, _ uint64, data []byte, _, _ int) error {
		switch number {
		case 1: // node
			inner := &node{ints: map[string][]int64{}, floats: map[string]float32{}}
			if err := fields(data, inner.read); err != nil {
				return err
			}
			n.captured = append(append(n.captured, inner.inputs...), inner.captured...)
		case 12: // output, which can be a value from outside
			p, err := readPort(data)
			n.captured = append(n.captured, p.Name)
			return err
		}
		return nil
	})
}

// readTensor reads a TensorProto.
func readTensor(data []byte) (name string, c constant, err error) {
	var kind uint64
	var raw []byte
	var kept bool // its numbers are in the file
	count := int64(1)
	err = fields(data, func(number protowire.Number, value uint64, data []byte, _, _ int) error {
		switch number {
		case 1: // dims, packed or one by one
			if data == nil {
				c.shape = append(c.shape, int64(value))
			}
			for len(data) > 0 {
				v, size := protowire.ConsumeVarint(data)
				if size < 0 {
					return errGraph
				}
				c.shape, data = append(c.shape, int64(v)), data[size:]
			}
		case 2:
			kind = value
		case 4, 7, 9: // float_data, int64_data, raw_data
			if data == nil {
				return nil // one number, unpacked: old exporters; it isn't read
			}
			raw, kept = data, number != 7
		case 8:
			name = string(data)
		}
		return nil
	})
	for _, d := range c.shape {
		if count *= d; count < 0 || count > fewNumbers {
			return name, c, err
		}
	}
	if kept {
		c.values = numbers(kind, raw, int(count))
	}
	return name, c, err
}

// numbers gives the count numbers of float32 (1), int64 (7) or bool (9) that raw holds; nil where it holds others.
func numbers(kind uint64, raw []byte, count int) []float64 {
	width := map[uint64]int{1: 4, 7: 8, 9: 1}[kind]
	if width == 0 || len(raw) != count*width {
		return nil
	}
	values := make([]float64, count)
	for i := range values {
		switch at := raw[i*width:]; kind {
		case 1:
			values[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(at)))
		case 7:
			values[i] = float64(int64(binary.LittleEndian.Uint64(at)))
		case 9:
			values[i] = float64(at[0])
		}
	}
	return values
}

// heavyTensor is the size in bytes from which the numbers of a tensor are left in the file that they are in.
const heavyTensor = 64 << 10

// weigh notes an initializer whose TensorProto is data, if it is large.
func (g *onnxGraph) weigh(data []byte, place edit) error {
	w := weights{edit: place}
	err := fields(data, func(number protowire.Number, value uint64, raw []byte, from, to int) error {
		switch {
		case number == 9: // raw_data
			w.at, w.length = place.to-len(data)+to-len(raw), len(raw)
			return nil
		case number == 14 && value == 1: // data_location: external
			g.external = true
		}
		w.with = append(w.with, data[from:to]...)
		return nil
	})
	if w.length >= heavyTensor {
		g.weights = append(g.weights, w)
	}
	return err
}

// leaveWeights gives the edits after which the weights are no part of the graph, but read out of the file by that name, where the
// runtime maps them: from a graph in memory it would copy them, twice.
func (g *onnxGraph) leaveWeights(name string) []edit {
	if g.external { // in another folder, it may be
		return nil
	}
	entry := func(b []byte, key, value string) []byte {
		pair := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), key)
		pair = protowire.AppendString(protowire.AppendTag(pair, 2, protowire.BytesType), value)
		return protowire.AppendBytes(protowire.AppendTag(b, 13, protowire.BytesType), pair)
	}
	var edits []edit
	for _, w := range g.weights {
		tensor := entry(slices.Clone(w.with), "location", name)
		tensor = entry(tensor, "offset", strconv.Itoa(w.at))
		tensor = entry(tensor, "length", strconv.Itoa(w.length))
		tensor = protowire.AppendVarint(protowire.AppendTag(tensor, 14, protowire.VarintType), 1)
		edits = append(edits, edit{w.from, w.to, protowire.AppendBytes(protowire.AppendTag(nil, 5, protowire.BytesType), tensor)})
	}
	return edits
}

// rewrite gives the file with edits of the main graph.
func (g *onnxGraph) rewrite(edits []edit) []byte {
	slices.SortFunc(edits, func(a, b edit) int { return a.from - b.from })
	length := g.to - g.from
	for _, e := range edits {
		length += len(e.with) - (e.to - e.from)
	}
	out := append(make([]byte, 0, len(g.file)-(g.to-g.from)+length+64), g.file[:g.tag]...)
	out = protowire.AppendVarint(protowire.AppendTag(out, 7, protowire.BytesType), uint64(length))
	at := g.from
	for _, e := range edits {
		out = append(append(out, g.file[at:e.from]...), e.with...)
		at = e.to
	}
	out = append(out, g.file[at:]...)
	if !slices.Contains(g.domains, contributed) {
		opset := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), contributed)
		opset = protowire.AppendVarint(protowire.AppendTag(opset, 2, protowire.VarintType), 1)
		out = protowire.AppendBytes(protowire.AppendTag(out, 8, protowire.BytesType), opset)
	}
	return out
}

// contributed is the domain of the runtime's own operators.
const contributed = "com.microsoft"

// readPort reads a ValueInfoProto of a tensor.
func readPort(data []byte) (p inference.Port, err error) {
	const dims = 2 // TensorShapeProto, in TypeProto.Tensor
	path := []protowire.Number{2, 1, dims}
	var walk func(data []byte, path []protowire.Number) error
	walk = func(data []byte, path []protowire.Number) error {
		return fields(data, func(number protowire.Number, value uint64, data []byte, _, _ int) error {
			switch {
			case len(path) == 3 && number == 1:
				p.Name = string(data)
			case len(path) == 1 && number == 1:
				p.Type = typeName(onnx.TensorElementDataType(value))
			case len(path) > 0 && number == path[0]:
				return walk(data, path[1:])
			case len(path) == 0 && number == 1: // a dimension
				size := int64(-1)
				p.Shape = append(p.Shape, size)
				return fields(data, func(number protowire.Number, value uint64, _ []byte, _, _ int) error {
					if number == 1 {
						p.Shape[len(p.Shape)-1] = int64(value)
					}
					return nil
				})
			}
			return nil
		})
	}
	return p, walk(data, path)
}
