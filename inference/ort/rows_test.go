package ort

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/labelloop/labelloop/inference"
)

// cutKinds gives the kinds of the operations that are given the first token alone of what others read whole.
func cutKinds(t *testing.T, path string) string {
	t.Helper()
	g, err := firstTokenAlone(fused(t, path, false), false)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	cut := readFile(t, g)
	for _, n := range cut.nodes {
		if slices.ContainsFunc(n.inputs, func(name string) bool { return strings.HasSuffix(name, firstSuffix) && name != firstSuffix }) {
			kinds = append(kinds, n.kind)
		}
	}
	slices.Sort(kinds)
	return strings.Join(kinds, " ")
}

// fused gives a file's graph with fused attention, its masks left in or out.
func fused(t testing.TB, path string, masked bool) []byte {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g := readFile(t, file)
	return g.rewrite(g.fuseAttention(masked))
}

// TestFirstTokenAlone compares graphs of every kind with and without the cut.
func TestFirstTokenAlone(t *testing.T) {
	const text, image, layer = "../../testdata/models/", "../../testdata/image-models/", "Add MatMul" // the residual and the query
	for path, kinds := range map[string]string{
		text + "bert-single/model.onnx":              layer,
		text + "bert-binary/model.onnx":              layer,
		text + "bert-nli/model.onnx":                 layer,
		text + "roberta-single/model.onnx":           layer,
		text + "distilbert-multi/model.onnx":         layer,
		text + "bert-embed-cls/model.onnx":           "", // gives all tokens
		text + "xlmr-embed-mean/onnx/model.onnx":     "",
		text + "deberta-nli/model.onnx":              "", // its attention isn't fused
		image + "vit/model.onnx":                     layer,
		image + "clip/onnx/model.onnx":               layer, // the picture side's
		image + "clip-two/onnx/vision_model.onnx":    layer,
		image + "clip-two/onnx/text_model.onnx":      "", // takes the last token
		image + "clip-beside/onnx/vision_model.onnx": layer,
		image + "siglip/onnx/model.onnx":             "",
		image + "siglip-two/onnx/text_model.onnx":    "", // takes the last token
		image + "siglip-two/onnx/vision_model.onnx":  "", // its head asks all tokens
		image + "resnet/model.onnx":                  "",
		image + "convnext/model.onnx":                "",
		minilm():                                     "",
		minilmFirst(t):                               layer,
	} {
		if got := cutKinds(t, path); got != kinds {
			t.Errorf("%s: cut for %q, want %q", path, got, kinds)
		}
		if kinds != "" {
			sameAsInFile(t, path, 1e-5)
		}
	}
}

// sameAsInFile compares the outputs of a graph as it is loaded with those of its file's, and the rows of batches with rows alone, which
// are the same to the last bit.
func sameAsInFile(t *testing.T, path string, most float64) {
	t.Helper()
	s := open(t, path)
	plain, err := s.openMasked()
	if err != nil {
		t.Fatal(err)
	}
	if !s.replicas[0].fused {
		t.Errorf("%s: the runtime did not take what was made of the graph", path)
	}
	for _, width := range []int{1, 7, 50} {
		for _, rows := range []int{1, 2, 5, 13} {
			in := random(s, rows, width)
			got, err := s.runOn(t.Context(), s.replicas[0], in)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			want, err := s.runOn(t.Context(), plain, in)
			if err != nil {
				t.Fatal(err)
			}
			for name := range want {
				if d := difference(got[name], want[name]); d > most {
					t.Errorf("%s: %d rows of %d: %s differs by %g", path, rows, width, name, d)
				}
			}
			if _, both := in["input_ids"]; both && len(got) > 1 {
				continue // a dual encoder's products are of all texts with all pictures
			}
			for i := range rows {
				alone, err := s.runOn(t.Context(), s.replicas[0], row(in, rows, i))
				if err != nil {
					t.Fatal(err)
				}
				for name, values := range alone {
					if beside := row(got, rows, i)[name]; !slices.Equal(values.Float32, beside.Float32) {
						t.Errorf("%s: row %d of %d, of %d tokens, has other bits than alone", path, i, rows, width)
					}
				}
			}
		}
	}
}

