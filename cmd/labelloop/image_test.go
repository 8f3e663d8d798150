package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/models"
)

const imageFixtures = "../../testdata/image-models"

// dualTolerance is for logits of dual encoders, which are cosines times a scale.
const dualTolerance = 1e-3

// imageGolden is what transformers said; scripts/image_models.py writes it.
type imageGolden struct {
	Pictures []string
	Labels   []string
	Runs     []struct {
		Templates []string
		Logits    [][]float64
	}
	Logits [][]float64
}

func readImageGolden(t *testing.T, name string) (g imageGolden, items []label.Item) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(imageFixtures, name, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Pictures) < 5 {
		t.Fatalf("golden of %s holds %d pictures", name, len(g.Pictures))
	}
	for _, picture := range g.Pictures {
		path := filepath.Join("../../testdata/pixels", picture)
		items = append(items, label.Item{Image: path, Load: func() ([]byte, error) { return os.ReadFile(path) }})
	}
	return g, items
}

func TestDualEncodersEqualTransformers(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for _, name := range []string{"clip", "clip-two", "clip-beside", "siglip", "siglip-two"} {
		t.Run(name, func(t *testing.T) {
			g, items := readImageGolden(t, name)
			for _, run := range g.Runs {
				for range 2 { // the second time out of the cache
					e := openEngine(t, modelFlags{model: filepath.Join(imageFixtures, name), task: taskImageZeroShot, labels: g.Labels, templates: run.Templates})
					task := e.task.(*inference.Similarity)
					for i, v := range vectors(t, e, items) {
						logits, err := task.Logits([][]float32{v})
						if d := furthest(logits, run.Logits[i]); err != nil || d > dualTolerance {
							t.Errorf("%s, %d templates: logits differ by %g, %v", g.Pictures[i], len(run.Templates), d, err)
						}
					}
				}
			}
		})
	}
}

// TestLabelsAreEmbeddedExactly asks for int8 where the picture side alone has it.
func TestLabelsAreEmbeddedExactly(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := filepath.Join(t.TempDir(), "clip")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(imageFixtures, "clip-two"))); err != nil {
		t.Fatal(err)
	}
	vision := filepath.Join(dir, "onnx", "vision_model.onnx")
	if err := os.Rename(vision, strings.TrimSuffix(vision, ".onnx")+"_int8.onnx"); err != nil {
		t.Fatal(err)
	}
	output := filepath.Join(t.TempDir(), "labels.jsonl")
	_, errs, code := run(t, "label", "--model", dir, "--labels", "cat,dog", "--precision", "int8", "--output", output, "../../testdata/images/cat-1.jpg")
	if code != exitDone {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

func TestImageClassifiersEqualTransformers(t *testing.T) {
	for _, name := range []string{"vit", "resnet", "convnext"} {
		t.Run(name, func(t *testing.T) {
			g, items := readImageGolden(t, name)
			e := openEngine(t, modelFlags{model: filepath.Join(imageFixtures, name)})
			for i, v := range vectors(t, e, items) {
				if d := furthest(v, g.Logits[i]); d > tolerance {
					t.Errorf("%s: logits differ by %g", g.Pictures[i], d)
				}
			}
			if labels := e.model.Manifest.Labels; !slices.Equal(labels, []string{"cat", "dog", "crane (2)", "boat", "crane (4)"}) {
				t.Errorf("labels are %v", labels)
			}
		})
	}
}

// TestPicturesLabelledAloneOrTogether holds that a picture's label does not depend on its batch.
func TestPicturesLabelledAloneOrTogether(t *testing.T) {
	_, items := readImageGolden(t, "clip-two")
	e := openEngine(t, modelFlags{model: filepath.Join(imageFixtures, "clip-two"), task: taskImageEmbed})
	alone := vectors(t, e, items)
	for i, r := range inference.Label(t.Context(), e.session, e.task, items, len(items)) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		want := make([]float64, len(alone[i]))
		for j, x := range e.task.(*inference.ImageEmbedding).Vector(alone[i : i+1]) {
			want[j] = float64(x)
		}
		if d := furthest(r.Prediction.Embedding, want); d > tolerance {
			t.Errorf("picture %d: differs by %g in a batch", i, d)
		}
	}
}

