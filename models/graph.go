package models

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
)

// graph is what an ONNX file says of itself that matters before it is loaded.
type graph struct {
	outputs []string
	// external holds the files that tensors are kept in, and how many bytes each must have. Paths are as the graph
	// gives them: relative to the graph's directory.
	external map[string]int64
}

// message is a protobuf message of onnx.proto (ONNX 1.23).
type message int

const (
	modelProto message = iota
	trainingInfoProto
	graphProto
	functionProto
	nodeProto
	attributeProto
	sparseTensorProto
	tensorProto
)

// parts says which fields of a message hold messages that can, somewhere below, hold a tensor.
var parts = map[message]map[uint64]message{
	modelProto:        {7: graphProto, 20: trainingInfoProto, 25: functionProto},
	trainingInfoProto: {1: graphProto, 2: graphProto},
	graphProto:        {1: nodeProto, 5: tensorProto, 15: sparseTensorProto},
	functionProto:     {7: nodeProto, 11: attributeProto},
	nodeProto:         {5: attributeProto},
	attributeProto:    {5: tensorProto, 6: graphProto, 10: tensorProto, 11: graphProto, 22: sparseTensorProto, 23: sparseTensorProto},
	sparseTensorProto: {1: tensorProto, 2: tensorProto},
}

const (
	maxDepth    = 100 // protobuf's own limit on nesting
	maxName     = 1024
	maxOutputs  = 1000
	maxExternal = 20000
)

// readGraph walks the ONNX file r of size bytes. Errors wrap ErrDamaged or ErrUnsafe.
func readGraph(r io.ReaderAt, size int64) (graph, error) {
	g := graph{external: map[string]int64{}}
	if pointer := []byte("version https://git-lfs"); size < 1024 {
		head := make([]byte, len(pointer))
		r.ReadAt(head, 0) // a read error shows again in the walk
		if bytes.Equal(head, pointer) {
			return graph{}, fmt.Errorf("a Git LFS pointer, not the file itself; run git lfs pull: %w", ErrDamaged)
		}
	}
	w := &wire{r: r}
	var graphs, opsets int
	err := w.walk(0, size, func(f field) error {
		switch {
		case f.num == 7 && f.len:
			graphs++
			if err := g.readOutputs(w, f); err != nil {
				return err
			}
		case f.num == 8 && f.len:
			opsets++
		}
		return g.descend(w, modelProto, f, 0)
	})
	if err == nil && (graphs == 0 || opsets == 0) {
		err = errors.New("no graph or no opset in it") // cut exactly between two fields, or not ONNX at all
	}
	if err != nil && !errors.Is(err, ErrUnsafe) {
		return graph{}, fmt.Errorf("%d bytes, %w: %w", size, err, ErrDamaged)
	}
	return g, err
}

func (g *graph) readOutputs(w *wire, model field) error {
	return w.walk(model.from, model.to, func(f field) error {
		if f.num != 12 || !f.len { // ValueInfoProto output
			return nil
		}
		return w.walk(f.from, f.to, func(f field) error {
			if f.num != 1 || !f.len {
				return nil
			}
			name, err := w.text(f, maxName)
			if g.outputs = append(g.outputs, name); len(g.outputs) > maxOutputs {
				return fmt.Errorf("more than %d outputs", maxOutputs)
			}
			return err
		})
	})
}

// descend follows field f of a message of kind m down to the tensors below it.
func (g *graph) descend(w *wire, m message, f field, depth int) error {
	part, ok := parts[m][f.num]
	if !ok || !f.len {
		return nil
	}
	if part == tensorProto {
		return g.readTensor(w, f)
	}
	if depth++; depth > maxDepth {
		return fmt.Errorf("byte %d: nested more than %d deep", f.from, maxDepth)
	}
	return w.walk(f.from, f.to, func(f field) error { return g.descend(w, part, f, depth) })
}

// readTensor notes where a tensor with external data lies.
func (g *graph) readTensor(w *wire, tensor field) error {
	var location string
	var offset, length int64
	var external bool
	err := w.walk(tensor.from, tensor.to, func(f field) error {
		switch {
		case f.num == 14: // data_location; 1 is EXTERNAL
			external = f.value == 1
		case f.num == 13 && f.len: // external_data
			key, value, err := readEntry(w, f)
			if err != nil {
				return err
			}
			switch key {
			case "location":
				location = value
			case "offset":
				offset, err = strconv.ParseInt(value, 10, 62)
			case "length":
				length, err = strconv.ParseInt(value, 10, 62)
			}
			return err
		}
		return nil
	})
	if err != nil || !external {
		return err
	}
	// ONNX wants a relative POSIX path below the graph's own directory; anything else could read the user's files.
	location = strings.TrimPrefix(location, "./")
	if err := localPath(location); err != nil {
		return fmt.Errorf("weights at %w", err)
	}
	if offset < 0 || length < 0 {
		return fmt.Errorf("weights at offset %d, length %d", offset, length)
	}
	g.external[location] = max(g.external[location], offset+length)
	if len(g.external) > maxExternal {
		return fmt.Errorf("weights in more than %d files", maxExternal)
	}
	return nil
}

// readEntry reads a StringStringEntryProto.
func readEntry(w *wire, entry field) (key, value string, err error) {
	err = w.walk(entry.from, entry.to, func(f field) (err error) {
		switch {
		case f.num == 1 && f.len:
			key, err = w.text(f, maxName)
		case f.num == 2 && f.len:
			value, err = w.text(f, maxName)
		}
		return err
	})
	return key, value, err
}

// precisions, best first, with the endings that exporters give to the names of files of each.
var precisions = []struct {
	name    string
	endings []string
}{
	{"fp32", []string{"fp32"}},
	{"bf16", []string{"bf16"}},
	{"fp16", []string{"fp16", "O4"}},
	{"int8", []string{"int8", "quantized", "qint8"}},
	{"uint8", []string{"uint8", "quint8"}},
	{"q4", []string{"q4", "int4", "bnb4"}},
	{"q4f16", []string{"q4f16"}},
}

// precisionOf reads the precision out of a graph's name, as Optimum, sentence-transformers and transformers.js give
// it: model.onnx, model_fp16.onnx, model_qint8_avx512.onnx. A name that says nothing is fp32.
func precisionOf(file string) string {
	stem := strings.TrimSuffix(path.Base(file), ".onnx")
	for _, part := range strings.FieldsFunc(stem, func(r rune) bool { return r == '_' || r == '-' || r == '.' }) {
		for _, p := range precisions {
			for _, e := range p.endings {
				if part == e {
					return p.name
				}
			}
		}
	}
	return "fp32"
}
