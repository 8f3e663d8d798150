package ort

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/inference"
)

// plain writes what is made of a graph for OpenVINO, which is of the standard's operations alone.
func plain(t *testing.T, path string) string {
	t.Helper()
	graph, err := firstTokenAlone(fused(t, path, true), false)
	if err != nil {
		t.Fatal(err)
	}
	if graph, err = plainAttention(graph); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if data, err := os.ReadFile(path + "_data"); err == nil {
		write(t, filepath.Join(folder, "model.onnx_data"), data)
	}
	return write(t, filepath.Join(folder, "model.onnx"), graph)
}

// TestPlainAttention compares graphs with those of their files, by the CPU provider, on rows with and without padding.
func TestPlainAttention(t *testing.T) {
	const text, image = "../../testdata/models/", "../../testdata/image-models/"
	for path, want := range map[string]struct {
		layers int
		cut    bool
	}{
		text + "bert-single/model.onnx":             {2, true},
		text + "bert-nli/model.onnx":                {2, true},
		text + "roberta-single/model.onnx":          {2, true},
		text + "distilbert-multi/model.onnx":        {0, false}, // hides padding by Where
		text + "xlmr-embed-mean/onnx/model.onnx":    {2, false},
		image + "vit/model.onnx":                    {2, true},
		image + "clip-two/onnx/vision_model.onnx":   {2, true},
		image + "siglip-two/onnx/vision_model.onnx": {2, false},
		minilm():       {6, false},
		minilmFirst(t): {6, true},
		squareMask(t):  {2, true},
	} {
		made := plain(t, path)
		file, err := os.ReadFile(made)
		if err != nil {
			t.Fatal(err)
		}
		layers, cut := 0, false
		for _, n := range readFile(t, file).nodes {
			switch {
			case n.domain != "":
				t.Errorf("%s: %s is no operation of the standard", path, n.kind)
			case n.kind == "Softmax" && strings.HasSuffix(n.outputs[0], "/weights"):
				layers++
			case n.kind == "Gather" && n.inputs[1] == firstSuffix && !slices.Equal(n.ints["axis"], []int64{-2}):
				cut = true
			}
		}
		if layers != want.layers || cut != want.cut {
			t.Errorf("%s: %d attentions are written anew, want %d; the last layer is short: %t, want %t", path, layers, want.layers, cut, want.cut)
		}
		sameWithPadding(t, path, made, 1e-5)
	}
}

// squareMask writes a graph whose mask tells for each token what it sees, batch x 1 x tokens x tokens, as newer exporters have it.
func squareMask(t *testing.T) string {
	t.Helper()
	const path = "../../testdata/models/bert-single/model.onnx"
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g := readFile(t, file)
	var mask string
	for _, n := range g.nodes {
		if a, ok := g.attention(n); ok {
			mask = a.mask
		}
	}
	made := g.producers[mask].to
	edits := []edit{{made, made, slices.Concat(
		initializerField("none", 1, nil, make([]byte, 4)),
		nodeField("Transpose", "", []string{mask}, "turned", intsAttribute("perm", 0, 1, 3, 2)),
		nodeField("Mul", "", []string{"turned", "none"}, "zeros"),
		nodeField("Add", "", []string{mask, "zeros"}, "square"))}}
	for _, n := range g.nodes {
		if at := slices.Index(n.inputs, mask); at >= 0 {
			n.inputs[at] = "square"
			edits = append(edits, edit{n.from, n.to, n.field(file)})
		}
	}
	return write(t, filepath.Join(t.TempDir(), "model.onnx"), g.rewrite(edits))
}

// sameWithPadding compares the outputs of two graphs as they are in their files.
func sameWithPadding(t *testing.T, path, other string, most float64) {
	t.Helper()
	var found []map[string]inference.Tensor
	for _, path := range []string{path, other} {
		s := open(t, path)
		r, err := s.openMasked()
		if err != nil {
			t.Fatal(err)
		}
		in := random(s, 3, 20)
		for name, tensor := range in {
			if name != "pixel_values" {
				clear(tensor.Int64[20+9 : 40]) // of the second row, all after 9 tokens is padding
			}
		}
		out, err := s.runOn(t.Context(), r, in)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		found = append(found, out)
	}
	for name, tensor := range found[0] {
		if d := difference(tensor, found[1][name]); d > most {
			t.Errorf("%s: %s differs by %g", path, name, d)
		}
	}
}

// TestOpenVINOTakesPlainAttention: also with the last layer short, for rows of any number and length.
func TestOpenVINOTakesPlainAttention(t *testing.T) {
	if !withOpenVINO(t) {
		return
	}
	for _, path := range []string{
		classifier, "../../testdata/models/bert-single/model.onnx", "../../testdata/models/bert-embed-cls/model.onnx",
		"../../testdata/image-models/clip-two/onnx/vision_model.onnx", "../../testdata/image-models/vit/model.onnx",
	} {
		s := onOpenVINO(t, path, false)
		if !s.replicas[0].fused {
			t.Errorf("%s: its attention is left as in the file", path)
		}
		exact := open(t, path)
		for _, shape := range [][2]int{{1, 1}, {3, 12}, {2, 37}} {
			in := random(s, shape[0], shape[1])
			got, err := s.Run(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			want, err := exact.Run(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			for name := range want {
				if d := difference(got[name], want[name]); d > 1e-4 {
					t.Errorf("%s: %v: %s differs by %g", path, shape, name, d)
				}
			}
		}
	}
}
