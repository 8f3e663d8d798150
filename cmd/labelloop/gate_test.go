package main

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
	"github.com/labelloop/labelloop/models"
	"github.com/labelloop/labelloop/models/gate"
)

// contest is a project of real queries of a few intents, one of them rare among the evaluation items, and what takes to make
// candidates for it.
type contest struct {
	dir     string
	store   *sqlite.Store
	encoder *models.Model
	labels  []string
	set     *trainingSet
	vectors map[int64][]float32
}

const (
	intents    = 8
	trainItems = 12 // of each intent
	evalItems  = 18
	rareItems  = 6
)

func newContest(t *testing.T) *contest {
	t.Helper()
	c := &contest{dir: filepath.Join(t.TempDir(), "p"), vectors: map[int64][]float32{}}
	pool, eval := c.queries(t)
	must(t, "init", c.dir, "--labels", strings.Join(c.labels, ","))
	must(t, "import", "--project", c.dir, "--annotator", "ann", writeCSV(t, []string{"text", "label"}, pool))
	must(t, "import", "--project", c.dir, "--annotator", "ann", "--split", "eval", writeCSV(t, []string{"text", "label"}, eval))
	must(t, "predict", "--project", c.dir, "--model", "minilm", "--task", "feature-extraction")
	var err error
	if c.store, err = sqlite.Open(t.Context(), c.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.store.Close() })
	if c.encoder, err = registry().Find("minilm"); err != nil {
		t.Fatal(err)
	}
	if c.set, err = newTrainingSet(t.Context(), c.store); err != nil {
		t.Fatal(err)
	}
	e, err := mostUsedEncoder(t.Context(), c.store)
	if err != nil {
		t.Fatal(err)
	}
	have, vectors, err := c.store.Embedded(t.Context(), e, c.all(t))
	if err != nil {
		t.Fatal(err)
	}
	for i, item := range have {
		c.vectors[item] = vectors[i*e.Dims : (i+1)*e.Dims]
	}
	return c
}

// queries reads the first intents of CLINC150's test queries.
func (c *contest) queries(t *testing.T) (pool, eval [][]string) {
	t.Helper()
	of := map[string][][]string{}
	for _, row := range clincRows(t, "test.csv") {
		of[row[1]] = append(of[row[1]], row)
	}
	c.labels = slices.Sorted(maps.Keys(of))[:intents]
	for k, intent := range c.labels {
		n := evalItems
		if k == 0 {
			n = rareItems
		}
		pool = append(pool, of[intent][:trainItems]...)
		eval = append(eval, of[intent][trainItems:trainItems+n]...)
	}
	return pool, eval
}

func (c *contest) all(t *testing.T) []int64 {
	t.Helper()
	var list []int64
	for r, err := range c.store.Items(t.Context(), sqlite.Filter{State: label.AnyState}) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, r.Item.Number)
	}
	return list
}

// head classifies by the nearest mean of each label's items.
func (c *contest) head(items []int64, labels []int) models.Head {
	dims := len(c.vectors[items[0]])
	h := models.Head{Labels: c.labels, Weights: make([]float32, len(c.labels)*dims), Bias: make([]float32, len(c.labels))}
	counts := make([]float32, len(c.labels))
	for _, k := range labels {
		counts[k]++
	}
	const scale = 12
	for i, item := range items {
		for d, v := range c.vectors[item] {
			h.Weights[labels[i]*dims+d] += scale * v / counts[labels[i]]
		}
	}
	return h
}

// training gives up to n items of each label of the training set.
func (c *contest) training(n int) (items []int64, labels []int) {
	taken := make([]int, len(c.labels))
	for i, item := range c.set.items {
		if k := c.set.labels[i][0]; taken[k] < n {
			taken[k]++
			items, labels = append(items, item), append(labels, k)
		}
	}
	return items, labels
}

