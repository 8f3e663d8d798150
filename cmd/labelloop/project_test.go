package main

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// must runs the program and fails the test where it does not end well.
func must(t *testing.T, args ...string) string {
	t.Helper()
	stdout, stderr, code := run(t, args...)
	if code != exitDone {
		t.Fatalf("labelloop %s: exit code %d: %s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

// clincRows reads a file of CLINC150: queries with their intents.
func clincRows(t *testing.T, name string) [][]string {
	t.Helper()
	file, err := os.Open(filepath.Join("../../testdata/clinc150", name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

// queries reads n CLINC150 test queries, evenly spread, with their intents.
func queries(t *testing.T, n int) (texts []string, gold map[string]string) {
	t.Helper()
	rows := clincRows(t, "test.csv")
	gold = map[string]string{}
	for i := range n {
		row := rows[i*len(rows)/n]
		if gold[row[0]] == "" {
			texts = append(texts, row[0])
		}
		gold[row[0]] = row[1]
	}
	return texts, gold
}

func writeCSV(t *testing.T, header []string, rows [][]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.csv")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := csv.NewWriter(file)
	if err := w.WriteAll(append([][]string{header}, rows...)); err != nil {
		t.Fatal(err)
	}
	return path
}

// newProject makes a project of CLINC150 queries that minilm-clinc150 has judged.
func newProject(t *testing.T, n int) (dir string, gold map[string]string) {
	t.Helper()
	texts, gold := queries(t, n)
	var intents []string
	for _, intent := range gold {
		intents = append(intents, intent)
	}
	slices.Sort(intents)
	var rows [][]string
	for _, text := range texts {
		rows = append(rows, []string{text})
	}
	dir = filepath.Join(t.TempDir(), "project")
	must(t, "init", dir, "--labels", strings.Join(slices.Compact(intents), ","))
	must(t, "import", "--project", dir, writeCSV(t, []string{"text"}, rows))
	must(t, "predict", "--project", dir, "--model", "minilm-clinc150")
	return dir, gold
}

// answer gives the known labels of what is in the queue, by way of a file, as a person without the page does.
func answer(t *testing.T, dir string, gold map[string]string) (answered int) {
	t.Helper()
	queue := filepath.Join(t.TempDir(), "queue.csv")
	must(t, "export", "--project", dir, "--queue", "--output", queue)
	file, err := os.Open(queue)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var answers [][]string
	for _, row := range rows[1:] {
		answers = append(answers, []string{row[0], row[1], gold[row[1]]})
	}
	must(t, "import", "--project", dir, "--annotator", "ann", writeCSV(t, []string{"id", "text", "label"}, answers))
	return len(answers)
}

func status(t *testing.T, dir string, flags ...string) (st standing) {
	t.Helper()
	out := must(t, append([]string{"status", "--project", dir, "--json", "--check"}, flags...)...)
	if err := json.Unmarshal([]byte(out), &st); err != nil {
		t.Fatal(err)
	}
	return st
}

// TestAcceptedLabelsKeepTheirBound goes the whole way with real queries and a real model: import, predict, audit, export. Of
// the labels that are accepted unseen no more than was promised are wrong, and each says what it rests on.
func TestAcceptedLabelsKeepTheirBound(t *testing.T) {
	dir, gold := newProject(t, 1500)
	must(t, "select", "--project", dir, "-n", "300", "--strategy", "audit")
	if n := answer(t, dir, gold); n != 300 {
		t.Fatalf("%d items were in the queue, want 300", n)
	}
	st := status(t, dir, "--audits", "300", "--epsilon", "0.05", "--delta", "0.05")
	a := st.Acceptance
	if a == nil || a.Audited != 300 || a.Found.Coverage < 0.5 || a.Accuracy.Estimate < 0.9 || a.Accuracy.Low >= a.Accuracy.Estimate {
		t.Fatalf("status: %+v", a)
	}
	if len(st.Queue) != 0 || st.Items[label.Pool].State[label.Labelled] != 300 {
		t.Errorf("queue %v, items %v", st.Queue, st.Items)
	}
	out := filepath.Join(t.TempDir(), "labels.jsonl")
	must(t, "export", "--project", dir, "--accepted", "--audits", "300", "--epsilon", "0.05", "--output", out)
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	accepted, wrong, people := 0, 0, 0
	for line := range strings.Lines(string(data)) {
		var r struct {
			Text, Label string
			Accepted    *provenance
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		right := gold[r.Text] == r.Label
		switch {
		case r.Accepted == nil:
			people++
			if !right {
				t.Errorf("%q: a person's label became %q", r.Text, r.Label)
			}
		case r.Accepted.Audit.Audits != 300 || r.Accepted.Audit.Bound.Epsilon != 0.05 || r.Accepted.Confidence < r.Accepted.Audit.Confidence:
			t.Fatalf("%q: accepted by %+v", r.Text, r.Accepted)
		default:
			accepted++
			if !right {
				wrong++
			}
		}
	}
	if people != 300 || accepted != a.Items || float64(wrong) > 0.05*float64(accepted) {
		t.Errorf("%d labels of people, %d accepted, %d of them wrong; status promised %d", people, accepted, wrong, a.Items)
	}
}

// TestSelectionHoldsControlsAndReasons fills the queue by the default strategy before and after there are labels.
func TestSelectionHoldsControlsAndReasons(t *testing.T) {
	dir, gold := newProject(t, 600)
	if _, says, code := run(t, "select", "--project", dir, "-n", "50"); code != exitUsage || !strings.Contains(says, "feature-extraction") {
		t.Errorf("without embeddings: exit code %d, %s", code, says)
	}
	must(t, "predict", "--project", dir, "--model", "minilm", "--task", "feature-extraction")
	count := func(args ...string) map[string]int {
		var s struct{ Reasons map[string]int }
		out := must(t, append([]string{"select", "--project", dir, "--json"}, args...)...)
		if err := json.Unmarshal([]byte(out), &s); err != nil {
			t.Fatal(err)
		}
		return s.Reasons
	}
	if r := count("-n", "50"); r["control"] != 5 || r["cold"] != 45 {
		t.Errorf("first round: %v", r)
	}
	answer(t, dir, gold)
	if r := count("-n", "50"); r["control"] != 5 || r["uncertain"] == 0 || r["uncertain"]+r["relabel"] != 45 {
		t.Errorf("second round: %v", r)
	}
	for _, strategy := range []string{"breaking-ties", "badge", "class-balancer:least-confidence", "seals:prediction-entropy"} {
		if r := count("-n", "10", "--strategy", strategy); r["control"] != 1 || r["uncertain"] != 9 {
			t.Errorf("%s: %v", strategy, r)
		}
	}
	if st := status(t, dir); sum(st.Queue) != 90 || len(st.Faults) > 0 {
		t.Errorf("queue %v, faults %v", st.Queue, st.Faults)
	}
	report := filepath.Join(t.TempDir(), "report.html")
	must(t, "report", "--project", dir, "--output", report)
	if page, err := os.ReadFile(report); err != nil || !strings.Contains(string(page), "Krippendorff") && !strings.Contains(string(page), "<svg") {
		t.Errorf("report of %d bytes, %v", len(page), err)
	}
}

// TestRandomOrder: the sample does not depend on what was labelled, and later items fall into it at random.
func TestRandomOrder(t *testing.T) {
	var p label.Project
	items := make([]int64, 10_000)
	for i := range items {
		items[i] = int64(i + 1)
	}
	few := holdout{project: p, share: 1}.next(items[:5000])
	all := holdout{project: p, share: 1}.next(items)
	if part := slices.DeleteFunc(slices.Clone(all), func(item int64) bool { return item > 5000 }); !slices.Equal(part, few) {
		t.Error("later items change the order of those before")
	}
	late := 0
	for _, item := range all[:1000] {
		if item > 5000 {
			late++
		}
	}
	if math.Abs(float64(late)-500) > 80 { // five standard deviations
		t.Errorf("%d of the first 1,000 are from the later half", late)
	}
}

// TestOtherToolsRoundTrip takes labels out in each format and brings them into another project.
func TestOtherToolsRoundTrip(t *testing.T) {
	in := writeCSV(t, []string{"text", "label"}, [][]string{{"good, \"really\" good", "pos"}, {"bad\nbad", "neg"}, {"naïve 👍🏽", "pos"}})
	first := filepath.Join(t.TempDir(), "first")
	must(t, "init", first, "--labels", "pos,neg")
	must(t, "import", "--project", first, "--annotator", "ann", in)
	for _, c := range []struct{ format, file string }{{"jsonl", "a.jsonl"}, {"csv", "a.csv"}, {"tsv", "a.tsv"}, {"parquet", "a.parquet"},
		{"prodigy", "a.jsonl"}, {"doccano", "a.jsonl"}, {"label-studio", "a.json"}} {
		t.Run(c.format, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), c.file)
			must(t, "export", "--project", first, "--format", c.format, "--output", out)
			second := filepath.Join(t.TempDir(), "second")
			must(t, "init", second, "--labels", "pos,neg")
			must(t, "import", "--project", second, "--format", c.format, out)
			if got, want := truths(t, second), truths(t, first); !slices.Equal(got, want) {
				t.Errorf("labels are %q, want %q", got, want)
			}
		})
	}
}

// truths lists "text: label" of a project's labelled items, and who gave them.
func truths(t *testing.T, dir string) (list []string) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for r, err := range s.Items(t.Context(), sqlite.Filter{State: label.Labelled}) {
		if err != nil {
			t.Fatal(err)
		}
		said, err := s.AnnotationsOf(t.Context(), r.Item.Number)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, r.Item.Text+": "+strings.Join(r.Labels, ",")+" by "+said[0].Annotator)
	}
	return list
}

// TestLabelSetVerbs: past annotations follow what happens to their labels.
func TestLabelSetVerbs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	must(t, "init", dir, "--labels", "a,b")
	must(t, "import", "--project", dir, "--add-labels", "--annotator", "ann", writeCSV(t, []string{"text", "label"}, [][]string{{"x", "a"}, {"y", "b"}, {"z", "c"}}))
	must(t, "labels", "rename", "--project", dir, "a", "apple")
	must(t, "labels", "merge", "--project", dir, "apple", "b")
	must(t, "labels", "split", "--project", dir, "c", "c1", "c2")
	if got := truths(t, dir); !slices.Equal(got, []string{"x: apple by ann", "y: apple by ann"}) {
		t.Errorf("labels are %q", got)
	}
	if got := must(t, "labels", "list", "--project", dir); got != "apple\nc1\nc2\n" {
		t.Errorf("label set is %q", got)
	}
	copied := filepath.Join(t.TempDir(), "copy", sqlite.File)
	if err := os.Mkdir(filepath.Dir(copied), 0o700); err != nil {
		t.Fatal(err)
	}
	must(t, "backup", "--project", dir, copied)
	if got := truths(t, filepath.Dir(copied)); len(got) != 2 {
		t.Errorf("backup holds %q", got)
	}
}

// TestProjectErrorsAreExplained holds every message to what was wrong and what to do.
func TestProjectErrorsAreExplained(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	must(t, "init", dir, "--labels", "a,b")
	data := writeCSV(t, []string{"text", "label"}, [][]string{{"x", "a"}, {"y", "nosuch"}})
	for name, c := range map[string]struct {
		args []string
		code int
		says []string
	}{
		"no project":         {[]string{"status", "--project", t.TempDir()}, exitUsage, []string{"labelloop init"}},
		"again":              {[]string{"init", dir, "--labels", "a"}, exitFailed, []string{"already"}},
		"bad task":           {[]string{"init", t.TempDir(), "--task", "spans"}, exitUsage, []string{"spans", "text-classification"}},
		"unknown label":      {[]string{"import", "--project", dir, data}, exitItems, []string{"nosuch", ":3"}},
		"unknown format":     {[]string{"import", "--project", dir, "--format", "xml", data}, exitUsage, []string{"xml", "label-studio"}},
		"image model":        {[]string{"predict", "--project", dir, "--model", "conse-lite0"}, exitUsage, []string{"text-classification", "conse-lite0"}},
		"foreign classifier": {[]string{"predict", "--project", dir, "--model", "minilm-clinc150"}, exitUsage, []string{"none of the project's labels"}},
		"unknown strategy":   {[]string{"select", "--project", dir, "--strategy", "bayes"}, exitUsage, []string{"bayes", "breaking-ties"}},
		"nothing to judge":   {[]string{"calibrate", "--project", dir}, exitFailed, []string{"labelloop predict"}},
		"no output":          {[]string{"export", "--project", dir}, exitUsage, []string{"--output"}},
		"silly bound":        {[]string{"status", "--project", dir, "--epsilon", "2"}, exitDone, nil}, // nothing is judged yet
	} {
		t.Run(name, func(t *testing.T) {
			_, stderr, code := run(t, c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d: %s", code, c.code, stderr)
			}
			for _, says := range c.says {
				if !strings.Contains(stderr, says) {
					t.Errorf("message does not say %q: %s", says, stderr)
				}
			}
		})
	}
}

// TestPictureProject labels photographs in a project by words, and embeds them.
func TestPictureProject(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	must(t, "init", dir, "--task", "image-classification", "--labels", "cat,dog,flower,castle,bridge,coffee")
	must(t, "import", "--project", dir, "../../testdata/images")
	must(t, "predict", "--project", dir, "--model", "conse-lite0")
	must(t, "predict", "--project", dir, "--model", "conse-lite0", "--task", "image-feature-extraction")
	must(t, "select", "--project", dir, "-n", "12")
	st := status(t, dir)
	if st.Items[label.Pool].All < 40 || sum(st.Models) != st.Items[label.Pool].All || sum(st.Queue) != 12 {
		t.Errorf("status: %+v", st)
	}
}
