package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/inference/ort"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/models"
)

// bf16 is how OpenVINO multiplies: it runs the fp32 graph so. Other devices run a graph of that precision, where the model has one.
const bf16 = "bf16"

// chooseDevice settles what the flags leave open: the CPU, or what multiplies in bf16 where that is asked for.
func (f *modelFlags) chooseDevice() error {
	switch {
	case f.precision == bf16 && (f.device == "" || f.device == ort.Auto):
		f.device = ort.OpenVINO
	case f.device == "":
		f.device = ort.CPU
	}
	if f.precision == bf16 && f.device == ort.OpenVINO && !ort.MultipliesBF16() {
		return label.Errorf(label.ErrUsage, "--precision bf16: this processor has no instructions for it (avx512_bf16, amx_bf16), and would be slower than in fp32; leave it out")
	}
	return nil
}

// libraries are the folders that may hold ONNX Runtime: a build with the provider that was asked for first. A process has one.
func (f *modelFlags) libraries() []string {
	switch f.device {
	case ort.CPU:
		return below("lib")
	case ort.OpenVINO:
		return below("openvino")
	}
	return append(below("gpu"), below("lib")...)
}

// choosePrecision gives the precision to run. For auto that is int8 on a processor where it is quicker and labels as fp32 does, fp16 on
// an accelerator, which is made for it, where the model has such a graph, and else the most exact. It is never bf16.
func (f *modelFlags) choosePrecision(e *engine, part string, log io.Writer) string {
	if f.precision != "auto" {
		return f.precision
	}
	switch e.device {
	case ort.OpenVINO:
		return f.precision
	case ort.CPU:
		graph, ok := e.model.Reduced("int8")
		if !ok || !ort.MultipliesInt8() {
			return f.precision
		}
		fmt.Fprintf(log, "precision: int8, which gave fp32's label to %.2f %% of %d samples (--precision fp32 is exact)\n",
			100*graph.Agreement.Share, graph.Agreement.Samples)
		return graph.Precision
	}
	if _, _, err := e.graph(part, "fp16"); err != nil {
		return f.precision
	}
	fmt.Fprintln(log, "precision: fp16 (--precision fp32 is exact)")
	return "fp16"
}

// labelPrecision is that of the graph which embeds labels. The text side of a dual encoder runs once, over the labels alone: it
// is taken as exact as there is, for an error there is in every picture's scores.
func (e *engine) labelPrecision() string {
	if e.model.Split() {
		return "auto"
	}
	return e.precision
}

// graph gives the ONNX file that a part is run from in a precision, and that precision.
func (e *engine) graph(part, precision string) (file, found string, err error) {
	if precision != bf16 {
		return e.model.Graph(part, precision)
	}
	if e.device == ort.OpenVINO {
		file, _, err = e.model.Graph(part, "fp32")
		return file, bf16, err
	}
	if file, found, err = e.model.Graph(part, precision); err != nil {
		err = fmt.Errorf("%w; the fp32 graph is run in bf16 by --device %s", err, ort.OpenVINO)
	}
	return file, found, err
}

// mainPart names the graph that items are fed to.
func mainPart(m *models.Model) string {
	if m.Split() {
		return models.Vision
	}
	return ""
}

// openGraph loads a graph of the engine's model on its devices. A device that was asked for by name must run it.
func (f *modelFlags) openGraph(e *engine, part, precision string) (*ort.Session, error) {
	graph, found, err := e.graph(part, precision)
	if err != nil {
		return nil, err
	}
	o := ort.Options{
		Device: e.device, Threads: max(1, e.Threads), Runs: cmp.Or(e.Workers, f.cores()), Strict: f.device != ort.Auto,
		Half: found == "fp16", BF16: found == bf16, Memory: int64(f.deviceMemory) << 20,
	}
	o.FirstToken = e.model.Manifest.ReadsImages() || inference.Pooling(e.model.Manifest.Pooling) == inference.PoolCLS
	if strings.HasPrefix(e.device, "tensorrt") {
		if o.Engines, err = engineFolder(e.model, graph); err != nil {
			return nil, err
		}
	}
	return ort.Open(graph, o)
}

// engineFolder makes the folder that keeps what TensorRT builds from a graph. It is the user's own, not the model's: an engine holds
// code, and a model is somebody else's data.
func engineFolder(m *models.Model, graph string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("keep TensorRT's engines: %w", err)
	}
	dir := filepath.Join(cache, "labelloop", "tensorrt", m.Manifest.Version, filepath.Base(graph))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("keep TensorRT's engines: %w", err)
	}
	return dir, nil
}
