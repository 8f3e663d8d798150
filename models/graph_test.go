package models

import (
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
)

// counted counts the bytes that are read.
type counted struct {
	io.ReaderAt
	n int
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.n += n
	return n, err
}

func TestReadGraph(t *testing.T) {
	nested := func(tensor string) string { // an If node's branch, and a model-local function
		branch := msg(1, msg(4, "Constant", 5, msg(1, "value", 5, tensor)))
		return msg(1, 8, 7, msg(1, msg(4, "If", 5, msg(1, "then_branch", 6, branch)), 12, msg(1, "y")), 8, msg(2, 17), 25, msg(7, msg(4, "Constant", 5, msg(5, external("f", "0", "1")))))
	}
	cases := []struct {
		name, model string
		outputs     []string
		external    map[string]int64
	}{
		{"plain", onnx("logits"), []string{"logits"}, map[string]int64{}},
		{"two tensors of one file", onnx("y", external("w", "0", "10"), external("./w", "10", "5")), []string{"y"}, map[string]int64{"w": 15}},
		{"data kept inside", onnx("y", msg(1, 4, 9, "data", 13, msg(1, "location", 2, "../stale"), 14, 0)), []string{"y"}, map[string]int64{}},
		{"below subgraphs and functions", nested(external("sub/w", "1", "2")), []string{"y"}, map[string]int64{"sub/w": 3, "f": 1}},
		{"sparse", msg(7, msg(12, msg(1, "y"), 15, msg(1, external("s", "0", "7"))), 8, ""), []string{"y"}, map[string]int64{"s": 7}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g, err := readGraph(strings.NewReader(c.model), int64(len(c.model)))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(g.outputs, c.outputs) || !maps.Equal(g.external, c.external) {
				t.Errorf("got %v, want %v and %v", g, c.outputs, c.external)
			}
		})
	}
}

func TestReadGraphSeesEveryCut(t *testing.T) {
	model := onnx("logits", msg(9, strings.Repeat("w", 300)), external("w", "0", "10"))
	for n := range len(model) {
		if _, err := readGraph(strings.NewReader(model[:n]), int64(n)); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut to %d of %d bytes: %v", n, len(model), err)
		}
	}
}

func TestReadGraphSeeksOverWeights(t *testing.T) {
	model := onnx("logits", msg(9, strings.Repeat("w", 50<<20)))
	r := &counted{ReaderAt: strings.NewReader(model)}
	if _, err := readGraph(r, int64(len(model))); err != nil {
		t.Fatal(err)
	}
	if r.n > 64<<10 {
		t.Errorf("read %d bytes of a graph with 50 MB of weights", r.n)
	}
}

func TestReadGraphIsBounded(t *testing.T) {
	deep := "x"
	for range 300 {
		deep = msg(1, msg(5, msg(6, deep)))
	}
	many := strings.Repeat(msg(12, msg(1, "y")), maxOutputs+1)
	for name, model := range map[string]string{
		"nesting":      msg(7, deep, 8, ""),
		"outputs":      msg(7, many, 8, ""),
		"long names":   msg(7, msg(12, msg(1, strings.Repeat("y", maxName+1))), 8, ""),
		"huge length":  "\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"huge varint":  "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"group":        "\x0b\x0c",
		"64 bits cut":  onnx("y") + "\x09\x01",
		"32 bits cut":  onnx("y") + "\x0d\x01",
		"field zero":   "\x00\x00",
		"other format": "\x80\x02}q\x00X\x05\x00\x00\x00state",
	} {
		if _, err := readGraph(strings.NewReader(model), int64(len(model))); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", name, err)
		}
	}
}

func FuzzGraph(f *testing.F) {
	f.Add([]byte(onnx("logits")))
	f.Add([]byte(onnx("y", external("w", "0", "10"), msg(9, "data"))))
	f.Add([]byte(onnx("y", external("../w", "0", "10"))))
	f.Add([]byte("version https://git-lfs.github.com/spec/v1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := readGraph(strings.NewReader(string(data)), int64(len(data)))
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrUnsafe) {
				t.Errorf("error of no kind: %v", err)
			}
			return
		}
		for location, size := range g.external {
			if localPath(location) != nil || size < 0 {
				t.Errorf("weights at %q, %d bytes", location, size)
			}
		}
	})
}
