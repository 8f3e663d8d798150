package main

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/internal/dataset"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/models"
)

// TestHeadOnGraphs puts a random head on encoders of all kinds, and compares the written files' logits with the head times
// the embeddings.
func TestHeadOnGraphs(t *testing.T) {
	texts := []label.Item{{Text: "a"}, {Text: "where is the nearest bank"}, {Text: strings.Repeat("long words go on and on ", 60)}}
	var pictures []label.Item
	for _, name := range []string{"ball-1.jpg", "bee-1.jpg", "car.jpg"} {
		path := filepath.Join("../../testdata/images", name)
		pictures = append(pictures, label.Item{Image: path, Load: func() ([]byte, error) { return dataset.ReadPicture(path) }})
	}
	pooled := func(mode string) string { // another pooling over the same graph
		dir := filepath.Join(t.TempDir(), "encoder")
		if err := os.CopyFS(dir, os.DirFS(filepath.Join(fixtures, "bert-embed-mean"))); err != nil {
			t.Fatal(err)
		}
		config, _ := json.Marshal(map[string]any{"pooling_mode": mode})
		if err := os.WriteFile(filepath.Join(dir, "1_Pooling", "config.json"), config, 0o644); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	image := func(name string) string { return filepath.Join("../../testdata/image-models", name) }
	for _, c := range []struct {
		name, dir string
		items     []label.Item
	}{
		{"mean", filepath.Join(fixtures, "bert-embed-mean"), texts}, {"cls", filepath.Join(fixtures, "bert-embed-cls"), texts},
		{"below onnx", filepath.Join(fixtures, "xlmr-embed-mean"), texts}, {"max", pooled("max"), texts},
		{"mean_sqrt_len", pooled("mean_sqrt_len_tokens"), texts}, {"lasttoken", pooled("lasttoken"), texts},
		{"clip, two graphs", image("clip-two"), pictures}, {"clip, projection beside", image("clip-beside"), pictures},
		{"conse", filepath.Join("../../.deps/models", "conse-lite0"), pictures},
	} {
		t.Run(c.name, func(t *testing.T) {
			encoder, err := models.Open(c.dir)
			if err != nil {
				t.Fatal(err)
			}
			task := taskEmbed
			if encoder.Manifest.ReadsImages() {
				task = taskImageEmbed
			}
			e := openEngine(t, modelFlags{model: c.dir, task: task})
			var points [][]float32
			for _, r := range inference.Label(t.Context(), e.session, e.task, c.items, 512) {
				if r.Err != nil {
					t.Fatal(r.Err)
				}
				points = append(points, r.Prediction.Embedding)
			}
			rng := rand.New(rand.NewPCG(1, 2))
			h := models.Head{Labels: []string{"a", "b", "c"}, Bias: []float32{0.5, -0.25, 0}}
			for range 3 * len(points[0]) {
				h.Weights = append(h.Weights, float32(rng.NormFloat64()))
			}
			r := models.Registry{Dirs: []string{t.TempDir()}}
			m, err := r.AddHead(t.Context(), "mine", encoder, "auto", h, models.Training{})
			if err != nil {
				t.Fatal(err)
			}
			for i, logits := range vectors(t, openEngine(t, modelFlags{model: m.Dir}), c.items) {
				for k, got := range logits {
					want := float64(h.Bias[k])
					for j, x := range points[i] {
						want += float64(x) * float64(h.Weights[k*len(points[i])+j])
					}
					if !(math.Abs(float64(got)-want) <= 1e-5*max(1, math.Abs(want))) {
						t.Errorf("item %d: logit %d is %v, want %v", i, k, got, want)
					}
				}
			}
		})
	}
}
