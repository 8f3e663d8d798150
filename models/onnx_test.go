package models

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// value builds a ValueInfoProto: float32 with the given number of dimensions.
func value(name string, elem, rank int) string {
	shape := ""
	for range rank {
		shape += msg(1, msg(2, "n"))
	}
	return msg(1, name, 2, msg(1, msg(1, elem, 2, shape)))
}

// encoderGraph builds an ONNX model with one output, an attention mask, and fields that nobody here knows.
func encoderGraph(output string, elem, rank, opset int, tensors ...string) string {
	graph := msg(1, msg(1, "input_ids", 2, output, 4, "Identity"), 2, "g", 11, value("input_ids", 7, 2), 11, value("attention_mask", 7, 2),
		12, value(output, elem, rank), 13, value("inside", 1, 2))
	for _, tensor := range tensors {
		graph += msg(5, tensor)
	}
	return msg(1, 8, 2, "maker", 7, graph, 8, msg(1, "", 2, opset), 14, msg(1, "key", 2, "value"), 99, "unknown")
}

var twoLabels = Head{Labels: []string{"a", "b"}, Weights: []float32{1, 2, 3, 4, 5, 6}, Bias: []float32{-1, 1}}

func TestAppendHead(t *testing.T) {
	mean := Manifest{Task: FeatureExtraction, Pooling: "mean", Normalize: true}
	for name, c := range map[string]struct {
		model string
		m     Manifest
		ops   []string
	}{
		"mean":     {encoderGraph("last_hidden_state", 1, 3, 17), mean, []string{"Cast", "MatMul", "Max", "Div", "Sqrt", "Gemm"}},
		"cls":      {encoderGraph("last_hidden_state", 1, 3, 11), Manifest{Task: FeatureExtraction, Pooling: "cls"}, []string{"Gather", "Gemm"}},
		"max":      {encoderGraph("token_embeddings", 1, 3, 17), Manifest{Task: FeatureExtraction, Pooling: "max"}, []string{"ReduceMax", "axes"}},
		"max, 18":  {encoderGraph("output_0", 1, 3, 18), Manifest{Task: FeatureExtraction, Pooling: "max"}, []string{"ReduceMax", "labelloop_head_tokens"}},
		"last":     {encoderGraph("last_hidden_state", 1, 3, 17), Manifest{Task: FeatureExtraction, Pooling: "lasttoken"}, []string{"ArgMax", "GatherND"}},
		"pooled":   {encoderGraph("sentence_embedding", 1, 2, 17), Manifest{Task: FeatureExtraction}, []string{"Reshape", "Gemm"}},
		"pictures": {encoderGraph("pooler_output", 1, 4, 17), Manifest{Task: ImageFeatureExtraction}, []string{"Reshape", "Gemm"}},
		"weights":  {encoderGraph("last_hidden_state", 1, 3, 17, external("w", "0", "10")), mean, []string{"Gemm"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if name == "pictures" {
				c.model = strings.ReplaceAll(c.model, "input_ids", "pixel_ids")
			}
			if err := appendHead(&out, strings.NewReader(c.model), int64(len(c.model)), &c.m, twoLabels, nil); err != nil {
				t.Fatal(err)
			}
			got := out.String()
			for _, op := range c.ops {
				if !strings.Contains(got, op) {
					t.Errorf("there is no %s in the graph", op)
				}
			}
			for _, kept := range []string{"maker", "inside", msg(8, msg(1, "", 2, 17))[:2], msg(14, msg(1, "key", 2, "value")), msg(99, "unknown")} {
				if !strings.Contains(got, kept) {
					t.Errorf("%q is lost", kept)
				}
			}
			g, err := readGraph(strings.NewReader(got), int64(len(got)))
			if err != nil {
				t.Fatal(err)
			}
			before, _ := readGraph(strings.NewReader(c.model), int64(len(c.model)))
			if !slices.Equal(g.outputs, []string{"logits"}) || len(g.external) != len(before.external) {
				t.Errorf("outputs %v, outside %v", g.outputs, g.external)
			}
			weights, bias, err := readHead(strings.NewReader(got), int64(len(got)))
			if err != nil || !slices.Equal(weights, twoLabels.Weights) || !slices.Equal(bias, twoLabels.Bias) {
				t.Errorf("head read back: %v %v %v", weights, bias, err)
			}
		})
	}
}