// TestFirstTokenOfOutputs compares the first tokens of hidden states that may hold no other with those of all.
func TestFirstTokenOfOutputs(t *testing.T) {
	const path = "../../testdata/models/bert-embed-cls/model.onnx"
	s, err := Open(path, Options{Device: CPU, Threads: 1, FirstToken: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	in := random(s, 3, 7)
	got, err := s.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	want, err := open(t, path).Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	const name = "last_hidden_state"
	width := got[name].Shape[2]
	if !slices.Equal(got[name].Shape, []int64{3, 1, width}) || !slices.Equal(want[name].Shape, []int64{3, 7, width}) {
		t.Fatalf("the shapes are %v and %v", got[name].Shape, want[name].Shape)
	}
	for i := range 3 {
		first := inference.Tensor{Float32: want[name].Float32[i*7*int(width):][:width]}
		if d := difference(row(got, 3, i)[name], first); d > 1e-5 {
			t.Errorf("row %d differs by %g", i, d)
		}
	}
}

// row gives one of the rows of every tensor.
func row(all map[string]inference.Tensor, rows, i int) map[string]inference.Tensor {
	one := map[string]inference.Tensor{}
	for name, all := range all {
		size := len(all.Float32) / rows
		tensor := inference.Tensor{Shape: slices.Clone(all.Shape), Float32: all.Float32[i*size : (i+1)*size]}
		size = len(all.Int64) / rows
		tensor.Int64 = all.Int64[i*size : (i+1)*size]
		tensor.Shape[0] = 1
		one[name] = tensor
	}
	return one
}

// minilmFirst writes MiniLM as a graph that gives the first token of the last layer alone.
func minilmFirst(t testing.TB) string {
	t.Helper()
	file, err := os.ReadFile(minilm())
	if err != nil {
		t.Fatal(err)
	}
	g := readFile(t, file)
	var edits []edit
	fields(file[g.from:g.to], func(number protowire.Number, _ uint64, _ []byte, from, to int) error {
		if number == 12 { // output
			edits = append(edits, edit{g.from + from, g.from + to, slices.Concat(
				nodeField("Gather", "", []string{g.outputs[0].Name, "zero"}, "first", intAttribute("axis", 1)),
				initializerField("zero", 7, nil, make([]byte, 8)), port(12, "first"))})
		}
		return nil
	})
	folder := t.TempDir()
	data, err := os.ReadFile(minilm() + "_data")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "model.onnx_data"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return write(t, filepath.Join(folder, "model.onnx"), g.rewrite(edits))
}

// TestWhatIsCut puts operations between the last layer and what takes its first token.
func TestWhatIsCut(t *testing.T) {
	path := "../../testdata/models/bert-single/model.onnx"
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g := readFile(t, file)
	take := g.nodes[slices.IndexFunc(g.nodes, g.takesFirst)]
	last := take.inputs[0]
	op := func(line string, attributes ...[]byte) []byte { // output = kind inputs
		words := strings.Fields(line)
		for i, word := range words {
			if word == "last" {
				words[i] = last
			}
		}
		return nodeField(words[2], "", words[3:], words[0], attributes...)
	}
	const width = 32
	axis := func(at int64) []byte { return intAttribute("axis", at) }
	constants := slices.Concat(
		initializerField("vector", 1, []int64{width}, floats(width)),
		initializerField("number", 1, nil, floats(1)),
		initializerField("table", 1, []int64{7, width}, floats(7*width)),
		initializerField("matrix", 1, []int64{width, width}, floats(width*width)),
		initializerField("bytes", 3, []int64{width, width}, make([]byte, width*width)),
		initializerField("tokens", 1, []int64{7, 7}, floats(7*7)),
		initializerField("seven", 1, []int64{7}, floats(7)),
		initializerField("third", 7, []int64{1}, []byte{2, 0, 0, 0, 0, 0, 0, 0}))
	for name, c := range map[string]struct {
		between []byte // reads last, gives x
		also    []byte
		cut     bool
	}{
		"a vector added":     {op("x = Add last vector"), nil, true},
		"off a number":       {op("x = Sub number last"), nil, true},
		"doubled":            {op("x = Add last last"), nil, true},
		"a power":            {op("x = Pow last number"), nil, true},
		"normalised":         {op("x = LayerNormalization last vector vector", axis(2)), nil, true},
		"its mean taken off": {slices.Concat(op("m = ReduceMean last", intsAttribute("axes", -1)), op("x = Sub last m")), nil, true},
		"multiplied":         {op("x = MatMul last matrix"), nil, true},
		"multiplied by int8": {slices.Concat(op("w = DequantizeLinear bytes vector", axis(0)), op("x = MatMul last w")), nil, true},
		"quantized":          {slices.Concat(op("q = QuantizeLinear last number"), op("x = DequantizeLinear q number")), nil, true},
		"quantized by channel": {
			slices.Concat(op("q = QuantizeLinear last vector", axis(-1)), op("x = DequantizeLinear q vector", axis(2))), nil, true,
		},
		"of a told shape":      {op("x = Relu last"), slices.Concat(port(13, "x", 2, 7, width), port(13, last, 2, 7, width)), true},
		"an output":            {op("x = Relu last"), port(12, last), false},
		"an output on the way": {op("x = Relu last"), port(12, "x"), false},
		"read by others":       {op("x = Relu last"), slices.Concat(op("most = ReduceMax last"), port(12, "most")), false},
		"read for its shape": {
			op("x = Relu last"), slices.Concat(op("s = Shape last"), op("size = Cast s", intAttribute("to", 1)), port(12, "size")), false,
		},
		"read by a graph within": {op("x = Relu last"), branch(last), false},
		"a table added":          {op("x = Add last table"), nil, false},
		"a copied table added":   {slices.Concat(op("same = Identity table"), op("x = Add last same")), nil, false},
		"a sparse table added":   {slices.Concat(sparse("table2"), op("x = Add last table2")), nil, false},
		"multiplied on the left": {op("x = MatMul tokens last"), nil, false},
		"the mask added": {
			slices.Concat(op("ones = Cast "+maskInput, intAttribute("to", 1)),
				op("one = ReduceMax ones", intAttribute("keepdims", 0)), op("x = Add last one")), nil, false,
		},
		"normalised over tokens": {op("x = LayerNormalization last table table", axis(1)), nil, false},
		"quantized by token":     {slices.Concat(op("q = QuantizeLinear last seven"), op("x = DequantizeLinear q seven")), nil, false},
		"a mean over tokens":     {op("x = ReduceMean last", intsAttribute("axes", 1)), nil, false},
		"weights over tokens":    {op("x = Softmax last", axis(1)), nil, false},
		"a mean of fewer axes": {
			slices.Concat(op("m = ReduceMean last", intsAttribute("axes", 2), intAttribute("keepdims", 0)),
				op("deep = Unsqueeze m third"), op("x = Sub last deep")), nil, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			take.inputs[0] = "x"
			edits := []edit{{take.from, take.to, slices.Concat(c.between, take.field(file))}, {g.to, g.to, slices.Concat(constants, c.also)}}
			path := write(t, filepath.Join(t.TempDir(), "model.onnx"), g.rewrite(edits))
			if got := cutKinds(t, path) != ""; got != c.cut {
				t.Errorf("cut is %t", got)
			}
			s := open(t, path)
			plain, err := s.openMasked()
			if err != nil {
				t.Fatal(err)
			}
			if !s.replicas[0].fused {
				t.Error("the runtime did not take what was made of the graph")
			}
			in := random(s, 2, 7)
			want, err := s.runOn(t.Context(), plain, in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.runOn(t.Context(), s.replicas[0], in)
			if err != nil {
				t.Fatal(err)
			}
			for name := range want {
				if d := difference(got[name], want[name]); d > 1e-5 {
					t.Errorf("%s differs by %g", name, d)
				}
			}
		})
	}
}

// FuzzFirstTokenAlone: whatever a file holds, cutting ends, writing attention anew does, and what is made of it can be read.
func FuzzFirstTokenAlone(f *testing.F) {
	for _, name := range []string{"models/bert-single/model.onnx", "image-models/vit/model.onnx"} {
		for _, masked := range []bool{false, true} {
			f.Add(light(f, fused(f, filepath.Join("..", "..", "testdata", name), masked)))
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if _, err := readGraph(file); err != nil {
			return
		}
		made, err := firstTokenAlone(file, true)
		if err == nil {
			made, err = plainAttention(made)
		}
		if err == nil {
			_, err = readGraph(made)
		}
		if err != nil {
			t.Errorf("what is made can't be read: %v", err)
		}
	})
}

// BenchmarkFirstTokenAlone runs MiniLM on texts of one length, with fused attention, and with the last layer cut, too.
func BenchmarkFirstTokenAlone(b *testing.B) {
	path := minilmFirst(b)
	s := open(b, path)
	whole := open(b, write(b, filepath.Join(filepath.Dir(path), "fused.onnx"), fused(b, path, false))) // has no attention to fuse any more
	for _, width := range []int{12, 50, 128, 400} {
		rows := max(1, 384/width)
		in := random(s, rows, width)
		for name, s := range map[string]*Session{"cut": s, "whole": whole} {
			b.Run(fmt.Sprintf("%s/%d", name, width), func(b *testing.B) {
				for b.Loop() {
					if _, err := s.Run(b.Context(), in); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N*rows*width)/b.Elapsed().Seconds(), "tokens/s")
			})
		}
	}
}
