package models

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
)

// Head is a linear classifier over an encoder's embeddings.
type Head struct {
	Labels  []string
	Weights []float32 // a row for each label, as long as an embedding
	Bias    []float32 // one for each label
}

const (
	logitsName = "logits"
	headPrefix = "labelloop_head_" // of the names of all that a head adds to a graph
	weightName = "weight"
	biasName   = "bias"
)

// check gives the length of the embeddings that the head is for.
func (h Head) check() (dims int, err error) {
	if err := distinct(h.Labels); err != nil {
		return 0, err
	}
	n := len(h.Labels)
	if n == 0 || len(h.Bias) != n || len(h.Weights) == 0 || len(h.Weights)%n != 0 {
		return 0, fmt.Errorf("%d labels with %d weights and %d biases: give each label a bias and a row of weights", n, len(h.Weights), len(h.Bias))
	}
	for i, v := range slices.Concat(h.Weights, h.Bias) {
		if d := float64(v) - float64(v); d != 0 {
			return 0, fmt.Errorf("number %d of the head is %v", i, v)
		}
	}
	return len(h.Weights) / n, nil
}

// appendHead writes the encoder's graph r of size bytes to w with the head at its end: pooling and normalisation as the
// manifest has them, the head's Gemm, and logits as the only output. Nothing else of the file changes; tensors that it
// keeps outside stay where they are. projection is the layer of a dual encoder that lies beside its graph, nil where there
// is none. Errors wrap ErrDamaged or ErrUnsupported.
func appendHead(w io.Writer, r io.ReaderAt, size int64, m *Manifest, h Head, projection []float32) error {
	dims, err := h.check()
	if err != nil {
		return err
	}
	a, err := readAnatomy(r, size)
	if err != nil {
		return err
	}
	if a.reserved {
		return fmt.Errorf("the graph holds values named %s or %s...: it has a head already: %w", logitsName, headPrefix, ErrUnsupported)
	}
	t := &tail{}
	embedding, err := a.embedding(t, m)
	if err != nil {
		return err
	}
	if projection != nil {
		weights := t.floats("projection", projection, dims, len(projection)/dims)
		embedding = t.op("Gemm", []string{embedding, weights}, attribute{"transB", 1})
	}
	if m.Normalize || m.Task == ZeroShotImage {
		embedding = t.normalize(embedding)
	}
	weights := t.floats(weightName, h.Weights, len(h.Labels), dims)
	bias := t.floats(biasName, h.Bias, len(h.Labels))
	t.node("Gemm", logitsName, []string{embedding, weights, bias}, attribute{"transB", 1})
	t.output(logitsName, len(h.Labels))
	return a.rewrite(w, t.encoding)
}

// embedding adds what turns the graph's own output into one vector a row, as inference.Embedding and
// inference.ImageEmbedding do, and gives its name: float32 [batch, dims]. Operators are those whose form is the same from
// opset 11 on, but for max.
func (a *anatomy) embedding(t *tail, m *Manifest) (string, error) {
	if a.opset < 11 || a.opset > 1000 {
		return "", fmt.Errorf("opset %d: export with opset 11 or later: %w", a.opset, ErrUnsupported)
	}
	pooled, hidden := []string{"image_embeds", "pooler_output"}, []string{"last_hidden_state"}
	pooling := "cls"
	if m.ReadsText() && m.Task != ZeroShotImage {
		pooled, hidden = []string{"sentence_embedding", "text_embeds"}, []string{"last_hidden_state", "token_embeddings", "output_0"}
		if pooling = m.Pooling; pooling == "" {
			pooled = append(pooled, "pooler_output")
		}
	} else if _, both := find(a.inputs, "input_ids"); both {
		return "", fmt.Errorf("the graph wants a text beside each picture: export vision_model.onnx by itself: %w", ErrUnsupported)
	}
	if p, ok := find(a.outputs, pooled...); ok {
		if p.elem != float32Type {
			return "", notFloat32(p)
		}
		return t.reshape(p.name, 0, -1), nil
	}
	p, ok := find(a.outputs, hidden...)
	if !ok {
		return "", fmt.Errorf("the graph has no output %s or %s: export the encoder itself: %w", pooled[0], hidden[0], ErrUnsupported)
	}
	if p.elem != float32Type {
		return "", notFloat32(p)
	}
	if pooling == "cls" {
		return t.op("Gather", []string{p.name, t.integers("first", []int64{0})}, attribute{"axis", 1}), nil
	}
	if _, ok := find(a.inputs, "attention_mask"); !ok {
		return "", fmt.Errorf("pooling %s needs an input attention_mask: export the encoder with it: %w", pooling, ErrUnsupported)
	}
	return a.pool(t, pooling, p.name)
}

func notFloat32(p port) error {
	return fmt.Errorf("output %s has element type %d, want float32 (1): %w", p.name, p.elem, ErrUnsupported)
}