// candidate writes a model of a head into the project.
func (c *contest) candidate(t *testing.T, h models.Head, trained []int64) *models.Model {
	t.Helper()
	digests, err := c.store.Digests(t.Context(), trained)
	if err != nil {
		t.Fatal(err)
	}
	examples := make([]models.Example, len(digests))
	for i := range digests {
		examples[i].Digest = digests[i]
	}
	m, err := ownModels(c.dir).AddHead(t.Context(), "model", c.encoder, "fp32", h, models.Training{Examples: examples})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestGate judges real exported files beside the model in use: the better one is promoted and comes back after a rollback,
// and those that something is wrong with are refused, each for its own reason.
func TestGate(t *testing.T) {
	c := newContest(t)
	few, fewLabels := c.training(1)
	items, labels := c.training(trainItems)
	weak := c.candidate(t, c.head(few, fewLabels), few)
	must(t, "models", "promote", weak.String(), "--project", c.dir)
	good := c.head(items, labels)
	for name, made := range map[string]struct {
		model *models.Model
		says  string
	}{
		"shuffled labels": {c.candidate(t, c.head(items, shuffled(labels)), items), "accuracy"},
		"label order":     {c.candidate(t, models.Head{Labels: rotated(c.labels), Weights: good.Weights, Bias: good.Bias}, items), "label order: labels seem to be exchanged"},
		"ruined label":    {c.candidate(t, without(good, 0), items), "recall of each label: by more than 10 points fell " + c.labels[0]},
		"tokenizer":       {c.spoiltTokenizer(t, good), "tokenizer: tokenizer.json is not that of minilm@"},
		"leaked":          {c.leaked(t), "leakage"},
		"label set":       {c.candidate(t, models.Head{Labels: append([]string{"other"}, c.labels[1:]...), Weights: good.Weights, Bias: good.Bias}, items), "label set: it can't give"},
	} {
		t.Run(name, func(t *testing.T) {
			out, stderr, code := run(t, "models", "promote", made.model.String(), "--project", c.dir, "--json")
			var v gate.Verdict
			if err := json.Unmarshal([]byte(out), &v); err != nil {
				t.Fatalf("%v: %s", err, stderr)
			}
			if code != exitFailed || v.Promote || !strings.Contains(v.Sentence, made.says) {
				t.Errorf("exit code %d: %s", code, v.Sentence)
			}
			if now := c.inUse(t); now != weak.String() {
				t.Errorf("%s is in use, want %s", now, weak)
			}
		})
	}
	best := c.candidate(t, good, items)
	out := must(t, "models", "promote", best.String(), "--project", c.dir)
	for _, says := range []string{"accuracy", "better", "changed for better:", "nothing speaks against it"} {
		if !strings.Contains(out, says) {
			t.Errorf("the verdict does not say %q:\n%s", says, out)
		}
	}
	if now := c.inUse(t); now != best.String() {
		t.Errorf("%s is in use, want %s", now, best)
	}
	if out := must(t, "models", "list", "--project", c.dir); !strings.Contains(out, best.String()+" *") || !strings.Contains(out, "minilm-clinc150") {
		t.Errorf("models list:\n%s", out)
	}
	if out := must(t, "models", "compare", best.String(), weak.String(), "--project", c.dir); !strings.Contains(out, "may not take the place") {
		t.Errorf("models compare:\n%s", out)
	}
	must(t, "models", "rollback", "--project", c.dir, "--reason", "customers complain")
	if now := c.inUse(t); now != weak.String() {
		t.Errorf("%s is in use after a rollback, want %s", now, weak)
	}
	if _, says, code := run(t, "models", "rollback", "--project", c.dir); code != exitFailed || !strings.Contains(says, "no model to go back to") {
		t.Errorf("second rollback: exit code %d, %s", code, says)
	}
	if _, says, code := run(t, "models", "promote", best.String(), "--project", c.dir, "--force"); code != exitUsage || !strings.Contains(says, "--reason") {
		t.Errorf("forced without a reason: exit code %d, %s", code, says)
	}
	history := must(t, "models", "history", "--project", c.dir)
	if n := strings.Count(history, "\n"); n != 3 || !strings.Contains(history, "customers complain") || !strings.Contains(history, "better than") {
		t.Errorf("history:\n%s", history)
	}
}

// inUse names the promoted model.
func (c *contest) inUse(t *testing.T) string {
	t.Helper()
	m, err := promoted(t.Context(), c.store)
	if err != nil {
		t.Fatal(err)
	}
	return m.String()
}

func shuffled(labels []int) []int {
	out := slices.Clone(labels)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func rotated(labels []string) []string { return append(slices.Clone(labels[1:]), labels[0]) }

// without never gives one of the labels.
func without(h models.Head, k int) models.Head {
	h.Bias = slices.Clone(h.Bias)
	h.Bias[k] = -100
	return h
}

// spoiltTokenizer exports a good model with a tokenizer that keeps upper case.
func (c *contest) spoiltTokenizer(t *testing.T, h models.Head) *models.Model {
	t.Helper()
	items, _ := c.training(trainItems)
	dir := filepath.Join(t.TempDir(), "model")
	if err := os.CopyFS(dir, os.DirFS(c.candidate(t, h, items).Dir)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"manifest.json", "manifest.json.sha256"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	replace(t, filepath.Join(dir, "tokenizer.json"), `"lowercase":true`, `"lowercase":false`)
	replace(t, filepath.Join(dir, "config.json"), `"labelloop": {`, `"labelloop": {"parent": "`+c.encoder.String()+`",`)
	m, err := ownModels(c.dir).Add(t.Context(), dir, "model")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func replace(t *testing.T, path, old, with string) {
	t.Helper()
	text := read(t, path)
	if !strings.Contains(text, old) {
		t.Fatalf("%s does not hold %s", path, old)
	}
	if err := os.Remove(path); err != nil { // it is read-only
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(text, old, with, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// leaked was trained on items nearly like evaluation items: their texts in upper case.
func (c *contest) leaked(t *testing.T) *models.Model {
	t.Helper()
	set, err := evaluationSet(t.Context(), c.store)
	if err != nil {
		t.Fatal(err)
	}
	records, err := c.store.Records(t.Context(), set.items[len(set.items)-5:])
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for _, r := range records {
		rows = append(rows, []string{strings.ToUpper(r.Item.Text) + "!"})
	}
	last, err := c.store.Last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	must(t, "import", "--project", c.dir, writeCSV(t, []string{"text"}, rows))
	items, labels := c.training(trainItems)
	trained := slices.Clone(items)
	for i := range rows {
		trained = append(trained, last+1+int64(i))
	}
	return c.candidate(t, c.head(items, labels), trained)
}
