package models

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// port is an input or an output of a graph.
type port struct {
	name string
	elem uint64 // TensorProto.DataType; 1 is float32
	rank int    // number of dimensions, -1 where the graph doesn't say
}

// anatomy is where the parts of an ONNX file lie that matter to whoever writes one like it.
type anatomy struct {
	w        *wire
	size     int64
	graph    field // the main graph
	opset    uint64
	inputs   []port
	outputs  []port
	reserved bool // a value of the graph has a name that begins with headPrefix, or is called logits
	kept     []span
	length   int64 // of what is kept of the main graph: all but its outputs
}

// span is a run of bytes of a file.
type span struct{ from, to int64 }

const float32Type = 1 // TensorProto.DataType

// readAnatomy walks the ONNX file r of size bytes. Errors wrap ErrDamaged or ErrUnsupported.
func readAnatomy(r io.ReaderAt, size int64) (*anatomy, error) {
	if _, err := readGraph(r, size); err != nil {
		return nil, err
	}
	a := &anatomy{w: &wire{r: r}, size: size}
	graphs := 0
	err := a.w.walk(0, size, func(f field) error {
		switch {
		case f.num == 7 && f.len:
			graphs++
			a.graph = f
		case f.num == 8 && f.len:
			return a.readOpset(f)
		}
		return nil
	})
	if err == nil && graphs != 1 {
		err = fmt.Errorf("%d graphs, want one", graphs)
	}
	if err == nil {
		err = a.readMain()
	}
	if err != nil {
		return nil, fmt.Errorf("%d bytes, %w: %w", size, err, ErrDamaged)
	}
	return a, nil
}

// readOpset reads an OperatorSetIdProto; only the standard operators' counts.
func (a *anatomy) readOpset(f field) error {
	domain, version := "", uint64(0)
	err := a.w.walk(f.from, f.to, func(f field) (err error) {
		switch {
		case f.num == 1 && f.len:
			domain, err = a.w.text(f, maxName)
		case f.num == 2:
			version = f.value
		}
		return err
	})
	if domain == "" || domain == "ai.onnx" {
		a.opset = version
	}
	return err
}

func (a *anatomy) readMain() error {
	at := a.graph.from
	return a.w.walk(a.graph.from, a.graph.to, func(f field) error {
		from := at
		at = f.to
		if f.num != 12 || !f.len {
			if n := len(a.kept); n > 0 && a.kept[n-1].to == from {
				a.kept[n-1].to = f.to
			} else {
				a.kept = append(a.kept, span{from, f.to})
			}
			a.length += f.to - from
		}
		switch {
		case !f.len:
			return nil
		case f.num == 1:
			return a.reserve(f, 2) // outputs of a node
		case f.num == 5:
			return a.reserve(f, 8) // the name of a tensor
		case f.num == 11, f.num == 12:
			p, err := a.readPort(f)
			if f.num == 11 {
				a.inputs = append(a.inputs, p)
			} else {
				a.outputs = append(a.outputs, p)
			}
			if len(a.inputs)+len(a.outputs) > maxOutputs {
				return fmt.Errorf("more than %d inputs and outputs", maxOutputs)
			}
			return err
		}
		return nil
	})
}

// reserve looks at the names in a field of a node or a tensor.
func (a *anatomy) reserve(message field, num uint64) error {
	return a.w.walk(message.from, message.to, func(f field) error {
		if f.num != num || !f.len || f.to-f.from > maxName {
			return nil
		}
		name, err := a.w.text(f, maxName)
		a.reserved = a.reserved || name == logitsName || strings.HasPrefix(name, headPrefix)
		return err
	})
}

// readPort reads a ValueInfoProto.
func (a *anatomy) readPort(f field) (port, error) {
	p := port{rank: -1}
	err := a.w.walk(f.from, f.to, func(f field) (err error) {
		switch {
		case f.num == 1 && f.len:
			p.name, err = a.w.text(f, maxName)
		case f.num == 2 && f.len: // TypeProto
			err = a.w.walk(f.from, f.to, func(f field) error {
				if f.num != 1 || !f.len { // TypeProto.Tensor
					return nil
				}
				return a.w.walk(f.from, f.to, func(f field) error {
					switch {
					case f.num == 1:
						p.elem = f.value
					case f.num == 2 && f.len: // TensorShapeProto
						p.rank = 0
						return a.w.walk(f.from, f.to, func(f field) error {
							if f.num == 1 {
								p.rank++
							}
							return nil
						})
					}
					return nil
				})
			})
		}
		return err
	})
	return p, err
}

