package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/internal/pipeline"
)

// timingFlags ask where the time of a job goes.
type timingFlags struct {
	stats bool
	trace string
}

func (f *timingFlags) bind(c *cobra.Command) {
	c.Flags().BoolVar(&f.stats, "stats", false, "tell how long each stage was busy, and which one the others waited for")
	c.Flags().StringVar(&f.trace, "trace", "", "write what was done when to a file in Chrome's trace format (chrome://tracing, ui.perfetto.dev)")
}

// timing adds up how long the stages of a job were busy, and writes a trace.
type timing struct {
	workers int
	begin   time.Time
	told    io.Writer // nil: not asked for
	file    *os.File  // nil: no trace
	trace   *bufio.Writer

	mu   sync.Mutex
	busy map[pipeline.Stage]time.Duration
	err  error // of the trace
}

// start begins to watch a job of some workers.
func (f *timingFlags) start(workers int, log io.Writer) (*timing, error) {
	t := &timing{workers: workers, begin: time.Now(), busy: map[pipeline.Stage]time.Duration{}}
	if f.stats {
		t.told = log
	}
	if f.trace == "" {
		return t, nil
	}
	var err error
	if t.file, err = os.Create(f.trace); err != nil {
		return nil, fmt.Errorf("write a trace: %w", err)
	}
	t.trace = bufio.NewWriter(t.file)
	t.trace.WriteString("[\n") // the format allows a file that is cut off
	for lane, name := range append([]string{"read, encode", "write"}, make([]string, workers)...) {
		if name == "" {
			name = fmt.Sprintf("run %d", lane-1)
		}
		t.write(event{Name: "thread_name", Phase: "M", Lane: lane, Args: map[string]any{"name": name}})
	}
	return t, nil
}

// event is one of a trace, by the names of Chrome's Trace Event Format.
type event struct {
	Name  string         `json:"name"`
	Phase string         `json:"ph"`
	At    int64          `json:"ts"` // microseconds since the job began, as is the duration
	Took  int64          `json:"dur,omitempty"`
	PID   int            `json:"pid"`
	Lane  int            `json:"tid"`
	Args  map[string]any `json:"args"`
}

// write appends an event to the trace. The first error is kept for close.
func (t *timing) write(e event) {
	e.PID = 1
	line, err := json.Marshal(e)
	if err == nil {
		_, err = t.trace.Write(append(line, ",\n"...))
	}
	t.err = errors.Join(t.err, err)
}

// watch takes a span of the job.
func (t *timing) watch(s pipeline.Span) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.busy[s.Stage] += s.End.Sub(s.Begin)
	if t.trace != nil && t.err == nil {
		t.write(event{Name: string(s.Stage), Phase: "X", At: s.Begin.Sub(t.begin).Microseconds(), Took: s.End.Sub(s.Begin).Microseconds(),
			Lane: s.Lane, Args: map[string]any{"items": s.Items}})
	}
}

// close ends the trace, and tells what was asked for.
func (t *timing) close() error {
	if t.told != nil {
		t.tell(time.Since(t.begin))
	}
	if t.trace == nil {
		return nil
	}
	_, err := t.trace.WriteString("{}]\n")
	if err := errors.Join(t.err, err, t.trace.Flush(), t.file.Close()); err != nil {
		return fmt.Errorf("write a trace: %w", err)
	}
	return nil
}

// tell writes how long each stage was busy. Those that share a goroutine can together be busy all the time.
func (t *timing) tell(whole time.Duration) {
	share := func(d time.Duration, lanes int) float64 {
		return d.Seconds() / whole.Seconds() / float64(max(1, lanes))
	}
	table := tabwriter.NewWriter(t.told, 0, 8, 2, ' ', 0)
	fmt.Fprintf(table, "stage\tbusy\tof %s\n", whole.Round(time.Millisecond))
	for _, stage := range []pipeline.Stage{pipeline.Reading, pipeline.Encoding, pipeline.Running, pipeline.Writing} {
		lanes, on := 1, ""
		if stage == pipeline.Running {
			lanes, on = t.workers, fmt.Sprintf(" of %d workers", t.workers)
		}
		fmt.Fprintf(table, "%s\t%s\t%.1f %%%s\n", stage, t.busy[stage].Round(time.Millisecond), 100*share(t.busy[stage], lanes), on)
	}
	table.Flush()
	slowest, most := "", 0.0
	for _, s := range []struct {
		name  string
		share float64
	}{
		{"reading and encoding", share(t.busy[pipeline.Reading]+t.busy[pipeline.Encoding], 1)},
		{"running the graph", share(t.busy[pipeline.Running], t.workers)},
		{"writing", share(t.busy[pipeline.Writing], 1)},
	} {
		if s.share > most {
			slowest, most = s.name, s.share
		}
	}
	fmt.Fprintf(t.told, "bottleneck: %s\n", slowest)
}
