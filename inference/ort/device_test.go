package ort

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
)

func TestDeviceNames(t *testing.T) {
	for _, test := range []struct {
		device, provider string
		numbers          []int
		wrong            string // part of the error
	}{
		{"cpu", "cpu", []int{0}, ""},
		{"cuda", "cuda", []int{0}, ""},
		{"cuda:1", "cuda", []int{1}, ""},
		{"cuda:0,1", "cuda", []int{0, 1}, ""},
		{"tensorrt:0", "tensorrt", []int{0}, ""},
		{"abacus", "", nil, "want one of auto, cuda"},
		{"abacus:1", "", nil, `"abacus" is unknown`},
		{"", "", nil, "want one of"},
		{"cpu:0", "", nil, "cpu has no numbered devices"},
		{"openvino:1", "", nil, "openvino has no numbered devices"},
		{"cuda:", "", nil, "want numbers"},
		{"cuda:x", "", nil, "want numbers"},
		{"cuda:-1", "", nil, "want numbers"},
		{"cuda:0,", "", nil, "want numbers"},
		{"cuda:1,1", "", nil, "each once"},
		{"cuda:99999999999999999999", "", nil, "want numbers"},
	} {
		p, numbers, err := parse(test.device)
		if test.wrong != "" {
			if !errors.Is(err, label.ErrUsage) || !strings.Contains(err.Error(), test.wrong) {
				t.Errorf("%q: err is %v, want one with %q", test.device, err, test.wrong)
			}
			continue
		}
		if err != nil || p.name != test.provider || !slices.Equal(numbers, test.numbers) {
			t.Errorf("%q is %s %v, %v", test.device, p.name, numbers, err)
		}
	}
}

// TestChooseRefuses: the library of the tests has the CPU alone.
func TestChooseRefuses(t *testing.T) {
	for device, said := range map[string]string{
		"cuda": "cuda:0", "cuda:0,1": "cuda:0", "tensorrt:1": "tensorrt:1", "openvino": "device openvino:", "coreml": "macOS", "directml": "Windows",
	} {
		_, _, err := Choose(device)
		if !errors.Is(err, label.ErrNoProvider) || !strings.Contains(err.Error(), said) || !strings.Contains(err.Error(), "--device auto") {
			t.Errorf("%s: err is %v", device, err)
		}
	}
	if _, err := Open(graph, Options{Device: "cuda", Threads: 1}); err == nil || !strings.Contains(err.Error(), graph+" on cuda:0") {
		t.Errorf("opened on a device that was not tried: %v", err)
	}
}

func TestAutoSaysWhatItPassedOver(t *testing.T) {
	chosen, why, err := Choose(Auto)
	if err != nil || chosen == CPU && !strings.Contains(why, "cuda needs an NVIDIA GPU") {
		t.Errorf("auto chose %q because %q, %v", chosen, why, err)
	}
	if same, why, err := Choose(CPU); same != CPU || why != "" || err != nil {
		t.Errorf("cpu is %q because %q, %v", same, why, err)
	}
}

func TestProviderOptions(t *testing.T) {
	settings := Options{Memory: 3 << 30, Half: true, Engines: "/cache/v"}
	cuda, rt := cudaOptions(2, settings), tensorRTOptions(2, settings)
	for _, test := range []struct {
		options    map[string]string
		key, value string
	}{
		{cuda, "device_id", "2"}, {cuda, "gpu_mem_limit", "3221225472"}, {cuda, "arena_extend_strategy", "kSameAsRequested"}, {cuda, "use_tf32", "0"},
		{rt, "device_id", "2"}, {rt, "trt_fp16_enable", "1"}, {rt, "trt_engine_cache_path", "/cache/v"}, {rt, "trt_max_workspace_size", "3221225472"},
	} {
		if got := test.options[test.key]; got != test.value {
			t.Errorf("%s is %q, want %q", test.key, got, test.value)
		}
	}
	for settings, said := range map[Options]string{
		{Runs: 3, Threads: 2}:             `"f32", "NUM_STREAMS": "3", "INFERENCE_NUM_THREADS": "6"`, // never less than was asked for
		{Runs: 3, Threads: 2, BF16: true}: `"bf16", "NUM_STREAMS": "3"`,
	} {
		if o := openVINOOptions(settings); o["num_of_threads"] != "3" || !strings.Contains(o["load_config"], said) {
			t.Errorf("OpenVINO is told %v, want %s", o, said)
		}
	}
	for _, key := range []string{"gpu_mem_limit", "trt_fp16_enable", "trt_engine_cache_enable", "trt_max_workspace_size"} {
		if cudaOptions(0, Options{})[key]+tensorRTOptions(0, Options{})[key] != "" {
			t.Errorf("%s is set, and nobody asked for it", key)
		}
	}
}

func TestPreloadTellsWhatIsBroken(t *testing.T) {
	dir := t.TempDir()
	if err := preload(dir); err != nil {
		t.Errorf("a folder without CUDA: %v", err)
	}
	path := filepath.Join(dir, "libcublas.so.13")
	if err := os.WriteFile(path, []byte("cut off"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := preload(dir); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "make deps GPU=1") {
		t.Errorf("err is %v, want one about %s", err, path)
	}
}