// pool joins hidden states [batch, tokens, dims] over the attention mask.
func (a *anatomy) pool(t *tail, pooling, hidden string) (string, error) {
	if pooling == "lasttoken" { // the last of the largest numbers of the mask
		if a.opset < 12 {
			return "", fmt.Errorf("pooling lasttoken, opset %d: export with opset 12 or later: %w", a.opset, ErrUnsupported)
		}
		last := t.op("ArgMax", []string{"attention_mask"}, attribute{"axis", 1}, attribute{"keepdims", 1}, attribute{"select_last_index", 1})
		return t.op("GatherND", []string{hidden, last}, attribute{"batch_dims", 1}), nil
	}
	mask := t.op("Cast", []string{"attention_mask"}, attribute{"to", float32Type})
	row := t.reshape(mask, 0, 1, -1)
	column := t.reshape(mask, 0, -1, 1)
	switch pooling {
	case "mean", "mean_sqrt_len":
		sum := t.op("MatMul", []string{row, hidden})
		count := t.op("Max", []string{t.op("MatMul", []string{row, column}), t.floats("one", []float32{1})})
		if pooling == "mean_sqrt_len" {
			count = t.op("Sqrt", []string{count})
		}
		return t.reshape(t.op("Div", []string{sum, count}), 0, -1), nil
	case "max":
		// 0 where a token counts, the lowest number where it does not.
		off := t.op("Sub", []string{column, t.floats("one", []float32{1})})
		low := t.op("Mul", []string{off, t.floats("most", []float32{math.MaxFloat32})})
		seen := t.op("Add", []string{hidden, low})
		if a.opset < 18 {
			return t.maximum(seen), nil
		}
		return t.op("ReduceMax", []string{seen, t.integers("tokens", []int64{1}, 1)}, attribute{"keepdims", 0}), nil
	}
	return "", fmt.Errorf("pooling %q is unknown: %w", pooling, ErrUnsupported)
}

// maximum is ReduceMax over axis 1 in the form that it had before opset 18.
func (t *tail) maximum(input string) string {
	t.values++
	output := fmt.Sprintf("%sReduceMax_%d", headPrefix, t.values)
	axes := encoding(nil).text(1, "axes").number(8, 1).number(20, 7) // type INTS
	keep := encoding(nil).text(1, "keepdims").number(3, 0).number(20, 2)
	t.encoding = t.bytes(1, encoding(nil).text(1, input).text(2, output).text(3, output).text(4, "ReduceMax").bytes(5, axes).bytes(5, keep))
	return output
}

// reshape gives a value another shape; 0 keeps a dimension, and -1 is what is left.
func (t *tail) reshape(input string, shape ...int64) string {
	t.values++
	return t.op("Reshape", []string{input, t.integers(fmt.Sprintf("shape_%d", t.values), shape, len(shape))})
}

// normalize scales vectors [batch, dims] to Euclidean length 1; a vector of zeros stays one.
func (t *tail) normalize(input string) string {
	square := t.op("MatMul", []string{t.reshape(input, 0, 1, -1), t.reshape(input, 0, -1, 1)})
	length := t.op("Max", []string{t.op("Sqrt", []string{square}), t.floats("tiny", []float32{math.SmallestNonzeroFloat32 * (1 << 23)})})
	return t.op("Div", []string{input, t.reshape(length, 0, 1)})
}

// Head reads back the head that AddHead put on the model's graph.
func (m *Model) Head() (Head, error) {
	path, _, err := m.Graph("", "auto")
	if err != nil {
		return Head{}, err
	}
	file, err := os.Open(path)
	if err != nil {
		return Head{}, fmt.Errorf("read the head of %s: %w", m, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return Head{}, fmt.Errorf("read the head of %s: %w", m, err)
	}
	h := Head{Labels: m.Manifest.Labels}
	if h.Weights, h.Bias, err = readHead(file, info.Size()); err == nil {
		_, err = h.check()
	}
	if err != nil {
		return Head{}, fmt.Errorf("read the head of %s in %s: %w", m, path, err)
	}
	return h, nil
}

// readHead finds the head's tensors in a graph.
func readHead(r io.ReaderAt, size int64) (weights, bias []float32, err error) {
	a, err := readAnatomy(r, size)
	if err != nil {
		return nil, nil, err
	}
	err = a.w.walk(a.graph.from, a.graph.to, func(f field) error {
		if f.num != 5 || !f.len {
			return nil
		}
		var name string
		var raw field
		err := a.w.walk(f.from, f.to, func(f field) (err error) {
			switch {
			case f.num == 8 && f.len && f.to-f.from <= maxName:
				name, err = a.w.text(f, maxName)
			case f.num == 9 && f.len:
				raw = f
			}
			return err
		})
		switch {
		case err != nil:
		case name == headPrefix+weightName:
			weights, err = a.w.floats(raw)
		case name == headPrefix+biasName:
			bias, err = a.w.floats(raw)
		}
		return err
	})
	if err == nil && (weights == nil || bias == nil) {
		err = fmt.Errorf("no tensors %s%s and %s%s: %w", headPrefix, weightName, headPrefix, biasName, ErrNotFound)
	}
	return weights, bias, err
}

// maxHead bounds the numbers of a head: 100,000 labels of 1,024 dimensions.
const maxHead = 100 << 20

// floats reads the numbers of a tensor's raw_data.
func (w *wire) floats(f field) ([]float32, error) {
	n := (f.to - f.from) / 4
	if (f.to-f.from)%4 != 0 || n > maxHead {
		return nil, fmt.Errorf("byte %d: %d bytes of float32 numbers: %w", f.from, f.to-f.from, ErrDamaged)
	}
	raw := make([]byte, 4*n)
	if read, err := w.r.ReadAt(raw, f.from); read < len(raw) {
		return nil, err
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return values, nil
}
