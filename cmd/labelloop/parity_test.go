package main

import (
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/inference/pixel"
	"github.com/labelloop/labelloop/internal/label"
)

// tolerance is the largest difference to transformers that counts as equal.
const tolerance = 1e-4

const fixtures = "../../testdata/models"

// golden is what transformers and sentence-transformers said; scripts/make_testdata.py writes it.
type golden struct {
	Texts    []string
	Logits   [][]float64
	Pipeline [][]scored
	Pairs    []struct {
		Text     string
		TextPair string `json:"text_pair"`
		Logits   []float64
		Pipeline []scored
	}
	MaxLength int `json:"max_length"`
	Stride    int
	Windows   []struct {
		Text      string
		Mean, Max []float64
	}
	Embeddings [][]float64
	ZeroShot   struct {
		Texts []string
		Runs  []zeroShotRun
	} `json:"zero_shot"`
}

type scored struct {
	Label string
	Score float64
}

type zeroShotRun struct {
	Template   string   `json:"hypothesis_template"`
	MultiLabel bool     `json:"multi_label"`
	Labels     []string `json:"candidate_labels"`
	Results    [][]scored
}

func readGolden(t *testing.T, dir string) golden {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func openEngine(t testing.TB, f modelFlags) *engine {
	t.Helper()
	f.device, f.precision, f.threads = "cpu", "auto", 2
	if f.task == "" {
		f.task = taskAuto
	}
	if f.long == "" {
		f.long = string(inference.LongTruncate)
	}
	f.maxPixels = pixel.DefaultMaxPixels
	model, err := f.find()
	if err != nil {
		t.Fatal(err)
	}
	e, err := f.open(t.Context(), model, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func texts(of []string) []label.Item {
	items := make([]label.Item, len(of))
	for i, text := range of {
		items[i] = label.Item{Text: text}
	}
	return items
}

// vectors runs the items through the engine's task as far as the graph's own numbers: one vector per row.
func vectors(t *testing.T, e *engine, items []label.Item) [][]float32 {
	t.Helper()
	var out [][]float32
	for i, enc := range e.task.Encode(t.Context(), items) {
		if enc.Err != nil {
			t.Fatalf("item %d: %v", i, enc.Err)
		}
		v, err := e.task.Run(t.Context(), e.session, enc.Rows)
		if err != nil {
			t.Fatalf("item %d: %v", i, err)
		}
		out = append(out, v...)
	}
	return out
}

func furthest(a []float32, b []float64) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	most := 0.0
	for i := range a {
		most = max(most, math.Abs(float64(a[i])-b[i]))
	}
	return most
}

// checkScores compares a prediction with a pipeline's answer, label by label.
func checkScores(t *testing.T, where string, got label.Prediction, want []scored) {
	t.Helper()
	if len(got.Scores) != len(want) {
		t.Fatalf("%s: %d scores, want %d", where, len(got.Scores), len(want))
	}
	for _, w := range want {
		at := slices.IndexFunc(got.Scores, func(s label.Score) bool { return s.Label == w.Label })
		if at < 0 || math.Abs(got.Scores[at].Prob-w.Score) > tolerance {
			t.Errorf("%s: scores %v, want %s %g", where, got.Scores, w.Label, w.Score)
		}
	}
}

func TestClassificationEqualsTransformers(t *testing.T) {
	for _, name := range []string{"bert-single", "bert-binary", "distilbert-multi", "roberta-single", "bert-nli", "deberta-nli"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(fixtures, name)
			g := readGolden(t, dir)
			e := openEngine(t, modelFlags{model: dir, task: taskClassify})
			for i, v := range vectors(t, e, texts(g.Texts)) {
				if d := furthest(v, g.Logits[i]); d > tolerance {
					t.Errorf("text %d %.40q: logits differ by %g", i, g.Texts[i], d)
				}
			}
			for i, r := range inference.Label(t.Context(), e.session, e.task, texts(g.Texts), 500) {
				if r.Err != nil {
					t.Fatalf("text %d: %v", i, r.Err)
				}
				checkScores(t, g.Texts[i], r.Prediction, g.Pipeline[i])
			}
			for _, pair := range g.Pairs {
				item := []label.Item{{Text: pair.Text, Pair: pair.TextPair}}
				if d := furthest(vectors(t, e, item)[0], pair.Logits); d > tolerance {
					t.Errorf("pair %q, %q: logits differ by %g", pair.Text, pair.TextPair, d)
				}
			}
		})
	}
}

