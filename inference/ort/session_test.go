package ort

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/internal/label"
)

const graph = "../../testdata/models/bert-single/model.onnx"

func TestMain(m *testing.M) {
	if err := Load(filepath.Join(os.Getenv("LABELLOOP_DEPS"), cmp.Or(os.Getenv(libraryFolder), "lib"))); err != nil {
		panic(err) // a missing native library fails the run
	}
	os.Exit(m.Run())
}

func open(t testing.TB, path string) *Session {
	t.Helper()
	s, err := Open(path, Options{Device: "cpu", Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// feeds fills every input of the graph with rows x width numbers.
func feeds(s *Session, rows, width int) map[string]inference.Tensor {
	in := map[string]inference.Tensor{}
	ports, _ := s.Signature()
	for _, p := range ports {
		data := make([]int64, rows*width)
		for i := range data {
			if p.Name == "input_ids" {
				data[i] = int64(5 + i%200)
			} else if p.Name == "attention_mask" {
				data[i] = 1
			}
		}
		in[p.Name] = inference.Tensor{Shape: []int64{int64(rows), int64(width)}, Int64: data}
	}
	return in
}

func TestSignature(t *testing.T) {
	in, out := open(t, graph).Signature()
	var names []string
	for _, p := range append(in, out...) {
		names = append(names, p.Name)
	}
	if got := strings.Join(names, " "); got != "input_ids attention_mask token_type_ids logits" {
		t.Errorf("signature is %s", got)
	}
}

func TestRunsSideBySide(t *testing.T) {
	s := open(t, graph)
	want, err := s.Run(t.Context(), feeds(s, 3, 20))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				got, err := s.Run(t.Context(), feeds(s, 3, 20))
				if err != nil {
					t.Error(err)
					return
				}
				for i, x := range got["logits"].Float32 {
					if math.Abs(float64(x-want["logits"].Float32[i])) > 1e-5 {
						t.Errorf("logit %d is %g beside other runs, %g alone", i, x, want["logits"].Float32[i])
						return
					}
				}
			}
		})
	}
	all.Wait()
}

func TestRunsAreSpreadOverDevices(t *testing.T) {
	s := open(t, graph)
	second, err := s.open(0, false, "")
	if err != nil {
		t.Fatal(err)
	}
	s.replicas = append(s.replicas, second)
	for range 3 {
		if a, b := s.acquire(), s.acquire(); a == b {
			t.Error("two runs at a time share a device, and the other is idle")
		}
		s.release(s.replicas[0])
		if s.acquire() != s.replicas[0] {
			t.Error("a run is not given to the device that became idle")
		}
		s.release(s.replicas[0])
		s.release(s.replicas[1])
	}
	if _, err := s.Run(t.Context(), feeds(s, 1, 4)); err != nil || s.Replicas() != 2 {
		t.Errorf("run on one of %d devices: %v", s.Replicas(), err)
	}
}

func TestCancelStopsARun(t *testing.T) {
	path := filepath.Join(os.Getenv("LABELLOOP_DEPS"), "models", "minilm", "model.onnx")
	s := open(t, path)
	in := feeds(s, 64, 400) // many seconds of work
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if _, err := s.Run(ctx, in); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("err is %v, want the context's", err)
	}
	stopped := time.Since(begin)
	in = feeds(s, 2, 8)
	if _, err := s.Run(t.Context(), in); err != nil {
		t.Fatalf("session is of no use after a cancelled run: %v", err)
	}
	if stopped > 20*time.Second {
		t.Errorf("run went on for %s after it was cancelled", stopped)
	}
}

func TestCancelledBeforeItStarts(t *testing.T) {
	s := open(t, graph)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Run(ctx, feeds(s, 1, 4)); !errors.Is(err, context.Canceled) {
		t.Errorf("err is %v, want context.Canceled", err)
	}
}

func TestCloseWaitsForRuns(t *testing.T) {
	s := open(t, graph)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				if _, err := s.Run(context.Background(), feeds(s, 8, 64)); err != nil {
					if !strings.Contains(err.Error(), "closed") {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	all.Wait()
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// cycles is how often TestLoadAndUnload loads a model; a long run tells more.
var cycles = flag.Int("cycles", 400, "times that a model is loaded and unloaded")

// TestLoadAndUnload holds that a model which is closed leaves nothing behind.
func TestLoadAndUnload(t *testing.T) {
	var after int // resident bytes when a quarter is done
	for i := range *cycles {
		s, err := Open(graph, Options{Device: CPU, Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Run(t.Context(), feeds(s, 2, 8)); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if i == *cycles/4 {
			after = resident(t)
		}
	}
	grown := resident(t) - after
	t.Logf("%d times: %d KiB more than after a quarter of them", *cycles, grown>>10)
	if most := 5 << 20; grown > most { // other work on the machine made it 3.5 MB once
		t.Errorf("memory grew by %d bytes in %d times, want at most %d", grown, *cycles-*cycles/4, most)
	}
}

// resident gives the bytes of memory that the process holds.
func resident(t *testing.T) int {
	t.Helper()
	runtime.GC()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(data))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

func TestBadFeeds(t *testing.T) {
	s := open(t, graph)
	missing := feeds(s, 1, 4)
	delete(missing, "attention_mask")
	empty := feeds(s, 1, 4)
	empty["input_ids"] = inference.Tensor{Shape: []int64{1, 4}}
	short := feeds(s, 1, 4)
	short["input_ids"] = inference.Tensor{Shape: []int64{1, 4}, Int64: []int64{1}}
	outside := feeds(s, 1, 4)
	outside["input_ids"] = inference.Tensor{Shape: []int64{1, 4}, Int64: []int64{1, 2, 3, 1 << 30}}
	for name, in := range map[string]map[string]inference.Tensor{
		"input is missing": missing, "holds no data": empty, "requires 4 elements": short, "idx=": outside,
	} {
		if _, err := s.Run(t.Context(), in); err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(name, "input ")) {
			t.Errorf("err is %v, want one about %q", err, name)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	whole, err := os.ReadFile(graph)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.onnx")
	if err := os.WriteFile(cut, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(cut, Options{Device: "cpu", Threads: 1}); !errors.Is(err, label.ErrBadModel) || !strings.Contains(err.Error(), cut) {
		t.Errorf("truncated graph: %v", err)
	}
	if _, err := Open(graph, Options{Device: "abacus", Threads: 1}); !errors.Is(err, label.ErrUsage) {
		t.Errorf("unknown provider: %v", err)
	}
}

// toHalf is an ONNX graph whose output y is its input x, of one float, as a float16.
const toHalf = "\x08\x08:>\n\x17\n\x01x\x12\x01y\"\x04Cast*\t\n\x02to\x18\n\xa0\x01\x02\x12\x01gZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01" +
	"b\x0f\n\x01y\x12\n\n\x08\x08\n\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\r"

// TestHalfPrecisionAtTheEdges: a graph that takes or gives half precision is refused, and told why.
func TestHalfPrecisionAtTheEdges(t *testing.T) {
	for said, graph := range map[string]string{
		"y is of type float16": toHalf,
		"x is of type float16": strings.ReplaceAll(identity, "\x08\x08\x01\x12", "\x08\x08\n\x12"),
	} {
		path := filepath.Join(t.TempDir(), "half.onnx")
		if err := os.WriteFile(path, []byte(graph), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, Options{Device: CPU, Threads: 1}); !errors.Is(err, label.ErrBadModel) || !strings.Contains(err.Error(), said) {
			t.Errorf("err is %v, want one with %q", err, said)
		}
	}
}
