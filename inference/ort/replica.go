package ort

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"

	onnx "github.com/yalue/onnxruntime_go"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/internal/label"
)

// replica is a session's graph, loaded on one device.
type replica struct {
	native  *onnx.DynamicAdvancedSession
	guard   func(func() error) error // for the first run, which loads what was not needed before
	started atomic.Bool
	busy    int       // runs under way; the session's lock guards it
	bound   *bindings // nil where the device shares the host's memory
	threads threads   // that alone run the graph; nil where any may

	fused bool // its attention is written otherwise than in the file; on the CPU it takes padding for tokens
}

// open loads the graph on one of the provider's devices; on the CPU for rows without padding, if that is quicker and it need not be masked.
// Where profile is not "", what is run is told in a file of that prefix.
func (s *Session) open(number int, masked bool, profile string) (*replica, error) {
	options, err := onnx.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", s.path, err)
	}
	defer options.Destroy()
	if err := options.SetIntraOpNumThreads(s.options.Threads); err != nil {
		return nil, fmt.Errorf("open %s: set threads: %w", s.path, err)
	}
	// Threads that spin between runs take the core from other runs and other programs: with some of these, a run on two threads
	// takes longer than on one.
	if err := options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"); err != nil {
		return nil, fmt.Errorf("open %s: let threads sleep: %w", s.path, err)
	}
	switch s.provider.name {
	case OpenVINO:
		// It takes a graph whole, shapes too, so where it does not the runtime can tell without a run.
		if err := options.AddSessionConfigEntry("session.disable_cpu_ep_fallback", "1"); err != nil {
			return nil, fmt.Errorf("open %s: leave nothing to the CPU: %w", s.path, err)
		}
	case CPU:
		// The runtime would keep a plan of memory for every shape that it meets, and texts have many.
		if err := options.SetMemPattern(false); err != nil {
			return nil, fmt.Errorf("open %s: plan no memory: %w", s.path, err)
		}
		if err := options.AddSessionConfigEntry("optimization.disable_specified_optimizers", slowFusions); err != nil {
			return nil, fmt.Errorf("open %s: choose fusions: %w", s.path, err)
		}
	}
	if profile != "" {
		if err := options.EnableProfiling(profile); err != nil {
			return nil, fmt.Errorf("open %s: profile: %w", s.path, err)
		}
	}
	r := &replica{guard: s.provider.guard}
	err = r.guard(func() (err error) {
		if err = s.provider.append(options, number, s.options); err == nil {
			err = s.load(r, masked, options)
		}
		return err
	})
	if err != nil && s.provider.name == OpenVINO {
		said := strings.Split(strings.TrimSpace(err.Error()), "\n")
		return nil, fmt.Errorf("open %s on %s: %w for this graph: --device cpu may run it (OpenVINO says: %s)",
			s.path, OpenVINO, label.ErrNoProvider, said[len(said)-1]) // the lines before it are places in its source
	}
	if err != nil {
		return nil, fmt.Errorf("open %s on %s: %w", s.path, s.provider.device(number), err)
	}
	switch {
	case s.provider.nvidia:
		r.bound = newBindings(number)
	case s.provider.name == OpenVINO:
		r.threads = newThreads(s.options.Runs)
	}
	return r, nil
}

// load gives the graph to the runtime.
func (s *Session) load(r *replica, masked bool, options *onnx.SessionOptions) (err error) {
	if !OnProcessor(s.provider.name) { // engines are kept by the file's path
		r.native, err = onnx.NewDynamicAdvancedSession(s.path, portNames(s.inputs), portNames(s.outputs), options)
		return err
	}
	path, err := filepath.EvalSymlinks(s.path)
	if err != nil {
		return err
	}
	file, release, err := mapFile(path)
	if err != nil {
		return err
	}
	defer release()
	g, err := readGraph(file)
	if err != nil {
		return err
	}
	edits := g.leaveWeights(filepath.Base(path))
	if edits == nil { // other files are beside the name that was given
		path = s.path
	}
	if err := options.AddSessionConfigEntry(externalFolder, filepath.Dir(path)); err != nil {
		return err
	}
	var fused []edit
	if !masked {
		fused = g.fuseAttention(s.provider.name == OpenVINO)
	}
	if fused != nil {
		graph, err := firstTokenAlone(g.rewrite(append(fused, edits...)), s.options.FirstToken)
		if err == nil && s.provider.name == OpenVINO {
			graph, err = plainAttention(graph)
		}
		if err != nil {
			return err
		}
		if r.native, err = s.loadBytes(graph, options); err == nil {
			r.fused = true
			return nil
		}
	}
	r.native, err = s.loadBytes(g.rewrite(edits), options)
	if err != nil && edits != nil { // what the runtime does not take otherwise it may as it is
		r.native, err = s.loadBytes(g.rewrite(nil), options)
	}
	return err
}

// loadBytes changes the graph where bfloat16 needs that.
func (s *Session) loadBytes(graph []byte, options *onnx.SessionOptions) (*onnx.DynamicAdvancedSession, error) {
	if s.options.BF16 {
		if err := keepFinite(graph); err != nil {
			return nil, err
		}
	}
	return onnx.NewDynamicAdvancedSessionWithONNXData(graph, portNames(s.inputs), portNames(s.outputs), options)
}

// externalFolder is the setting that tells where a graph that comes from memory keeps its external weights.
const externalFolder = "session.model_external_initializers_file_folder_path"

// slowFusions are graph optimisations that cost time on the CPU: the kernels that they put in walk a row value by value, where
// those of Add, LayerNormalization and Gelu are vectorised. Without them BERT is an eighth faster (ONNX Runtime 1.32).
const slowFusions = "SkipLayerNormFusion;BiasGeluFusion"

// runOn feeds the graph on one device.
func (s *Session) runOn(ctx context.Context, r *replica, in map[string]inference.Tensor) (map[string]inference.Tensor, error) {
	for _, port := range s.inputs {
		if _, ok := in[port.Name]; !ok {
			return nil, fmt.Errorf("run a graph: input %s is missing", port.Name)
		}
	}
	if r.bound != nil {
		b := r.bound.take(s)
		defer r.bound.give(b)
		return b.run(ctx, s, r, in)
	}
	feeds := make([]onnx.Value, len(s.inputs))
	results := make([]onnx.Value, len(s.outputs))
	defer destroy(feeds)
	defer destroy(results)
	for i, port := range s.inputs {
		var err error
		if feeds[i], err = feed(in[port.Name]); err != nil {
			return nil, fmt.Errorf("run a graph: input %s: %w", port.Name, err)
		}
	}
	if err := r.run(ctx, feeds, results); err != nil {
		return nil, err
	}
	return s.fetchAll(results)
}

// fetchAll copies a run's outputs.
func (s *Session) fetchAll(results []onnx.Value) (map[string]inference.Tensor, error) {
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

// run calls the runtime and waits for it, however the run ends.
func (r *replica) run(ctx context.Context, feeds, results []onnx.Value) error {
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
	call := func() error { return r.native.RunWithOptions(feeds, results, options) }
	switch {
	case r.threads != nil:
		err = r.threads.do(call)
	case r.started.Swap(true):
		err = call()
	default:
		err = r.guard(call)
	}
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

// close frees the graph.
func (r *replica) close() error {
	err := r.native.Destroy()
	if r.bound != nil {
		r.bound.close()
	}
	if r.threads != nil {
		close(r.threads)
	}
	return err
}

// destroy frees those values of the runtime that were made.
func destroy(values []onnx.Value) {
	for _, v := range values {
		if v != nil {
			v.Destroy()
		}
	}
}