func TestLongTextsEqualTransformersWindows(t *testing.T) {
	dir := filepath.Join(fixtures, "bert-single")
	g := readGolden(t, dir)
	if len(g.Windows) == 0 {
		t.Fatal("golden holds no windows")
	}
	for _, long := range []inference.Long{inference.LongWindowMean, inference.LongWindowMax} {
		e := openEngine(t, modelFlags{model: dir, long: string(long), maxLength: g.MaxLength, stride: g.Stride})
		task := e.task.(*inference.Classification)
		for _, w := range g.Windows {
			want := w.Mean
			if long == inference.LongWindowMax {
				want = w.Max
			}
			got, err := task.Decode(nil, vectors(t, e, texts([]string{w.Text})))
			if err != nil {
				t.Fatal(err)
			}
			checkScores(t, string(long), got, softmaxOf(task.Labels, want))
		}
	}
}

func softmaxOf(labels []string, logits []float64) []scored {
	sum := 0.0
	for _, x := range logits {
		sum += math.Exp(x)
	}
	out := make([]scored, len(labels))
	for i, name := range labels {
		out[i] = scored{name, math.Exp(logits[i]) / sum}
	}
	return out
}

func TestZeroShotEqualsTransformers(t *testing.T) {
	for _, name := range []string{"bert-nli", "deberta-nli"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(fixtures, name)
			g := readGolden(t, dir)
			if len(g.ZeroShot.Runs) == 0 {
				t.Fatal("golden holds no zero-shot runs")
			}
			for _, run := range g.ZeroShot.Runs {
				e := openEngine(t, modelFlags{model: dir, task: taskZeroShot, labels: run.Labels,
					templates: []string{run.Template}, multiLabel: run.MultiLabel})
				for i, r := range inference.Label(t.Context(), e.session, e.task, texts(g.ZeroShot.Texts), 700) {
					if r.Err != nil {
						t.Fatalf("text %d: %v", i, r.Err)
					}
					checkScores(t, g.ZeroShot.Texts[i], r.Prediction, run.Results[i])
				}
			}
		})
	}
}

func TestEmbeddingsEqualSentenceTransformers(t *testing.T) {
	for _, name := range []string{"bert-embed-mean", "bert-embed-cls", "xlmr-embed-mean"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(fixtures, name)
			g := readGolden(t, dir)
			e := openEngine(t, modelFlags{model: dir})
			for i, r := range inference.Label(t.Context(), e.session, e.task, texts(g.Texts), 500) {
				if r.Err != nil {
					t.Fatal(r.Err)
				}
				if d := furthest(r.Prediction.Embedding, g.Embeddings[i]); d > tolerance {
					t.Errorf("text %d %.40q: embedding differs by %g", i, g.Texts[i], d)
				}
			}
		})
	}
}

// The goldens of the default models are written by scripts/check_minilm.py.
type defaultGolden struct {
	Texts      []string
	IDs        [][]int64
	Embeddings [][]float64
	Logits     [][]float64
}

func readDefaultGolden(t *testing.T, name string, texts int) defaultGolden {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../testdata", name, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var g defaultGolden
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Texts) < texts {
		t.Fatalf("golden of %s holds %d texts", name, len(g.Texts))
	}
	return g
}

func TestMiniLMEqualsSentenceTransformers(t *testing.T) {
	g := readDefaultGolden(t, "minilm", 60)
	e := openEngine(t, modelFlags{model: "minilm"})
	for i, enc := range e.task.Encode(t.Context(), texts(g.Texts)) {
		if enc.Err != nil || !slices.Equal(enc.Rows[0].Tokens.IDs, g.IDs[i]) {
			t.Errorf("text %d: %v, or other token ids", i, enc.Err)
		}
	}
	for i, r := range inference.Label(t.Context(), e.session, e.task, texts(g.Texts), 500) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		if d := furthest(r.Prediction.Embedding, g.Embeddings[i]); d > tolerance {
			t.Errorf("text %d: embedding differs by %g", i, d)
		}
	}
}

func TestClinc150EqualsPyTorch(t *testing.T) {
	g := readDefaultGolden(t, "minilm-clinc150", 20)
	for i, v := range vectors(t, openEngine(t, modelFlags{model: "minilm-clinc150"}), texts(g.Texts)) {
		if d := furthest(v, g.Logits[i]); d > tolerance {
			t.Errorf("text %d: logits differ by %g", i, d)
		}
	}
}
