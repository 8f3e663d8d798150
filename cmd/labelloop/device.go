package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/inference/ort"
	"github.com/labelloop/labelloop/models"
)

// libraries are the folders that may hold ONNX Runtime: its GPU build's first, where a graph may run on another device than the CPU.
func (f *modelFlags) libraries() []string {
	if f.device == ort.CPU {
		return below("lib")
	}
	return append(below("gpu"), below("lib")...)
}

// choosePrecision gives the precision to run. For auto that is int8 on a processor where it is quicker and labels as fp32 does, fp16 on
// an accelerator, which is made for it, where the model has such a graph, and else the most exact.
func (f *modelFlags) choosePrecision(e *engine, part string, log io.Writer) string {
	if f.precision != "auto" {
		return f.precision
	}
	if e.device == ort.CPU {
		graph, ok := e.model.Reduced("int8")
		if !ok || !ort.MultipliesInt8() {
			return f.precision
		}
		fmt.Fprintf(log, "precision: int8, which gave fp32's label to %.2f %% of %d samples (--precision fp32 is exact)\n",
			100*graph.Agreement.Share, graph.Agreement.Samples)
		return graph.Precision
	}
	if _, _, err := e.model.Graph(part, "fp16"); err != nil {
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

// mainPart names the graph that items are fed to.
func mainPart(m *models.Model) string {
	if m.Split() {
		return models.Vision
	}
	return ""
}

// openGraph loads a graph of the engine's model on its devices. A device that was asked for by name must run it.
func (f *modelFlags) openGraph(e *engine, part, precision string) (*ort.Session, error) {
	graph, found, err := e.model.Graph(part, precision)
	if err != nil {
		return nil, err
	}
	o := ort.Options{Device: e.device, Threads: max(1, e.Threads), Strict: f.device != ort.Auto, Half: found == "fp16", Memory: int64(f.deviceMemory) << 20}
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
