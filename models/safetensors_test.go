package models

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func safetensorsFile(header string, values ...byte) []byte {
	return slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), []byte(header), values)
}

func TestTensorsOfEachType(t *testing.T) {
	data := safetensorsFile(`{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},`+
		`"b":{"dtype":"F16","shape":[2,2],"data_offsets":[4,12]},"c":{"dtype":"BF16","shape":[],"data_offsets":[12,14]}}`,
		0, 0, 0xc0, 0x3f, // 1.5
		0, 0x3c, 0, 0xc0, 1, 0, 0xff, 0x7b, // 1, -2, 2^-24, 65504
		0x80, 0x40) // 4
	file, err := readTensors(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]float32{"a": {1.5}, "b": {1, -2, 1.0 / (1 << 24), 65504}, "c": {4}} {
		if _, got, err := file.read(name); err != nil || !slices.Equal(got, want) {
			t.Errorf("tensor %s: %v, %v, want %v", name, got, err, want)
		}
	}
	if inf := float16(0xfc00); !math.IsInf(float64(inf), -1) {
		t.Errorf("-Inf is read as %v", inf)
	}
}

func TestDamagedTensors(t *testing.T) {
	for _, c := range []struct{ header, says string }{
		{`{`, "parse"}, {`{"a":3}`, "parse"}, {`{}`, "no tensor"},
		{`{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}`, "type I8"},
		{`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, "lies at"},
		{`{"a":{"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]}}`, "shape"},
		{`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}`, "shape"},
		{`{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}`, "lies at"},
		{`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, "lies at"},
	} {
		data := safetensorsFile(c.header, 0, 0, 0, 0)
		file, err := readTensors(bytes.NewReader(data), int64(len(data)))
		if err == nil {
			_, _, err = file.read("a")
		}
		if err == nil || !strings.Contains(err.Error(), c.says) || !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v, want %q", c.header, err, c.says)
		}
	}
	for _, data := range [][]byte{nil, {1, 2}, binary.LittleEndian.AppendUint64(nil, math.MaxUint64), binary.LittleEndian.AppendUint64(nil, 50)} {
		if _, err := readTensors(bytes.NewReader(data), int64(len(data))); !errors.Is(err, ErrDamaged) {
			t.Errorf("%v: %v", data, err)
		}
	}
}

func FuzzTensors(f *testing.F) {
	data, err := os.ReadFile(filepath.Join("..", "testdata", "image-models", "clip-beside", weightsName))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(safetensorsFile(`{"logit_scale":{"dtype":"F16","shape":[],"data_offsets":[0,2]}}`, 1, 2))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := readTensors(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		for name := range file.header {
			file.read(name)
		}
	})
}

// TestProjectionIsPartOfTheVersion: weights that labels depend on are digested, and the scale is the model's own.
func TestProjectionIsPartOfTheVersion(t *testing.T) {
	m, err := Open(filepath.Join("..", "testdata", "image-models", "clip-beside"))
	if err != nil {
		t.Fatal(err)
	}
	if !m.Manifest.Projection || math.Abs(m.Manifest.LogitScale-math.Exp(3.1)) > 1e-4 {
		t.Errorf("projection %v, scale %g", m.Manifest.Projection, m.Manifest.LogitScale)
	}
	if !slices.ContainsFunc(m.Manifest.Files, func(f File) bool { return f.Path == weightsName && f.SHA256 != "" }) {
		t.Error("model.safetensors is not among the files of the version")
	}
	weights, rows, cols, err := m.Projection(Text)
	if err != nil || len(weights) != rows*cols || rows != 24 || cols != 32 {
		t.Errorf("projection of %d x %d with %d values, %v", rows, cols, len(weights), err)
	}
}
