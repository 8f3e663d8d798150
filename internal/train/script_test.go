package train

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/label"
)

// python runs the fake script, which needs no more than the standard library.
func python(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func fake(behaviour string) Config {
	return Config{Method: "finetune", Model: "m", Train: "train.jsonl", Labels: []string{behaviour, "other"}}
}

func TestRunGivesProgressAndMetrics(t *testing.T) {
	var steps []int
	m, err := Run(t.Context(), python(t), "testdata/fake.py", fake("quick"), t.TempDir(), func(e Event) {
		if e.Event == "step" {
			steps = append(steps, e.Step)
			if e.Steps != 50 || e.Loss <= 0 || e.ETA != float64(50-e.Step) {
				t.Errorf("event %+v", e)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) != 50 || m.Method != "finetune" || m.TrainItems != 9 || m.Validation["accuracy"] != 0.5 {
		t.Errorf("%d steps, metrics %+v", len(steps), m)
	}
}

func TestRunTellsWhatWentWrong(t *testing.T) {
	for behaviour, want := range map[string]struct {
		text string
		kind error
	}{
		"bad config": {"train.jsonl:7: 'x' is none of the labels", label.ErrUsage},
		"crash":      {"RuntimeError: no space left", nil},
		"killed":     {"signal: killed", nil},
	} {
		t.Run(behaviour, func(t *testing.T) {
			_, err := Run(t.Context(), python(t), "testdata/fake.py", fake(behaviour), t.TempDir(), func(Event) {})
			if err == nil || !strings.Contains(err.Error(), want.text) || len(err.Error()) > 2*maxTail {
				t.Fatalf("error %v, want %q in it", err, want.text)
			}
			if errors.Is(err, label.ErrUsage) != (want.kind != nil) {
				t.Errorf("%v is of the wrong kind", err)
			}
		})
	}
	_, err := Run(t.Context(), "/nowhere/python", "testdata/fake.py", fake("quick"), t.TempDir(), func(Event) {})
	if !errors.Is(err, label.ErrNotFound) {
		t.Errorf("without Python: %v", err)
	}
}

// TestCancelledRunResumes stops a script in the middle: it has time for its checkpoint, and the next run goes on from it.
func TestCancelledRunResumes(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	reached := 0
	_, err := Run(ctx, python(t), "testdata/fake.py", fake("slow"), dir, func(e Event) {
		reached = max(reached, e.Step)
		if e.Step == 3 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped run ends with %v", err)
	}
	first := 0
	if _, err := Run(t.Context(), python(t), "testdata/fake.py", fake("slow"), dir, func(e Event) {
		if e.Event == "step" && first == 0 {
			first = e.Step
		}
	}); err != nil {
		t.Fatal(err)
	}
	if first != reached+1 {
		t.Errorf("was stopped after step %d, went on with %d", reached, first)
	}
}

// TestNothingOutlivesARun stops a script that does not listen, and that has started another process.
func TestNothingOutlivesARun(t *testing.T) {
	defer func(d time.Duration) { grace = d }(grace)
	grace = 200 * time.Millisecond
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := Run(ctx, python(t), "testdata/fake.py", fake("deaf"), dir, func(Event) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped run ends with %v", err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "child"))
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		stat, err := os.ReadFile("/proc/" + string(data) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("process %s outlives the run", data)
}

func TestFindTellsWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	touch := func(path string) {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	homes := []string{filepath.Join(dir, ".deps"), filepath.Join(dir, "bin")}
	if _, err := Find(homes); !errors.Is(err, label.ErrNotFound) || !strings.Contains(err.Error(), "scripts/train.py") {
		t.Errorf("without scripts: %v", err)
	}
	touch("scripts/train.py")
	touch("bin/labelloop")
	if _, err := Find(homes); !errors.Is(err, label.ErrNotFound) || !strings.Contains(err.Error(), "make train-env") {
		t.Errorf("without an environment: %v", err)
	}
	touch(".deps/train/bin/python")
	e, err := Find(homes)
	if err != nil || e.Python != filepath.Join(dir, ".deps/train/bin/python") || e.Scripts != filepath.Join(dir, "scripts") {
		t.Errorf("found %+v, %v", e, err)
	}
	touch("unpacked/scripts/train.py")
	touch("unpacked/train/bin/python")
	if e, err := Find([]string{filepath.Join(dir, "unpacked")}); err != nil || e.Scripts != filepath.Join(dir, "unpacked/scripts") {
		t.Errorf("found %+v, %v", e, err)
	}
}
