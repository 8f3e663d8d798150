package ort

import (
	"fmt"
	"slices"
	"strings"

	onnx "github.com/yalue/onnxruntime_go"

	"github.com/labelloop/labelloop/internal/label"
)

const (
	Auto = "auto" // the first accelerator that the runtime can use, else the CPU
	CPU  = "cpu"  // which is always there
)

// provider is an execution provider by its name on the command line.
type provider struct {
	name   string
	append func(*onnx.SessionOptions) error
	remedy string
}

// providers stand in the order in which Auto tries them; the CPU comes last.
var providers = []provider{
	{"cuda", appendCUDA, "needs an NVIDIA GPU and the GPU build of ONNX Runtime with its CUDA and cuDNN libraries"},
	{"tensorrt", appendTensorRT, "needs an NVIDIA GPU and the GPU build of ONNX Runtime with its TensorRT libraries"},
	{"coreml", func(o *onnx.SessionOptions) error { return o.AppendExecutionProviderCoreMLV2(nil) }, "needs macOS"},
	{"directml", func(o *onnx.SessionOptions) error { return o.AppendExecutionProviderDirectML(0) }, "needs Windows and the DirectML build of ONNX Runtime"},
	{"openvino", func(o *onnx.SessionOptions) error { return o.AppendExecutionProviderOpenVINO(nil) }, "needs the OpenVINO build of ONNX Runtime"},
	{CPU, func(*onnx.SessionOptions) error { return nil }, ""},
}

// Devices lists the names that Open takes.
func Devices() []string {
	names := []string{Auto}
	for _, p := range providers {
		names = append(names, p.name)
	}
	return names
}

func appendCUDA(o *onnx.SessionOptions) error {
	cuda, err := onnx.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer cuda.Destroy()
	return o.AppendExecutionProviderCUDA(cuda)
}

func appendTensorRT(o *onnx.SessionOptions) error {
	rt, err := onnx.NewTensorRTProviderOptions()
	if err != nil {
		return err
	}
	defer rt.Destroy()
	return o.AppendExecutionProviderTensorRT(rt)
}

// attach adds the named execution provider to the options. It returns the provider's name and, for Auto, why it was
// chosen. A provider asked for by name that is not there is an error, never the CPU instead.
func attach(o *onnx.SessionOptions, device string) (name, why string, err error) {
	if device == Auto {
		// TensorRT builds an engine for minutes before its first answer: it is for those who ask for it.
		var missing []string
		for _, p := range providers {
			if p.name == "tensorrt" {
				continue
			}
			if p.append(o) == nil {
				if missing != nil {
					why = "not available: " + strings.Join(missing, ", ")
				}
				return p.name, why, nil
			}
			missing = append(missing, p.name)
		}
	}
	at := slices.IndexFunc(providers, func(p provider) bool { return p.name == device })
	if at < 0 {
		return "", "", label.Errorf(label.ErrUsage, "execution provider %q is unknown, want one of %s",
			device, strings.Join(Devices(), ", "))
	}
	if err := providers[at].append(o); err != nil {
		return "", "", fmt.Errorf("execution provider %s: %w: it %s; --device auto takes what there is (runtime says: %v)",
			device, label.ErrNoProvider, providers[at].remedy, err)
	}
	return device, "", nil
}