func TestAppendHeadRefuses(t *testing.T) {
	mean := Manifest{Task: FeatureExtraction, Pooling: "mean"}
	nan := twoLabels
	nan.Bias = []float32{0, float32(math.NaN())}
	for want, c := range map[string]struct {
		model string
		m     Manifest
		h     Head
	}{
		"has a head already":       {encoderGraph("logits", 1, 3, 17), mean, twoLabels},
		"opset 9":                  {encoderGraph("last_hidden_state", 1, 3, 9), mean, twoLabels},
		"element type 10":          {encoderGraph("last_hidden_state", 10, 3, 17), mean, twoLabels},
		"no output":                {encoderGraph("scores", 1, 3, 17), mean, twoLabels},
		"text beside each picture": {encoderGraph("image_embeds", 1, 2, 17), Manifest{Task: ZeroShotImage}, twoLabels},
		`pooling "mode" is`:        {encoderGraph("last_hidden_state", 1, 3, 17), Manifest{Task: FeatureExtraction, Pooling: "mode"}, twoLabels},
		"is NaN":                   {encoderGraph("last_hidden_state", 1, 3, 17), mean, nan},
		"2 labels with 5 weights":  {encoderGraph("last_hidden_state", 1, 3, 17), mean, Head{twoLabels.Labels, twoLabels.Weights[:5], twoLabels.Bias}},
		"truncated or damaged":     {encoderGraph("last_hidden_state", 1, 3, 17)[:60], mean, twoLabels},
		"2 graphs":                 {encoderGraph("last_hidden_state", 1, 3, 17) + msg(7, ""), mean, twoLabels},
	} {
		err := appendHead(&bytes.Buffer{}, strings.NewReader(c.model), int64(len(c.model)), &c.m, c.h, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v", want, err)
		}
	}
}

func TestAddHead(t *testing.T) {
	weights := "0123456789abcdefghijklmn"
	home := encoder.with(files{
		"model.onnx": "-", "onnx/model.onnx": encoderGraph("last_hidden_state", 1, 3, 17, external("model.onnx_data", "8", "16")),
		"onnx/model.onnx_data": weights, "LICENSE": "free", "sentence_bert_config.json": `{"max_seq_length":64}`,
	}).write(t, "tiny")
	from, err := Open(home)
	if err != nil {
		t.Fatal(err)
	}
	r := Registry{Dirs: []string{filepath.Join(t.TempDir(), "models")}}
	training := Training{
		Examples: []Example{{Labels: []string{"a"}}}, Calibration: &Calibration{Temperature: 2, FittedOn: "folds"},
		Metrics: map[string]float64{"accuracy": 0.5}, Tools: map[string]string{"labelloop": "test"}, Config: map[string]any{"seed": 1},
	}
	m, err := r.AddHead(context.Background(), "mine", from, "auto", twoLabels, training)
	if err != nil {
		t.Fatal(err)
	}
	man := m.Manifest
	if man.Task != TextClassification || !slices.Equal(man.Labels, twoLabels.Labels) || man.MaxLength != 64 || man.Calibration.Temperature != 2 ||
		man.Parent != from.String() || man.Encoder != from.String() || man.Architecture != "BertForSequenceClassification" || man.MultiLabel {
		t.Errorf("manifest is %+v", man)
	}
	if err := m.Verify(); err != nil {
		t.Error(err)
	}
	if examples, err := m.Training(); err != nil || len(examples) != 1 {
		t.Errorf("training set read back: %v %v", examples, err)
	}
	if data, err := os.ReadFile(filepath.Join(m.Dir, "onnx", "model.onnx_data")); err != nil || string(data) != weights {
		t.Errorf("weights are %q, %v", data, err)
	}
	if h, err := m.Head(); err != nil || !slices.Equal(h.Weights, twoLabels.Weights) {
		t.Errorf("head read back: %v %v", h, err)
	}
	again, err := r.AddHead(context.Background(), "mine", from, "auto", twoLabels, training)
	if err != nil || again.String() != m.String() {
		t.Errorf("the same head once more is %v, %v; want %v", again, err, m)
	}
	if _, err := r.Promoted("mine"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a candidate is in use: %v", err)
	}
	if _, err := from.Head(); !errors.Is(err, ErrNotFound) {
		t.Errorf("an encoder's head: %v", err)
	}
}

func TestAddHeadLeavesNothingHalf(t *testing.T) {
	from, err := Open(encoder.with(files{"model.onnx": encoderGraph("last_hidden_state", 1, 3, 17)}).write(t, "tiny"))
	if err != nil {
		t.Fatal(err)
	}
	r := Registry{Dirs: []string{filepath.Join(t.TempDir(), "models")}}
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.AddHead(stopped, "mine", from, "auto", twoLabels, Training{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled run ends with %v", err)
	}
	if list, err := r.List(); err != nil || len(list) != 0 {
		t.Errorf("the registry holds %v, %v", list, err)
	}
	if left, _ := filepath.Glob(filepath.Join(r.Dirs[0], "*", "*")); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
}

func FuzzAppendHead(f *testing.F) {
	for _, seed := range []string{
		encoderGraph("last_hidden_state", 1, 3, 17), encoderGraph("pooler_output", 1, 2, 11, external("w", "0", "1")), onnx("logits"), "",
	} {
		f.Add([]byte(seed), "mean")
	}
	f.Fuzz(func(t *testing.T, model []byte, pooling string) {
		var out bytes.Buffer
		m := Manifest{Task: FeatureExtraction, Pooling: pooling, Normalize: true}
		if appendHead(&out, bytes.NewReader(model), int64(len(model)), &m, twoLabels, nil) != nil {
			return
		}
		if _, err := readGraph(bytes.NewReader(out.Bytes()), int64(out.Len())); err != nil {
			t.Fatalf("what was written can't be read: %v", err)
		}
		if weights, _, err := readHead(bytes.NewReader(out.Bytes()), int64(out.Len())); err != nil || !slices.Equal(weights, twoLabels.Weights) {
			t.Fatalf("the head read back is %v, %v", weights, err)
		}
	})
}