// TestPhotographs labels the photographs of the demo by the default model: 80 % of their labels have to be as known.
func TestPhotographs(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	table := "../../testdata/images/labels.csv"
	data, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, row := range strings.Split(strings.TrimSpace(string(data)), "\n")[1:] {
		if _, name, _ := strings.Cut(strings.TrimSpace(row), ","); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	output := filepath.Join(t.TempDir(), "out.jsonl")
	stdout, stderr, code := run(t, "label", "--model", "conse-lite0", "--task", "image-zero-shot", "--labels", strings.Join(names, ","),
		"--explain", "--json", "--output", output, table)
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var s summary
	if err := json.Unmarshal([]byte(stdout), &s); err != nil {
		t.Fatal(err)
	}
	if s.Items < 30 || *s.Accuracy < 0.8 {
		t.Errorf("%d photographs, %.1f %% as known: want 30, 80 %%", s.Items, 100**s.Accuracy)
	}
	record, err := os.ReadFile(output)
	if err != nil || !strings.Contains(string(record), `"explanation":{"`) || !strings.Contains(string(record), `"image":"../../testdata/images/`) {
		t.Errorf("records have no explanation or no image: %.300s", record)
	}
}

// TestOtherJPEGDecoderGivesNearlyTheSame embeds photographs where libjpeg-turbo is, and where it is missing.
func TestOtherJPEGDecoderGivesNearlyTheSame(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/images/*.jpg")
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d photographs, %v", len(paths), err)
	}
	deps := t.TempDir()
	if err := os.Mkdir(filepath.Join(deps, "lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, home := range homes() {
		for _, name := range []string{"models", "lib/libonnxruntime.so"} {
			if from, err := filepath.Abs(filepath.Join(home, name)); err == nil {
				os.Symlink(from, filepath.Join(deps, name))
			}
		}
	}
	embed := func(home string) [][]float64 {
		cmd := program(append([]string{"label", "--model", "conse-lite0", "--task", taskImageEmbed}, paths...)...)
		if home != "" {
			cmd.Env = append(cmd.Env, "LABELLOOP_DEPS="+home)
		}
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		var all [][]float64
		for line := range strings.Lines(string(out)) {
			var record struct{ Embedding []float64 }
			if err := json.Unmarshal([]byte(line), &record); err != nil {
				t.Fatal(err)
			}
			all = append(all, record.Embedding)
		}
		return all
	}
	turbo, other := embed(""), embed(deps)
	if len(turbo) != len(paths) || len(other) != len(paths) || slices.Equal(turbo[0], other[0]) {
		t.Fatalf("%d and %d embeddings, and the same decoder: %t", len(turbo), len(other), slices.Equal(turbo[0], other[0]))
	}
	for i, v := range turbo {
		cosine := 0.0
		for j, x := range v { // both have length 1
			cosine += x * other[i][j]
		}
		if cosine < 0.999 {
			t.Errorf("%s: cosine %.5f", paths[i], cosine)
		}
	}
}

func TestPicturesThatFailBecomeErrorRecords(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	good, err := os.ReadFile("../../testdata/pixels/001.png")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"a.png": good, "b.png": good[:len(good)/2], "c.jpg": []byte("text"), "d.gif": nil} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	output := filepath.Join(dir, "out.csv")
	_, stderr, code := run(t, "label", "--model", filepath.Join(imageFixtures, "vit"), "--output", output, dir)
	data, _ := os.ReadFile(output)
	if code != exitItems || strings.Count(string(data), "\n") != 5 || !strings.HasPrefix(string(data), "id,image,label") {
		t.Errorf("exit code %d: %s\n%s", code, stderr, data)
	}
	for _, want := range []string{"b.png: decode PNG", "c.jpg: the file begins with", "d.gif: the file is empty"} {
		if !strings.Contains(string(data), want) {
			t.Errorf("no record says %q:\n%s", want, data)
		}
	}
}

func TestImageTasksAreExplained(t *testing.T) {
	picture := "../../testdata/pixels/001.png"
	clip, vit := filepath.Join(imageFixtures, "clip-two"), filepath.Join(imageFixtures, "vit")
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--model", clip, picture}, "--labels"},
		{[]string{"--model", clip, "--labels", "a,b", "--explain", picture}, "conse-lite0"},
		{[]string{"--model", vit, "--labels", "catt", picture}, `did you mean "cat"`},
		{[]string{"--model", vit, "--task", "image-zero-shot", "--labels", "a", picture}, models.ImageClassification},
		{[]string{"--model", vit, "--max-pixels", "0", picture}, "--max-pixels"},
		{[]string{"--model", vit, t.TempDir()}, "holds no picture"},
		{[]string{"--model", "minilm-clinc150", picture}, "image model"},
	} {
		if _, stderr, code := run(t, append([]string{"label"}, c.args...)...); code == exitDone || !strings.Contains(stderr, c.says) {
			t.Errorf("%v: exit code %d, %s", c.args, code, stderr)
		}
	}
}
