package ort

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/labelloop/labelloop/inference"
)

// TestFusedAttention compares graphs of every kind with and without the fusion, on rows without padding.
func TestFusedAttention(t *testing.T) {
	const text, image = "../../testdata/models/", "../../testdata/image-models/"
	for path, layers := range map[string]int{
		text + "bert-single/model.onnx":                             2,
		text + "bert-embed-mean/model.onnx":                         2,
		text + "roberta-single/model.onnx":                          2,
		text + "distilbert-multi/model.onnx":                        2, // hides padding by Where
		text + "xlmr-embed-mean/onnx/model.onnx":                    2,
		text + "deberta-nli/model.onnx":                             0, // adds relative positions to the scores
		image + "vit/model.onnx":                                    2,
		image + "clip-two/onnx/vision_model.onnx":                   2,
		image + "clip-two/onnx/text_model.onnx":                     0, // sees what stands before a token alone
		image + "clip/onnx/model.onnx":                              2, // of four: the picture side's
		image + "siglip-two/onnx/text_model.onnx":                   2,
		image + "siglip-two/onnx/vision_model.onnx":                 2,
		image + "resnet/model.onnx":                                 0,
		minilm():                                                    6,
		filepath.Join(models(), "minilm-clinc150", "model.onnx"):    6,
		filepath.Join(models(), "conse-lite0", "text_model.onnx"):   6,
		filepath.Join(models(), "conse-lite0", "vision_model.onnx"): 0,
	} {
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		g, err := readGraph(file)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		found := 0
		for _, n := range g.nodes {
			if _, ok := g.attention(n); ok {
				found++
			}
		}
		if found != layers {
			t.Errorf("%s: %d attentions are fused, want %d", path, found, layers)
		}
		s := open(t, path)
		if got := s.replicas[0].fused; got != (layers > 0) {
			t.Errorf("%s: fused is %t", path, got)
			continue
		}
		for _, shape := range [][2]int{{1, 1}, {3, 5}, {2, 60}} {
			in := random(s, shape[0], shape[1])
			got, err := s.Run(t.Context(), in)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			plain, err := s.openMasked()
			if err != nil {
				t.Fatal(err)
			}
			want, err := s.runOn(t.Context(), plain, in)
			if err != nil {
				t.Fatal(err)
			}
			for name := range want {
				if d := difference(got[name], want[name]); d > 2e-5 {
					t.Errorf("%s: %d rows of %d: %s differs by %g", path, shape[0], shape[1], name, d)
				}
			}
		}
	}
}

// TestPaddingIsMasked has rows of two lengths in a batch.
func TestPaddingIsMasked(t *testing.T) {
	s := open(t, minilm())
	alone := random(s, 1, 9)
	want, err := s.Run(t.Context(), alone)
	if err != nil {
		t.Fatal(err)
	}
	beside := random(s, 2, 20)
	for name, tensor := range alone {
		padding := make([]int64, 11)
		copy(beside[name].Int64, append(slices.Clone(tensor.Int64), padding...))
	}
	got, err := s.Run(t.Context(), beside)
	if err != nil {
		t.Fatal(err)
	}
	for name, w := range want {
		g := inference.Tensor{Float32: got[name].Float32[:len(w.Float32)]}
		if d := difference(g, w); d > 1e-5 {
			t.Errorf("%s of a padded row differs by %g from the row alone", name, d)
		}
	}
}

func models() string { return filepath.Join(os.Getenv("LABELLOOP_DEPS"), "models") }

func minilm() string { return filepath.Join(models(), "minilm", "model.onnx") }

// random fills every input of a graph: token ids, ones for the mask, values of pixels.
func random(s *Session, rows, width int) map[string]inference.Tensor {
	draw := rand.New(rand.NewPCG(1, uint64(width)))
	in := map[string]inference.Tensor{}
	ports, _ := s.Signature()
	for _, p := range ports {
		if p.Name == "pixel_values" {
			shape := slices.Clone(p.Shape)
			shape[0] = int64(rows)
			values := make([]float32, shape[0]*shape[1]*shape[2]*shape[3])
			for i := range values {
				values[i] = float32(draw.NormFloat64())
			}
			in[p.Name] = inference.Tensor{Shape: shape, Float32: values}
			continue
		}
		values := make([]int64, rows*width)
		for i := range values {
			switch p.Name {
			case "input_ids":
				values[i] = 5 + draw.Int64N(90)
			case maskInput:
				values[i] = 1
			}
		}
		in[p.Name] = inference.Tensor{Shape: []int64{int64(rows), int64(width)}, Int64: values}
	}
	return in
}

func difference(a, b inference.Tensor) float64 {
	if len(a.Float32) != len(b.Float32) {
		return math.Inf(1)
	}
	most := 0.0
	for i := range a.Float32 {
		most = max(most, math.Abs(float64(a.Float32[i]-b.Float32[i])))
	}
	return most
}

// FuzzFuseAttention: whatever a file holds, reading it ends, and what is made of it can be read.
func FuzzFuseAttention(f *testing.F) {
	for _, name := range []string{"models/bert-single/model.onnx", "models/distilbert-multi/model.onnx", "image-models/vit/model.onnx"} {
		file, err := os.ReadFile(filepath.Join("..", "..", "testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		file = light(f, file)
		g := readFile(f, file)
		f.Add(file)
		f.Add(file[:g.nodes[len(g.nodes)/2].to])
		f.Add(g.rewrite([]edit{{g.to, g.to, initializerField("heavy", 1, []int64{heavyTensor}, make([]byte, heavyTensor))}}))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, masked := range []bool{false, true} {
			g, err := readGraph(file)
			if err != nil {
				return
			}
			if edits := append(g.leaveWeights("model.onnx"), g.fuseAttention(masked)...); edits != nil {
				if again, err := readGraph(g.rewrite(edits)); err != nil || len(again.nodes) > len(g.nodes) {
					t.Errorf("what is made can't be read: %v", err)
				}
			}
		}
	})
}

// BenchmarkAttention runs MiniLM on batches of some 400 tokens, of texts of one length, with and without the fusion.
func BenchmarkAttention(b *testing.B) {
	s := open(b, minilm())
	plain, err := s.openMasked()
	if err != nil {
		b.Fatal(err)
	}
	for _, width := range []int{12, 50, 128, 400} {
		rows := max(1, 384/width)
		in := random(s, rows, width)
		for name, r := range map[string]*replica{"fused": s.replicas[0], "masked": plain} {
			b.Run(fmt.Sprintf("%s/%d", name, width), func(b *testing.B) {
				for b.Loop() {
					if _, err := s.runOn(b.Context(), r, in); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N*rows*width)/b.Elapsed().Seconds(), "tokens/s")
			})
		}
	}
}
