package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/internal/label"
)

// tuning measures a model for a moment, with a cache of its own, and gives the file in which its setting is kept.
func tuning(t *testing.T, model string) (file, told string) {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	f := &tuneFlags{rounds: 1, span: time.Millisecond}
	f.bind(&cobra.Command{})
	f.model = model
	var out, log bytes.Buffer
	if err := f.run(t.Context(), &out, &log); err != nil {
		t.Fatalf("%v: %s", err, &log)
	}
	kept, err := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "labelloop", "settings", "*.json"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("settings are in %v, %v", kept, err)
	}
	return kept[0], out.String()
}

// TestTunedLabelsAreTheSame: whatever tune keeps, the records are those that were written without it.
func TestTunedLabelsAreTheSame(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	job := []string{"--model", "minilm-clinc150", "--top-k", "0", write(t, "texts.jsonl", strings.Join(wikiRecords(t, 60), ""))}
	want := recordsOf(t, job...)
	file, told := tuning(t, "minilm-clinc150")
	if strings.Contains(told, "other numbers") || !strings.Contains(told, "fp32") || !strings.Contains(told, "kept for minilm-clinc150@") {
		t.Errorf("tune tells %s", told)
	}
	measured, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	begin, _, _ := strings.Cut(string(measured), `"setting"`)
	for _, s := range []string{`{"workers":1,"threads":4,"budget":2000}`, `{"workers":3,"threads":2,"budget":1}`} {
		if err := os.WriteFile(file, []byte(begin+`"setting":`+s+`}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := recordsOf(t, job...); got != want {
			t.Errorf("with %s the records differ:\n%.300s\n%.300s", s, got, want)
		}
	}
	output := filepath.Join(t.TempDir(), "out.jsonl")
	_, stderr, _ := run(t, append([]string{"label", "--output", output}, job...)...)
	if !strings.Contains(stderr, "as tuned: side by side 3, cores each 2, batch 1\n") {
		t.Errorf("label says %s", stderr)
	}
}

func TestFlagsWinOverTuning(t *testing.T) {
	model := filepath.Join(fixtures, "bert-single")
	file, _ := tuning(t, model)
	found := func(args ...string) (setting, string) {
		f, c := &modelFlags{}, &cobra.Command{}
		f.bind(c)
		if err := c.ParseFlags(append(args, "--model", model)); err != nil {
			t.Fatal(err)
		}
		m, err := f.find()
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		e, err := f.open(t.Context(), m, &log)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		return e.setting, log.String()
	}
	measured, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	begin, _, _ := strings.Cut(string(measured), `"setting"`)
	good := begin + `"setting":{"workers":5,"threads":2,"budget":77}}`
	usual := setting{Threads: 1, Budget: tokensCPU}
	for name, c := range map[string]struct {
		kept string
		args []string
		want setting
		says string
	}{
		"kept":              {good, nil, setting{5, 2, 77}, "as tuned"},
		"batch":             {good, []string{"--batch", "9"}, setting{5, 2, 9}, "as tuned"},
		"threads":           {good, []string{"--threads", "3"}, setting{3, 1, tokensCPU}, ""},
		"cut off":           {good[:len(good)-9], nil, usual, "is not used"},
		"another's":         {strings.Replace(good, "bert", "tree", 1), nil, usual, "is not used"},
		"nothing":           {begin + `"setting":{"workers":5,"threads":0,"budget":77}}`, nil, usual, "is not used"},
		"more than anybody": {begin + `"setting":{"workers":5000000,"threads":1,"budget":77}}`, nil, usual, "is not used"},
	} {
		if err := os.WriteFile(file, []byte(c.kept), 0o600); err != nil {
			t.Fatal(err)
		}
		got, log := found(c.args...)
		if c.want == usual {
			got.Workers = 0 // as many as there are cores
		}
		if got != c.want || !strings.Contains(log, c.says) || c.says == "" && log != "" {
			t.Errorf("%s: %v, %q, want %v", name, got, log, c.want)
		}
	}
}

func TestBetterSettings(t *testing.T) {
	usual := &trial{ratios: []float64{1, 1, 1}}
	faster := &trial{ratios: []float64{1.1, 1.2, 1.3}}
	for _, c := range []struct {
		trial *trial
		than  *trial
		want  bool
	}{
		{faster, usual, true},
		{usual, faster, false},
		{&trial{ratios: []float64{0.9, 1.5, 1.5}}, usual, false}, // chance
		{&trial{ratios: []float64{1.1, 1.1, 1.1}}, faster, false},
		{&trial{ratios: []float64{2, 2, 2}, differs: true}, faster, false},
	} {
		if got := c.trial.better(c.than); got != c.want {
			t.Errorf("%v better than %v: %v", c.trial.ratios, c.than.ratios, got)
		}
	}
	says := func(name string, confidence float64) []label.Result {
		return []label.Result{{Prediction: label.Prediction{Labels: []string{name}, Confidence: confidence}}}
	}
	for _, c := range []struct {
		a, b  []label.Result
		exact bool
		want  bool
	}{
		{says("a", 0.5), says("a", 0.5), true, true},
		{says("a", 0.5), says("a", 0.50001), true, false},
		{says("a", 0.5), says("a", 0.50001), false, true},
		{says("a", 0.5), says("b", 0.5), false, false},
		{says("a", 0.5), nil, false, false},
	} {
		if got := same(c.a, c.b, c.exact); got != c.want {
			t.Errorf("%v is the same as %v: %v", c.a, c.b, got)
		}
	}
}
