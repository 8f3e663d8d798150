package ort

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
)

// libraryFolder, set in the environment of a run of the tests, names another folder to load the runtime from.
const libraryFolder = "LABELLOOP_TEST_LIBRARIES"

// withOpenVINO says whether OpenVINO's runtime is loaded. A process has one runtime, so it runs the test again in a process with that one.
func withOpenVINO(t *testing.T) bool {
	t.Helper()
	if os.Getenv(libraryFolder) != "" {
		return true
	}
	again := exec.Command(os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$")
	again.Env = append(os.Environ(), libraryFolder+"=openvino")
	if out, err := again.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// onOpenVINO opens a graph for two runs side by side.
func onOpenVINO(t *testing.T, path string, bf16 bool) *Session {
	t.Helper()
	s, err := Open(path, Options{Device: OpenVINO, Threads: 1, Runs: 2, Strict: true, BF16: bf16})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// precisionsOfOpenVINO says for which values of Options.BF16 this processor is made.
func precisionsOfOpenVINO() []bool {
	if MultipliesBF16() {
		return []bool{false, true}
	}
	return []bool{false}
}

// logits runs rows x width tokens.
func logits(t *testing.T, s *Session, rows, width int) []float32 {
	t.Helper()
	out, err := s.Run(t.Context(), feeds(s, rows, width))
	if err != nil {
		t.Fatal(err)
	}
	return out["logits"].Float32
}

var classifier = filepath.Join(os.Getenv("LABELLOOP_DEPS"), "models", "minilm-clinc150", "model.onnx")

// TestOpenVINOIsNear: in float32 OpenVINO gives the CPU provider's logits, and in bfloat16 near ones.
func TestOpenVINOIsNear(t *testing.T) {
	if !withOpenVINO(t) {
		return
	}
	paths := []string{classifier}
	for _, name := range []string{"bert-binary", "bert-nli", "bert-single", "distilbert-multi", "roberta-single"} {
		paths = append(paths, "../../testdata/models/"+name+"/model.onnx")
	}
	for _, path := range paths {
		exact := open(t, path)
		for _, bf16 := range precisionsOfOpenVINO() {
			most := 1e-4
			if bf16 {
				most = 0.1
			}
			s := onOpenVINO(t, path, bf16)
			for _, width := range []int{5, 12, 37} {
				want := logits(t, exact, 3, width)
				for i, x := range logits(t, s, 3, width) {
					if d := math.Abs(float64(x - want[i])); !(d <= most) {
						t.Fatalf("%s, bf16 %t, %d tokens: logit %d is %g, on the CPU %g", path, bf16, width, i, x, want[i])
					}
				}
			}
		}
	}
}

// TestOpenVINORunsSideBySide: a row has the same logits to the last bit whatever stands beside it, in its batch and in other runs, and
// runs that are cancelled end.
func TestOpenVINORunsSideBySide(t *testing.T) {
	if !withOpenVINO(t) {
		return
	}
	for _, bf16 := range precisionsOfOpenVINO() {
		s := onOpenVINO(t, classifier, bf16)
		const width = 200 // after which the numbers of feeds repeat, so all rows are the same
		want := logits(t, s, 1, width)
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				for rows := 1 + i; rows < 5+i; rows++ {
					got := logits(t, s, rows, width)
					for row := range slices.Chunk(got, len(want)) {
						if !slices.Equal(row, want) {
							t.Errorf("bf16 %t, %d rows: another row than alone", bf16, rows)
							return
						}
					}
				}
			})
			all.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				go cancel()
				if _, err := s.Run(ctx, feeds(s, 2, width)); err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
}

// TestOpenVINOTellsWhatItDoesNotTake: DeBERTa's If has outputs of unknown rank.
func TestOpenVINOTellsWhatItDoesNotTake(t *testing.T) {
	if !withOpenVINO(t) {
		return
	}
	const path = "../../testdata/models/deberta-nli/model.onnx"
	_, err := Open(path, Options{Device: OpenVINO, Threads: 1, Runs: 1, Strict: true})
	if !errors.Is(err, label.ErrNoProvider) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "--device cpu") ||
		strings.Contains(err.Error(), "\n") {
		t.Errorf("err is %v", err)
	}
}

// TestOpenVINOKeepsTheSignalStack: a thread that opened a graph handles signals where it did before.
func TestOpenVINOKeepsTheSignalStack(t *testing.T) {
	if !withOpenVINO(t) {
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := signalStack(t, nil)
	onOpenVINO(t, graph, false)
	if now := signalStack(t, nil); now != before {
		t.Errorf("signals are handled on %+v, before on %+v", now, before)
	}
}

// TestOpenVINOReadsNoRowOutsideOfATable: a tokenizer may give ids that the graph's embedding has no rows for.
func TestOpenVINOReadsNoRowOutsideOfATable(t *testing.T) {
	if !withOpenVINO(t) {
		return
	}
	s := onOpenVINO(t, graph, false)
	for _, id := range []int64{1 << 20, 1 << 31, 1 << 40, -1 << 20, -1 << 40, math.MaxInt64, math.MinInt64} {
		in := feeds(s, 2, 8)
		for i := range in["input_ids"].Int64 {
			in["input_ids"].Int64[i] = id
		}
		if _, err := s.Run(t.Context(), in); err != nil {
			t.Errorf("id %d: %v", id, err)
		}
	}
}

// TestOpenVINOReadsWeightsBesideTheGraphAlone: a model is somebody else's data, and may name any file.
func TestOpenVINOReadsWeightsBesideTheGraphAlone(t *testing.T) {
	if !withOpenVINO(t) {
		return
	}
	graph, err := os.ReadFile(classifier)
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	const outside = "../del.onnx_dat" // as long as the name of the weights beside the graph
	path := filepath.Join(home, "model", "model.onnx")
	err = errors.Join(
		os.Symlink(classifier+"_data", filepath.Join(home, "del.onnx_dat")),
		os.Mkdir(filepath.Dir(path), 0o700),
		os.WriteFile(path, bytes.ReplaceAll(graph, []byte("model.onnx_data"), []byte(outside)), 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Options{Device: OpenVINO, Threads: 1, Runs: 1}); err == nil || !strings.Contains(err.Error(), outside) {
		t.Errorf("weights outside of the graph's folder: err is %v", err)
	}
}
