package ort

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
)

// TestStrictRefusesTheCPU has the CPU stand for a device that leaves everything to it.
func TestStrictRefusesTheCPU(t *testing.T) {
	for path, said := range map[string]string{
		graph: "MatMul /", "../../testdata/image-models/resnet/model.onnx": "Conv",
	} {
		s := open(t, path)
		s.placed = false
		in := feeds(s, 2, 8)
		if len(in) == 1 {
			in = pictures(s, 2)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.place(ctx, in); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: err is %v, want context.Canceled", path, err)
		}
		var first error
		for range 2 {
			_, err := s.Run(t.Context(), in)
			if first == nil {
				first = err
			} else if err != first {
				t.Errorf("%s: the second run looks again: %v", path, err)
			}
			if !errors.Is(err, label.ErrNoProvider) || !strings.Contains(err.Error(), said) || !strings.Contains(err.Error(), "more") {
				t.Errorf("%s: err is %v, want the nodes on the CPU", path, err)
			}
		}
	}
}

func TestProfileIsRead(t *testing.T) {
	for profile, want := range map[string]string{
		`[]`: "",
		`[{"cat":"Session","name":"run"},{"cat":"Node","name":"a_kernel_time","args":{"op_name":"MatMul","provider":"CUDAExecutionProvider"}},
		  {"cat":"Node","name":"b_kernel_time","args":{"op_name":"Gather","provider":"CPUExecutionProvider"}}]`: "",
		`[{"cat":"Node","name":"a_kernel_time","args":{"op_name":"FusedMatMul","provider":"CPUExecutionProvider"}},
		  {"cat":"Node","name":"a_kernel_time","args":{"op_name":"FusedMatMul","provider":"CPUExecutionProvider"}},
		  {"cat":"Node","name":"c_kernel_time","args":{"op_name":"QLinearConv","provider":"CPUExecutionProvider"}}]`: "FusedMatMul a,QLinearConv c",
		`[{`: "error",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "run_1.json"), []byte(profile), 0o600); err != nil {
			t.Fatal(err)
		}
		nodes, err := heavyOnCPU(dir)
		if err != nil && want != "error" || err == nil && strings.Join(nodes, ",") != want {
			t.Errorf("%s: %v, %v, want %s", profile, nodes, err, want)
		}
	}
	if _, err := heavyOnCPU(t.TempDir()); err == nil {
		t.Error("no profile is no error")
	}
}
