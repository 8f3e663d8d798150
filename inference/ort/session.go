package ort

import (
	"context"
	"fmt"
	"sync"

	onnx "github.com/yalue/onnxruntime_go"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/internal/label"
)

// Options say where and how a graph runs.
type Options struct {
	Device  string // an execution provider by name, or Auto
	Threads int    // threads that share the work of one Run on the CPU; runs go on side by side
}

// Session is a loaded graph. It is safe for many goroutines: runs share weights and nothing else.
type Session struct {
	Device string // the execution provider in use
	Why    string // for Auto: what was not available

	session         *onnx.DynamicAdvancedSession
	inputs, outputs []inference.Port
	running         sync.RWMutex // held for reading by runs, for writing by Close
	closed          bool
}

// Open loads the graph at path. External weights are found beside it.
func Open(path string, o Options) (*Session, error) {
	loading.Lock()
	ready := loaded != ""
	loading.Unlock()
	if !ready {
		return nil, fmt.Errorf("open %s: ONNX Runtime is not loaded", path)
	}
	s := &Session{}
	names, err := s.readSignature(path)
	if err != nil {
		return nil, err
	}
	options, err := onnx.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	defer options.Destroy()
	if s.Device, s.Why, err = attach(options, o.Device); err != nil {
		return nil, err
	}
	if err := options.SetIntraOpNumThreads(o.Threads); err != nil {
		return nil, fmt.Errorf("open %s: set threads: %w", path, err)
	}
	if s.Device == CPU {
		// The runtime would keep a plan of memory for every shape that it meets, and texts have many.
		if err := options.SetMemPattern(false); err != nil {
			return nil, fmt.Errorf("open %s: plan no memory: %w", path, err)
		}
		if err := options.AddSessionConfigEntry("optimization.disable_specified_optimizers", slowFusions); err != nil {
			return nil, fmt.Errorf("open %s: choose fusions: %w", path, err)
		}
	}
	if s.session, err = onnx.NewDynamicAdvancedSession(path, names, portNames(s.outputs), options); err != nil {
		return nil, badGraph(path, err)
	}
	return s, nil
}

// slowFusions are graph optimisations that cost time on the CPU: the kernels that they put in walk a row value by value, where
// those of Add, LayerNormalization and Gelu are vectorised. Without them BERT is an eighth faster (ONNX Runtime 1.32).
const slowFusions = "SkipLayerNormFusion;BiasGeluFusion"

// readSignature reads inputs and outputs from the graph, without optimising it or packing its weights.
func (s *Session) readSignature(path string) (inputs []string, err error) {
	options, err := onnx.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	defer options.Destroy()
	if err := options.SetGraphOptimizationLevel(onnx.GraphOptimizationLevelDisableAll); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if err := options.AddSessionConfigEntry("session.disable_prepacking", "1"); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	defer trim()
	in, out, err := onnx.GetInputOutputInfoWithOptions(path, options)
	if err != nil {
		return nil, badGraph(path, err)
	}
	s.inputs, s.outputs = ports(in), ports(out)
	return portNames(s.inputs), nil
}

func badGraph(path string, err error) error {
	return fmt.Errorf("open %s: %w: the file is damaged or no ONNX graph; copy or export it again (runtime says: %v)",
		path, label.ErrBadModel, err)
}

func ports(infos []onnx.InputOutputInfo) []inference.Port {
	out := make([]inference.Port, len(infos))
	for i, info := range infos {
		out[i] = inference.Port{Name: info.Name, Type: info.DataType.String(), Shape: info.Dimensions}
	}
	return out
}

func portNames(ports []inference.Port) []string {
	names := make([]string, len(ports))
	for i, p := range ports {
		names[i] = p.Name
	}
	return names
}

// Signature gives the graph's inputs and outputs.
func (s *Session) Signature() (inputs, outputs []inference.Port) { return s.inputs, s.outputs }

// Run feeds the graph. Cancelling ctx makes the runtime stop between two operators; Run waits for that before it
// frees anything.
func (s *Session) Run(ctx context.Context, in map[string]inference.Tensor) (map[string]inference.Tensor, error) {
	s.running.RLock()
	defer s.running.RUnlock()
	if s.closed {
		return nil, fmt.Errorf("run a graph: session is closed")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	feeds := make([]onnx.Value, len(s.inputs))
	results := make([]onnx.Value, len(s.outputs))
	defer func() {
		for _, v := range append(feeds, results...) {
			if v != nil {
				v.Destroy()
			}
		}
	}()
	for i, port := range s.inputs {
		t, ok := in[port.Name]
		if !ok {
			return nil, fmt.Errorf("run a graph: input %s is missing", port.Name)
		}
		var err error
		if feeds[i], err = feed(t); err != nil {
			return nil, fmt.Errorf("run a graph: input %s: %w", port.Name, err)
		}
	}
	if err := s.runNative(ctx, feeds, results); err != nil {
		return nil, err
	}
	out := make(map[string]inference.Tensor, len(results))
	for i, v := range results {
		t, err := fetch(v)
		if err != nil {
			return nil, fmt.Errorf("run a graph: output %s: %w", s.outputs[i].Name, err)
		}
		out[s.outputs[i].Name] = t
	}
	return out, nil
}

// runNative calls the runtime and waits for it, however the run ends.
func (s *Session) runNative(ctx context.Context, feeds, results []onnx.Value) error {
	options, err := onnx.NewRunOptions()
	if err != nil {
		return fmt.Errorf("run a graph: %w", err)
	}
	defer options.Destroy()
	terminated := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		options.Terminate()
		close(terminated)
	})
	err = s.session.RunWithOptions(feeds, results, options)
	if !stop() {
		<-terminated // options must outlive Terminate
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("run a graph: %w", err)
	}
	return nil
}

// Close waits for runs under way and frees the graph.
func (s *Session) Close() error {
	s.running.Lock()
	defer s.running.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	defer trim()
	return s.session.Destroy()
}
