package ort

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/internal/label"
)

// Options say where and how a graph runs.
type Options struct {
	Device  string // what Choose gave
	Threads int    // threads that share the work of one Run on the processor; runs go on side by side
	Runs    int    // of OpenVINO that go on side by side, at least 1; others wait
	Strict  bool   // refuse a graph whose matrix products or convolutions would run on the CPU, though Device is another
	Half    bool   // the graph is of half precision
	BF16    bool   // OpenVINO is to multiply the graph's float32 in bfloat16
	Memory  int64  // bytes of each GPU's memory that a graph may take; 0: all

	// Hidden states that are an output, batch x tokens x width, are read at the first token alone, and may hold no other.
	FirstToken bool

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
	masking         sync.Mutex   // guards masked
	masked          *replica     // for rows with padding, where the others are for rows without; nil until there are some
	choosing        sync.Mutex   // guards how busy replicas are
	placing         sync.Mutex   // guards placed and misplaced, and has other runs wait for the first
	placed          bool         // it is known where the graph runs
	misplaced       error        // why that will not do
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
	s.placed = !o.Strict || OnProcessor(s.provider.name)
	file, release, err := mapFile(path)
	if err != nil {
		return nil, fmt.Errorf("open %w", err)
	}
	defer release()
	g, err := readGraph(file)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w: %w: the file is damaged; copy or export it again", path, label.ErrBadModel, err)
	}
	s.inputs, s.outputs = g.inputs, g.outputs
	if err := requireTypes(path, slices.Concat(s.inputs, s.outputs)); err != nil {
		return nil, err
	}
	for _, number := range s.numbers {
		r, err := s.open(number, false, "")
		if err != nil {
			s.Close()
			return nil, err
		}
		s.replicas = append(s.replicas, r)
	}
	return s, nil
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
	if r.fused && s.provider.name == CPU && padded(in) {
		masked, err := s.openMasked()
		if err != nil {
			return nil, err
		}
		return s.runOn(ctx, masked, in)
	}
	return s.runOn(ctx, r, in)
}

// padded says whether some of the tokens are padding.
func padded(in map[string]inference.Tensor) bool { return slices.Contains(in[maskInput].Int64, 0) }

// openMasked gives the graph as it is in its file.
func (s *Session) openMasked() (*replica, error) {
	s.masking.Lock()
	defer s.masking.Unlock()
	if s.masked == nil {
		r, err := s.open(s.numbers[0], true, "")
		if err != nil {
			return nil, err
		}
		s.masked = r
	}
	return s.masked, nil
}

// place looks before the first run where it would run.
func (s *Session) place(ctx context.Context, in map[string]inference.Tensor) error {
	s.placing.Lock()
	defer s.placing.Unlock()
	if s.placed {
		return s.misplaced
	}
	err := s.requirePlacement(ctx, in)
	if err == nil || errors.Is(err, label.ErrNoProvider) { // not where the run failed, for its feeds or its context
		s.placed, s.misplaced = true, err
	}
	return err
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
	return trimmed(func() error {
		var errs []error
		for _, r := range s.replicas {
			errs = append(errs, r.close())
		}
		if s.masked != nil {
			errs = append(errs, s.masked.close())
		}
		return errors.Join(errs...)
	})
}
