package main

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
	"github.com/labelloop/labelloop/models"
)

// someIntents are the labels of the projects that tests train in.
var someIntents = []string{"weather", "translate", "book_flight", "pay_bill", "recipe"}

// intentRows reads queries of someIntents, n of each, from a file of CLINC150.
func intentRows(t *testing.T, file string, n int) (rows [][]string) {
	t.Helper()
	count := map[string]int{}
	for _, row := range clincRows(t, file) {
		if slices.Contains(someIntents, row[1]) && count[row[1]] < n {
			count[row[1]]++
			rows = append(rows, row)
		}
	}
	return rows
}

// newTraining makes a project with an evaluation set and a pool, of which every step-th item is labelled, and the known
// labels of the others are set aside.
func newTraining(t *testing.T, step int) string {
	t.Helper()
	pool, eval := intentRows(t, "train.csv", 20), intentRows(t, "test.csv", 12)
	var answered, fresh [][]string
	for i, row := range pool {
		if step > 0 && i%step == 0 {
			answered = append(answered, row)
		} else {
			fresh = append(fresh, row)
		}
	}
	dir := filepath.Join(t.TempDir(), "project")
	header := []string{"text", "label"}
	must(t, "init", dir, "--labels", strings.Join(someIntents, ","))
	if answered != nil {
		for _, row := range eval[:4] { // nearly evaluation items; some may be held out
			answered = append(answered, []string{strings.ToUpper(row[0]) + "!", row[1]})
		}
		must(t, "import", "--project", dir, writeCSV(t, header, answered))
	}
	must(t, "import", "--project", dir, "--no-labels", writeCSV(t, header, fresh))
	must(t, "import", "--project", dir, "--split", "eval", writeCSV(t, header, eval))
	return dir
}

