package models

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
)

const (
	weightsName = "model.safetensors"

	maxTensorHeader = 100 << 20 // bytes: the format's own limit
	maxTensorValues = 16 << 20  // of a projection: 4096 x 4096
)

// projections are the tensors, by part, that bring both sides of CLIP to one width where the graphs do not.
var projections = map[string]string{Vision: "visual_projection.weight", Text: "text_projection.weight"}

// tensors is a safetensors file (https://huggingface.co/docs/safetensors), of which a few small tensors are read.
type tensors struct {
	file   io.ReaderAt
	size   int64 // of the file
	begin  int64 // of the values
	header map[string]struct {
		DType   string   `json:"dtype"`
		Shape   []int64  `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
}

// readTensors reads the header. Errors wrap ErrDamaged.
func readTensors(file io.ReaderAt, size int64) (*tensors, error) {
	var length [8]byte
	if _, err := file.ReadAt(length[:], 0); err != nil {
		return nil, fmt.Errorf("read the header's length: %w: %w", err, ErrDamaged)
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxTensorHeader || int64(n) > size-8 {
		return nil, fmt.Errorf("a header of %d bytes in a file of %d: %w", n, size, ErrDamaged)
	}
	data := make([]byte, n)
	if _, err := file.ReadAt(data, 8); err != nil {
		return nil, fmt.Errorf("read the header: %w: %w", err, ErrDamaged)
	}
	var entries map[string]json.RawMessage
	if err := json.Unmarshal(data, &entries); err != nil {
		return nil, fmt.Errorf("parse the header: %w: %w", err, ErrDamaged)
	}
	delete(entries, "__metadata__")
	t := &tensors{file: file, size: size, begin: 8 + int64(n)}
	data, err := json.Marshal(entries)
	if err == nil {
		err = json.Unmarshal(data, &t.header)
	}
	if err != nil {
		return nil, fmt.Errorf("parse the header: %w: %w", err, ErrDamaged)
	}
	return t, nil
}

func (t *tensors) has(name string) bool { _, ok := t.header[name]; return ok }

// read gives a tensor's shape and its values in row-major order; F32, F16 and BF16 are known.
func (t *tensors) read(name string) (shape []int64, values []float32, err error) {
	entry, ok := t.header[name]
	if !ok {
		return nil, nil, fmt.Errorf("no tensor %s: %w", name, ErrDamaged)
	}
	width := map[string]int64{"F32": 4, "F16": 2, "BF16": 2}[entry.DType]
	if width == 0 {
		return nil, nil, fmt.Errorf("tensor %s has the type %s, want F32, F16 or BF16: %w", name, entry.DType, ErrUnsupported)
	}
	count := int64(1)
	for _, n := range entry.Shape {
		if n < 1 || n > maxTensorValues/count {
			return nil, nil, fmt.Errorf("tensor %s has the shape %v: %w", name, entry.Shape, ErrDamaged)
		}
		count *= n
	}
	at, end := entry.Offsets[0], entry.Offsets[1]
	if at < 0 || end > t.size-t.begin || end-at != count*width {
		return nil, nil, fmt.Errorf("tensor %s of shape %v lies at %d to %d: %w", name, entry.Shape, at, end, ErrDamaged)
	}
	data := make([]byte, count*width)
	if _, err := t.file.ReadAt(data, t.begin+at); err != nil {
		return nil, nil, fmt.Errorf("read tensor %s: %w: %w", name, err, ErrDamaged)
	}
	values = make([]float32, count)
	for i := range values {
		switch entry.DType {
		case "F32":
			values[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		case "F16":
			values[i] = float16(binary.LittleEndian.Uint16(data[2*i:]))
		case "BF16":
			values[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(data[2*i:])) << 16)
		}
	}
	return entry.Shape, values, nil
}

// float16 widens an IEEE 754 binary16.
func float16(h uint16) float32 {
	sign, exponent, mantissa := uint32(h&0x8000)<<16, uint32(h>>10&31), uint32(h&0x3ff)
	switch exponent {
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | mantissa<<13)
	case 0: // a multiple of 2^-24
		return math.Float32frombits(sign | math.Float32bits(float32(mantissa)/(1<<24)))
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | mantissa<<13)
}

// weights looks into model.safetensors beside the two graphs of a dual encoder for what they lack: the projections, where
// neither has its own inside, and the logits' scale and bias, of which two graphs know nothing.
func (f *folder) weights(m *Manifest, projected bool) error {
	file, info, err := f.open(weightsName)
	if err != nil {
		return err
	}
	defer file.Close()
	t, err := readTensors(file, info.Size())
	if err != nil {
		return fmt.Errorf("read %s: %w", f.path(weightsName), err)
	}
	m.Projection = !projected && t.has(projections[Vision]) && t.has(projections[Text])
	if m.LogitScale != 0 || !t.has("logit_scale") {
		return nil
	}
	_, scale, err := t.read("logit_scale")
	bias := []float32{0}
	if err == nil && t.has("logit_bias") {
		_, bias, err = t.read("logit_bias")
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", f.path(weightsName), err)
	}
	m.LogitScale, m.LogitBias = math.Exp(float64(scale[0])), float64(bias[0])
	return nil
}

// Projection gives the matrix (rows x columns, row-major) that takes what the graph of a part puts out to the space that
// both parts share; nil where the graphs do so themselves.
func (m *Model) Projection(part string) (weights []float32, rows, cols int, err error) {
	if !m.Manifest.Projection {
		return nil, 0, 0, nil
	}
	path := m.find(func(f File) bool { return f.Path == weightsName })
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, 0, fmt.Errorf("open the projection: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, 0, 0, fmt.Errorf("open the projection: %w", err)
	}
	t, err := readTensors(file, info.Size())
	if err != nil {
		return nil, 0, 0, fmt.Errorf("read %s: %w", path, err)
	}
	shape, weights, err := t.read(projections[part])
	if err == nil && len(shape) != 2 {
		err = fmt.Errorf("tensor %s has the shape %v, want a matrix: %w", projections[part], shape, ErrDamaged)
	}
	if err != nil {
		return nil, 0, 0, fmt.Errorf("read %s: %w", path, err)
	}
	return weights, int(shape[0]), int(shape[1]), nil
}
