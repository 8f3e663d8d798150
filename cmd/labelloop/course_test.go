package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// learning is a project whose models get better from round to round, each right on so many percent of the items.
func learning(t *testing.T, right ...int) (dir string) {
	t.Helper()
	const items = 1200
	classes := []string{"a", "b", "c"}
	dir = filepath.Join(t.TempDir(), "project")
	must(t, "init", dir, "--labels", strings.Join(classes, ","))
	var rows [][]string
	gold := map[string]string{}
	for i := range items {
		text := fmt.Sprint("text ", i+1)
		rows, gold[text] = append(rows, []string{text}), classes[(i+1)%3]
	}
	must(t, "import", "--project", dir, writeCSV(t, []string{"text"}, rows))
	for k, share := range right {
		s, err := sqlite.Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		m, err := s.RegisterModel(t.Context(), label.Model{Name: "m", Version: fmt.Sprint(k + 1), Labels: classes})
		if err != nil {
			t.Fatal(err)
		}
		var list []label.Probabilities
		for i := range items {
			p := label.Probabilities{Item: int64(i + 1), Probs: []float32{0.1, 0.1, 0.1}}
			class := (i + 1) % 3
			if (i+1)*7919%100 >= share {
				class = (class + 1) % 3
			}
			p.Probs[class] = 0.8
			list = append(list, p)
		}
		if err := s.PutPredictions(t.Context(), m, list); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		must(t, "select", "--project", dir, "-n", "40", "--strategy", "audit")
		answer(t, dir, gold)
	}
	return dir
}

// TestStatusForecasts reads, from rounds with a model each, what the stopping criteria say and how many labels are left.
func TestStatusForecasts(t *testing.T) {
	dir := learning(t, 50, 62, 70, 75, 78)
	st := status(t, dir, "--target", "0.85")
	c := st.Course
	if c == nil || c.Models != 5 || c.Items < 500 || len(c.Points) != 4 || c.Points[3].Labels != 160 || c.Target != 0.85 {
		t.Fatalf("the course is %+v", c)
	}
	for _, s := range c.Stopping {
		if s.Stop {
			t.Errorf("models that differ in a tenth of the labels: %s says stop", s.Name)
		}
	}
	if len(c.Stopping) != 3 || c.Left == nil || c.Left.Labels == nil || *c.Left.Labels < 20 || *c.Left.Low >= *c.Left.Labels || c.Left.High != nil && *c.Left.High <= *c.Left.Labels {
		t.Errorf("of %d criteria; left are %+v: %s", len(c.Stopping), c.Left, c.Sentence)
	}
	out := must(t, "status", "--project", dir, "--target", "0.85")
	for _, words := range []string{"kappa average says go on", "classification change says go on", "labels more until 85 % accuracy (95 % interval ", "by 4 models on 200 audited items"} {
		if !strings.Contains(out, words) {
			t.Errorf("status does not say %q:\n%s", words, out)
		}
	}
	if c := status(t, dir, "--target", "0.6").Course; c.Left == nil || c.Left.Labels == nil || *c.Left.Labels != 0 || !strings.Contains(c.Sentence, "60 % accuracy is reached") {
		t.Errorf("a target that is met: %s", c.Sentence)
	}
	if _, stderr, code := run(t, "status", "--project", dir, "--target", "1"); code != exitUsage || !strings.Contains(stderr, "--target") {
		t.Errorf("a target of 1: exit code %d: %s", code, stderr)
	}
}

func TestStatusSaysWhenToStop(t *testing.T) {
	dir := learning(t, 80, 80, 80, 80)
	c := status(t, dir).Course
	stop := map[string]bool{}
	for _, s := range c.Stopping {
		stop[s.Name] = s.Stop
	}
	if !stop["kappa average"] || !stop["classification change"] || stop["overall uncertainty"] {
		t.Errorf("of models that say the same the criteria say %v", c.Stopping)
	}
	if c.Left == nil || c.Left.Labels != nil || !strings.Contains(c.Sentence, "levels off below 90 %") {
		t.Errorf("of a level curve: %s", c.Sentence)
	}
}

func TestStatusNeedsRounds(t *testing.T) {
	for models, words := range [][]string{1: {}, 2: {"kappa average needs 2 more rounds", "A forecast of the labels left needs 3 rounds"}} {
		if models == 0 {
			continue
		}
		dir := learning(t, []int{50, 60}[:models]...)
		out := must(t, "status", "--project", dir)
		for _, w := range words {
			if !strings.Contains(out, w) {
				t.Errorf("with %d models status does not say %q:\n%s", models, w, out)
			}
		}
		if models == 1 && strings.Contains(out, "forecast") {
			t.Errorf("with one model status says:\n%s", out)
		}
	}
}
