package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/internal/sqlite"
	"github.com/labelloop/labelloop/models"
	"github.com/labelloop/labelloop/models/gate"
)

// outcomes gives what a verdict's checks found, by their names, and that all of them are there.
func outcomes(t *testing.T, v *gate.Verdict) map[string]gate.Outcome {
	t.Helper()
	if v == nil {
		t.Fatal("nothing was judged")
	}
	found := map[string]gate.Outcome{}
	for _, c := range v.Checks {
		if found[c.Name] = c.Outcome; c.Says == "" {
			t.Errorf("%s: %s, and does not say why", c.Name, c.Outcome)
		}
	}
	for _, name := range []string{"accuracy", "macro-F1", "recall of each label", "log loss", "calibration error", "label set", "label order",
		"tokenizer", "leakage", "export", "speed"} {
		if found[name] == "" {
			t.Errorf("the verdict lacks a row for %s", name)
		}
	}
	return found
}

// numberOf gives a number of a verdict's row.
func numberOf(v *gate.Verdict, row, number string) float64 {
	return v.Checks[slices.IndexFunc(v.Checks, func(c gate.Check) bool { return c.Name == row })].Numbers[number]
}

// kinds are what the photographs of testdata/images are sorted into, under letters: no zero-shot model can guess what they mean.
var kinds = map[string]string{
	"bee": "A", "butterfly": "A", "cat": "A", "chameleon": "A", "dog": "A", "fish": "A", "horse": "A", "owl": "A", "parrot": "A",
	"bridge": "B", "castle": "B", "temple": "B", "tower": "B", "windmill": "B",
	"ball": "C", "car": "C", "clock": "C", "cup": "C", "fruit": "C", "hammer": "C", "rocket": "C",
}

// TestPicturesAreJudged trains a head on a few photographs: it is promoted before what a zero-shot model said of them, and
// one with exchanged labels is refused.
func TestPicturesAreJudged(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	var parts [2][][]string // pool and evaluation set
	for i, row := range strings.Split(strings.TrimSpace(read(t, "../../testdata/images/labels.csv")), "\n")[1:] {
		path, name, _ := strings.Cut(strings.TrimSpace(row), ",")
		if kind := kinds[name]; kind != "" {
			parts[i%2] = append(parts[i%2], []string{path, kind})
		}
	}
	dir := t.TempDir()
	header, root := []string{"path", "label"}, "../../testdata/images"
	must(t, "init", dir, "--task", "image-classification", "--labels", "A,B,C")
	must(t, "import", "--project", dir, "--image-root", root, writeCSV(t, header, parts[0]))
	must(t, "import", "--project", dir, "--image-root", root, "--split", "eval", writeCSV(t, header, parts[1]))
	must(t, "predict", "--project", dir, "--model", "conse-lite0")
	o := trained(t, dir)
	found := outcomes(t, o.Verdict)
	if o.Training.Labels != 3 || o.Verdict.Set.Items < len(parts[1]) || !strings.HasPrefix(o.Verdict.Reference, "conse-lite0@") {
		t.Errorf("trained on %s; judged on %d items beside %s", o.Training, o.Verdict.Set.Items, o.Verdict.Reference)
	}
	if !o.Promoted || found["accuracy"] != gate.Better || found["tokenizer"] != gate.Fine || found["leakage"] != gate.Fine || found["export"] != gate.Fine || numberOf(o.Verdict, "accuracy", "after") < 0.8 {
		t.Errorf("promoted %v: %s; %v", o.Promoted, o.Verdict.Sentence, found)
	}
	for _, c := range o.Verdict.Changed {
		if !strings.Contains(c.Text, ".") || len(c.Truth) != 1 {
			t.Errorf("a picture that changed is told of as %+v", c)
		}
	}
	// A model of the same pictures with the labels exchanged has the tokenizer, the speed and the label set of the good one.
	other := exchanged(t, dir, o.Model)
	out, _, code := run(t, "models", "promote", other, "--project", dir)
	if code != exitFailed || !strings.Contains(out, "may not take the place") || !strings.Contains(out, "label order") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

// exchanged adds a model whose labels stand for one another to a project, and gives its name.
func exchanged(t *testing.T, dir, name string) string {
	t.Helper()
	good, err := ownModels(dir).Find(name)
	if err != nil {
		t.Fatal(err)
	}
	h, err := good.Head()
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := registry().Find(good.Manifest.Encoder)
	if err != nil {
		t.Fatal(err)
	}
	h.Labels = rotated(h.Labels)
	m, err := ownModels(dir).AddHead(t.Context(), "model", encoder, "auto", h, models.Training{MultiLabel: good.Manifest.MultiLabel})
	if err != nil {
		t.Fatal(err)
	}
	return m.String()
}

// doubled gives texts of one or two queries, with the labels of both, as lines of JSON.
func doubled(t *testing.T, rows [][]string) string {
	t.Helper()
	var b strings.Builder
	for i, row := range rows {
		text, labels := row[0], []string{row[1]}
		if other := rows[(i+len(rows)/2+i%7)%len(rows)]; i%3 > 0 && row[1] != other[1] {
			text, labels = text+". "+other[0], append(labels, other[1])
		}
		line, err := json.Marshal(map[string]any{"text": text, "label": labels})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n", line)
	}
	return b.String()
}

// TestSeveralLabelsAreJudged goes round the loop in a project whose items have several labels: nothing can label them before
// the first model, which is judged beside the most frequent labels; the next one beside it, label by label.
func TestSeveralLabelsAreJudged(t *testing.T) {
	dir := t.TempDir()
	must(t, "init", dir, "--multi-label", "--labels", strings.Join(someIntents, ","))
	must(t, "import", "--project", dir, "--no-labels", write(t, "pool.jsonl", doubled(t, intentRows(t, "train.csv", 20))))
	must(t, "import", "--project", dir, "--split", "eval", write(t, "eval.jsonl", doubled(t, intentRows(t, "test.csv", 12))))
	must(t, "loop", "--project", dir, "--model", "minilm", "--budget", "12", "--batch", "12", "--oracle", asideColumn)
	must(t, "loop", "--project", dir, "--budget", "60", "--batch", "48", "--oracle", asideColumn)
	s, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	verdicts, err := recorded[gate.Verdict](t.Context(), s, verdictEvent)
	if err != nil || len(verdicts) != 2 {
		t.Fatalf("%d verdicts are on record, %v", len(verdicts), err)
	}
	first, second := &verdicts[0], &verdicts[1]
	if found := outcomes(t, first); !first.Promote || found["accuracy"] != gate.Better || !strings.Contains(first.Reference, "most frequent labels") {
		t.Errorf("the first verdict: %s; %v", first.Sentence, found)
	}
	found := outcomes(t, second)
	if !second.Promote || second.Reference != first.Candidate || found["accuracy"] != gate.Better || found["leakage"] != gate.Fine || found["export"] != gate.Fine ||
		second.Set.Items <= first.Set.Items || numberOf(second, "macro-F1", "after") < 0.8 {
		t.Errorf("the second verdict: %s; %v", second.Sentence, found)
	}
	if o := trained(t, dir); o.Verdict != nil || !o.Promoted || o.Model != second.Candidate {
		t.Errorf("trained again on the same labels: %+v", o)
	}
	out, _, code := run(t, "models", "promote", exchanged(t, dir, second.Candidate), "--project", dir)
	if code != exitFailed || !strings.Contains(out, "may not take the place") || !strings.Contains(out, "recall of each label") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}