func trained(t *testing.T, dir string, flags ...string) (o outcome) {
	t.Helper()
	if err := json.Unmarshal([]byte(must(t, append([]string{"train", "--project", dir, "--json"}, flags...)...)), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestTrain(t *testing.T) {
	dir := newTraining(t, 3)
	must(t, "predict", "--project", dir, "--model", "minilm")
	o := trained(t, dir)
	if o.Training.Near < 1 || o.Training.Held == 0 || o.Training.Labels != len(someIntents) {
		t.Errorf("training set is %+v", o.Training)
	}
	if o.Verdict == nil || o.Fit.Difference > 1e-5 {
		t.Fatalf("outcome is %+v", o)
	}
	if !o.Promoted {
		must(t, "models", "promote", o.Model, "--project", dir, "--force", "--reason", "a test")
	}
	if again := trained(t, dir, "--method", "auto"); again.Model != o.Model {
		t.Errorf("trained again on the same labels it is %s, not %s", again.Model, o.Model)
	}
	if got := must(t, "models", "list", "--project", dir); !strings.Contains(got, o.Model+" *") {
		t.Errorf("models are\n%s", got)
	}
	// What the head said of the kept embeddings is what the file says of the texts.
	must(t, "predict", "--project", dir)
	m, err := ownModels(dir).Find(o.Model)
	if err != nil {
		t.Fatal(err)
	}
	classify, err := newLinear(m)
	if err != nil {
		t.Fatal(err)
	}
	texts := intentRows(t, "test.csv", 3)
	rows := make([][]string, len(texts))
	for i, row := range texts {
		rows[i] = row[:1]
	}
	file := writeCSV(t, []string{"text"}, rows)
	var labels, points []struct {
		Label     string
		Score     float64 `json:"confidence"`
		Embedding []float32
	}
	labelled(t, &labels, "--model", m.Dir, file)
	labelled(t, &points, "--model", "minilm", "--task", "feature-extraction", file)
	for i := range labels {
		x := classify.Weights // of the shape that Probs wants
		x.Rows, x.Data = 1, points[i].Embedding
		probs := classify.Probs(x).Data
		top := slices.Max(probs)
		if m.Manifest.Labels[slices.Index(probs, top)] != labels[i].Label || float64(top)-labels[i].Score > 1e-5 || labels[i].Score-float64(top) > 1e-5 {
			t.Errorf("text %d: the file says %v, the head %v", i, labels[i], top)
		}
	}
}

// labelled gives what the verb label writes.
func labelled[T any](t *testing.T, into *[]T, args ...string) {
	t.Helper()
	output := filepath.Join(t.TempDir(), "out.jsonl")
	must(t, append([]string{"label", "--output", output}, args...)...)
	text := read(t, output)
	for line := range strings.Lines(text) {
		var value T
		if err := json.Unmarshal([]byte(line), &value); err != nil {
			t.Fatal(err)
		}
		*into = append(*into, value)
	}
}

func TestTrainRefuses(t *testing.T) {
	dir := newTraining(t, 0)
	for want, flags := range map[string][]string{
		"no labelled item":     nil,
		"a head needs an enco": {"--model", "minilm-clinc150"},
		"--method guess":       {"--method", "guess"},
		"conse-lite0":          {"--model", "conse-lite0"},
	} {
		_, stderr, code := run(t, append([]string{"train", "--project", dir}, flags...)...)
		if code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit code %d, %s", flags, code, stderr)
		}
	}
}

func TestLoop(t *testing.T) {
	dir := newTraining(t, 0)
	loop := func(budget string) (out struct {
		Rounds []loopRound
		End    string
	}) {
		text := must(t, "loop", "--project", dir, "--model", "minilm", "--budget", budget, "--batch", "15", "--target", "1", "--oracle", asideColumn, "--json")
		if err := json.Unmarshal([]byte(text), &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	first := loop("30")
	if first.End != "budget spent" || len(first.Rounds) < 2 || first.Rounds[len(first.Rounds)-1].Labels < 30 {
		t.Fatalf("the loop ends with %+v", first)
	}
	if again := loop("30"); len(again.Rounds) != len(first.Rounds) {
		t.Errorf("the same loop again has %d rounds, not %d", len(again.Rounds), len(first.Rounds))
	}
	if more := loop("45"); len(more.Rounds) <= len(first.Rounds) || more.Rounds[len(more.Rounds)-1].InUse < 0.8 {
		t.Errorf("with a larger budget: %+v", more)
	}
	_, stderr, code := run(t, "loop", "--project", dir, "--budget", "60", "--batch", "5")
	if code != exitDone || !strings.Contains(stderr, "wait for people") {
		t.Errorf("without an oracle: exit code %d, %s", code, stderr)
	}
}

// TestKilledTrainGoesOn kills train at random moments: what is listed is whole, the model in use loads, and in the end there
// is the same model as if nothing had happened.
func TestKilledTrainGoesOn(t *testing.T) {
	whole := newTraining(t, 3)
	must(t, "predict", "--project", whole, "--model", "minilm")
	cut := filepath.Join(t.TempDir(), "cut")
	if err := os.CopyFS(cut, os.DirFS(whole)); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	want := trained(t, whole)
	took := time.Since(begin)
	s, err := sqlite.Open(t.Context(), cut)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	inUse := ""
	for range *kills {
		cmd := program("train", "--project", cut)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(took))))
		cmd.Process.Kill()
		cmd.Wait()
		list, err := ownModels(cut).List()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			if problems, err := models.Verify(m.Dir); err != nil || len(problems) > 0 {
				t.Fatalf("%s is listed: %v %v", m, problems, err)
			}
		}
		now, err := promoted(t.Context(), s)
		switch {
		case err == nil:
			inUse = now.String()
		case !errors.Is(err, label.ErrNotFound) || inUse != "":
			t.Fatalf("%s was in use, and now: %v", inUse, err)
		}
	}
	if got := trained(t, cut); got.Model != want.Model || got.Promoted != want.Promoted {
		t.Errorf("in the end %s, promoted %v; undisturbed %s, %v", got.Model, got.Promoted, want.Model, want.Promoted)
	}
}
