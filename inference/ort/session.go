package ort

import (
	"context"
	"errors"
	"fmt"
	"sync"

	onnx "github.com/yalue/onnxruntime_go"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/internal/label"
)

// Options say where and how a graph runs.
type Options struct {
	Device  string // what Choose gave
	Threads int    // threads that share the work of one Run on the CPU; runs go on side by side
	Strict  bool   // refuse a graph whose matrix products or convolutions would run on the CPU, though Device is another
	Half    bool   // the graph is of half precision
	Memory  int64  // bytes of each GPU's memory that a graph may take; 0: all
	Engines string // folder in which TensorRT keeps the engines that it builds for the graph; "": nowhere
}

// Session is a loaded graph, on one device or several. It is safe for many goroutines: runs share weights and nothing else.
type Session struct {
	Device string // as in Options

	path            string
	options         Options
	provider        provider
	numbers         []int // of the provider's devices
	inputs, outputs []inference.Port
	replicas        []*replica   // one on each device
	choosing        sync.Mutex   // guards how busy replicas are
	placing         sync.Mutex   // guards placed, and has other runs wait for the first
	placed          bool         // it is known that nothing heavy runs on the CPU
	running         sync.RWMutex // held for reading by runs, for writing by Close
	closed          bool
}

// Open loads the graph at path on each of the devices. External weights are found beside it.
func Open(path string, o Options) (*Session, error) {
	loading.Lock()
	ready := loaded != ""
	loading.Unlock()
	if !ready {
		return nil, fmt.Errorf("open %s: ONNX Runtime is not loaded", path)
	}
	s := &Session{Device: o.Device, path: path, options: o}
	var err error
	if s.provider, s.numbers, err = parse(o.Device); err != nil {
		return nil, err
	}
	s.placed = !o.Strict || s.provider.name == CPU
	if err := s.readSignature(); err != nil {
		return nil, err
	}
	for _, number := range s.numbers {
		r, err := s.open(number, "")
		if err != nil {
			s.Close()
			return nil, err
		}
		s.replicas = append(s.replicas, r)
	}
	return s, nil
}

// readSignature reads inputs and outputs from the graph, without optimising it or packing its weights.
func (s *Session) readSignature() error {
	options, err := onnx.NewSessionOptions()
	if err != nil {
		return fmt.Errorf("open %s: %w", s.path, err)
	}
	defer options.Destroy()
	if err := options.SetGraphOptimizationLevel(onnx.GraphOptimizationLevelDisableAll); err != nil {
		return fmt.Errorf("open %s: %w", s.path, err)
	}
	if err := options.AddSessionConfigEntry("session.disable_prepacking", "1"); err != nil {
		return fmt.Errorf("open %s: %w", s.path, err)
	}
	defer trim()
	in, out, err := onnx.GetInputOutputInfoWithOptions(s.path, options)
	if err != nil {
		return fmt.Errorf("open %s: %w: the file is damaged or no ONNX graph; copy or export it again (runtime says: %v)",
			s.path, label.ErrBadModel, err)
	}
	s.inputs, s.outputs = ports(in), ports(out)
	return nil
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

// Replicas gives the number of devices that runs are spread over.
func (s *Session) Replicas() int { return len(s.replicas) }

// Run feeds the graph, on the device with the fewest runs under way. Cancelling ctx makes the runtime stop between two operators;
// Run waits for that before it frees anything.
func (s *Session) Run(ctx context.Context, in map[string]inference.Tensor) (map[string]inference.Tensor, error) {
	s.running.RLock()
	defer s.running.RUnlock()
	if s.closed {
		return nil, fmt.Errorf("run a graph: session is closed")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.place(ctx, in); err != nil {
		return nil, err
	}
	r := s.acquire()
	defer s.release(r)
	return s.runOn(ctx, r, in)
}

// place looks before the first run where it would run.
func (s *Session) place(ctx context.Context, in map[string]inference.Tensor) error {
	s.placing.Lock()
	defer s.placing.Unlock()
	if s.placed {
		return nil
	}
	if err := s.requirePlacement(ctx, in); err != nil {
		return err
	}
	s.placed = true
	return nil
}

func (s *Session) acquire() *replica {
	s.choosing.Lock()
	defer s.choosing.Unlock()
	least := s.replicas[0]
	for _, r := range s.replicas[1:] {
		if r.busy < least.busy {
			least = r
		}
	}
	least.busy++
	return least
}

func (s *Session) release(r *replica) {
	s.choosing.Lock()
	defer s.choosing.Unlock()
	r.busy--
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
	var errs []error
	for _, r := range s.replicas {
		errs = append(errs, r.close())
	}
	return errors.Join(errs...)
}
