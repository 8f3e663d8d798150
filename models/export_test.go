package models

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// What the exporters themselves write, in testdata/models: the facts that the goldens there depend on.
func TestRealExports(t *testing.T) {
	cases := []struct {
		name, task     string
		labels, length int
		multi          bool
		entailment     int
		contradiction  int
		pooling        string
		normalize      bool
		output         string
	}{
		{"bert-single", TextClassification, 5, 128, false, -1, -1, "", false, "logits"},
		{"bert-binary", TextClassification, 1, 128, true, -1, -1, "", false, "logits"},
		{"distilbert-multi", TextClassification, 6, 128, true, -1, -1, "", false, "logits"},
		{"roberta-single", TextClassification, 3, 128, false, -1, -1, "", false, "logits"},
		{"bert-nli", ZeroShotClassification, 3, 128, false, 0, 2, "", false, "logits"},
		{"deberta-nli", ZeroShotClassification, 3, 128, false, 2, 0, "", false, "logits"},
		{"bert-embed-mean", FeatureExtraction, 0, 96, false, -1, -1, "mean", true, "last_hidden_state"},
		{"bert-embed-cls", FeatureExtraction, 0, 128, false, -1, -1, "cls", false, "last_hidden_state"},
		{"xlmr-embed-mean", FeatureExtraction, 0, 128, false, -1, -1, "mean", true, "last_hidden_state"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join("..", "testdata", "models", c.name)
			m, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			got := m.Manifest
			if got.Name != c.name || got.Task != c.task || len(got.Labels) != c.labels || got.MaxLength != c.length || got.MultiLabel != c.multi ||
				got.Entailment != c.entailment || got.Contradiction != c.contradiction || got.Pooling != c.pooling ||
				got.Normalize != c.normalize || !slices.Equal(got.Outputs, []string{c.output}) {
				t.Errorf("manifest is %+v, want %+v", got, c)
			}
			if _, precision, err := m.Graph("", "auto"); err != nil || precision != "fp32" {
				t.Errorf("graph: %s, %v", precision, err)
			}
			in, err := Registry{Dirs: []string{t.TempDir()}}.Import(t.Context(), dir, "")
			if err != nil {
				t.Fatal(err)
			}
			if in.String() != m.String() || in.Verify() != nil {
				t.Errorf("imported as %s, was %s; verify: %v", in, m, in.Verify())
			}
		})
	}
}

// The default models, where `make deps` puts them.
func TestDefaults(t *testing.T) {
	deps := os.Getenv("LABELLOOP_DEPS")
	if deps == "" {
		t.Fatal("LABELLOOP_DEPS is not set: run `make test`, which builds the default models first")
	}
	r := Registry{Dirs: []string{filepath.Join(deps, "models")}}
	encoder, err := r.Find("minilm")
	if err != nil {
		t.Fatal(err)
	}
	if m := encoder.Manifest; m.Task != FeatureExtraction || m.Pooling != "mean" || !m.Normalize || m.MaxLength != 256 || m.VocabSize != 30522 {
		t.Errorf("minilm is %+v", m)
	}
	classifier, err := r.Find("minilm-clinc150")
	if err != nil {
		t.Fatal(err)
	}
	m := classifier.Manifest
	if m.Task != TextClassification || len(m.Labels) != 150 || m.Calibration == nil || len(m.Metrics) == 0 || m.TrainingSet == "" {
		t.Errorf("minilm-clinc150 is %+v", m)
	}
	weights := slices.ContainsFunc(m.Files, func(f File) bool { return f.Role == RoleWeights && f.Size > 80<<20 })
	licence := slices.ContainsFunc(m.Files, func(f File) bool { return f.Role == RoleDocument && f.Path == "LICENSE" })
	if !weights || !licence {
		t.Errorf("weights or licence are no part of minilm-clinc150: %+v", m.Files)
	}
}
