package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/models"
)

// TestHalfPrecisionOnAccelerators: auto takes the fp16 graph where there is one and the device is made for it, for pictures and
// texts, but not for the labels of a dual encoder.
func TestHalfPrecisionOnAccelerators(t *testing.T) {
	graphs := func(parts ...string) *models.Model {
		m := &models.Model{}
		for _, p := range parts {
			part, precision, _ := strings.Cut(p, " ")
			m.Manifest.Files = append(m.Manifest.Files, models.File{Path: p + ".onnx", Role: models.RoleGraph, Part: part, Precision: precision})
		}
		return m
	}
	one, two, plain := graphs(" fp32", " fp16"), graphs("vision fp32", "vision fp16", "text fp32", "text fp16"), graphs(" fp32")
	for _, test := range []struct {
		model               *models.Model
		part, device, asked string
		want, wantForLabels string
	}{
		{one, "", "cuda", "auto", "fp16", "fp16"},
		{one, "", "tensorrt:0,1", "auto", "fp16", "fp16"},
		{one, "", "cuda", "fp32", "fp32", "fp32"},
		{one, "", "cpu", "auto", "auto", "auto"},
		{plain, "", "cuda", "auto", "auto", "auto"},
		{two, models.Vision, "cuda", "auto", "fp16", "auto"},
		{one, "", "openvino", "auto", "auto", "auto"},
		{one, "", "openvino", "bf16", "bf16", "bf16"},
		{two, models.Vision, "openvino", "bf16", "bf16", "auto"},
	} {
		f := &modelFlags{precision: test.asked}
		e := &engine{model: test.model, device: test.device}
		e.precision = f.choosePrecision(e, test.part, io.Discard)
		if e.precision != test.want || e.labelPrecision() != test.wantForLabels {
			t.Errorf("%s on %s: %s, and %s for labels; want %s and %s", test.asked, test.device, e.precision, e.labelPrecision(), test.want, test.wantForLabels)
		}
	}
}

// TestEnginesAreKeptApart: by version and graph, in the user's cache, never among a model's files.
func TestEnginesAreKeptApart(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	m := &models.Model{Dir: t.TempDir(), Manifest: models.Manifest{Version: "v1"}}
	dir, err := engineFolder(m, filepath.Join(m.Dir, "onnx", "model_fp16.onnx"))
	if err != nil || !strings.HasSuffix(dir, filepath.Join("labelloop", "tensorrt", "v1", "model_fp16.onnx")) || strings.HasPrefix(dir, m.Dir) {
		t.Errorf("folder is %s, %v", dir, err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder is open to others: %v, %v", info, err)
	}
}

func TestLibrariesFollowTheDevice(t *testing.T) {
	t.Setenv("LABELLOOP_DEPS", "/deps")
	for device, want := range map[string][2]string{
		"cpu": {"/deps/lib", "/deps/lib"}, "cuda:1": {"/deps/gpu", "/deps/lib"}, "auto": {"/deps/gpu", "/deps/lib"}, "openvino": {"/deps/openvino", "/deps/openvino"},
	} {
		f := modelFlags{device: device}
		if dirs := f.libraries(); dirs[0] != want[0] || !slices.Contains(dirs, want[1]) {
			t.Errorf("%s: libraries are looked for in %v, want those of %v", device, dirs, want)
		}
	}
}