func find(ports []port, names ...string) (port, bool) {
	for _, name := range names {
		if i := slices.IndexFunc(ports, func(p port) bool { return p.name == name }); i >= 0 {
			return ports[i], true
		}
	}
	return port{}, false
}

// rewrite writes the file with another end of its main graph: tail holds fields of a GraphProto, its outputs among them.
// All else is copied byte by byte: operator sets, version of the format, metadata.
func (a *anatomy) rewrite(w io.Writer, tail []byte) error {
	copy := func(s span) error {
		_, err := io.Copy(w, io.NewSectionReader(a.w.r, s.from, s.to-s.from))
		return err
	}
	at := int64(0)
	return a.w.walk(0, a.size, func(f field) error {
		from := at
		at = f.to
		if f.num != 7 || !f.len {
			return copy(span{from, f.to})
		}
		key := binary.AppendUvarint(nil, 7<<3|2)
		if _, err := w.Write(binary.AppendUvarint(key, uint64(a.length)+uint64(len(tail)))); err != nil {
			return err
		}
		for _, s := range a.kept {
			if err := copy(s); err != nil {
				return err
			}
		}
		_, err := w.Write(tail)
		return err
	})
}

// encoding builds a protobuf message.
type encoding []byte

func (e encoding) number(field int, value uint64) encoding {
	return binary.AppendUvarint(binary.AppendUvarint(e, uint64(field)<<3), value)
}

func (e encoding) bytes(field int, value []byte) encoding {
	e = binary.AppendUvarint(binary.AppendUvarint(e, uint64(field)<<3|2), uint64(len(value)))
	return append(e, value...)
}

func (e encoding) text(field int, value string) encoding { return e.bytes(field, []byte(value)) }

// tail is the end of a graph that is being built: fields of a GraphProto.
type tail struct {
	encoding
	values int
}

// attribute is a number that an operator is told.
type attribute struct {
	name  string
	value uint64
}

// op adds a node and gives the name of its output.
func (t *tail) op(kind string, inputs []string, attributes ...attribute) string {
	t.values++
	output := fmt.Sprintf("%s%s_%d", headPrefix, kind, t.values)
	t.node(kind, output, inputs, attributes...)
	return output
}

func (t *tail) node(kind, output string, inputs []string, attributes ...attribute) {
	var n encoding
	for _, in := range inputs {
		n = n.text(1, in)
	}
	n = n.text(2, output).text(3, output).text(4, kind)
	for _, a := range attributes {
		n = n.bytes(5, encoding(nil).text(1, a.name).number(3, a.value).number(20, 2)) // type INT
	}
	t.encoding = t.bytes(1, n)
}

// floats adds a tensor.
func (t *tail) floats(name string, values []float32, shape ...int) string {
	raw := make([]byte, 0, 4*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return t.tensor(name, float32Type, raw, shape)
}

// integers adds a tensor of int64, a scalar where there is no shape.
func (t *tail) integers(name string, values []int64, shape ...int) string {
	raw := make([]byte, 0, 8*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return t.tensor(name, 7, raw, shape)
}

func (t *tail) tensor(name string, kind uint64, raw []byte, shape []int) string {
	var e encoding
	for _, n := range shape {
		e = e.number(1, uint64(n))
	}
	t.encoding = t.bytes(5, e.number(2, kind).text(8, headPrefix+name).bytes(9, raw))
	return headPrefix + name
}

// output adds an output of the graph: float32 [batch, width].
func (t *tail) output(name string, width int) {
	shape := encoding(nil).bytes(1, encoding(nil).text(2, "batch")).bytes(1, encoding(nil).number(1, uint64(width)))
	kind := encoding(nil).bytes(1, encoding(nil).number(1, float32Type).bytes(2, shape))
	t.encoding = t.bytes(12, encoding(nil).text(1, name).bytes(2, kind))
}
