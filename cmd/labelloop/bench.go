package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/inference/pixel"
	"github.com/labelloop/labelloop/internal/dataset"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/pipeline"
)

// benchFlags are the flags of the verb bench.
type benchFlags struct {
	modelFlags
	columns dataset.Columns
	format  string
	rounds  int
	one     bool
	json    bool
}

func benchCommand() *cobra.Command {
	f := &benchFlags{}
	c := &cobra.Command{
		Use:   "bench --model MODEL INPUT...",
		Short: "Measure throughput on this machine, by stage",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, inputs []string) error {
			return f.run(c.Context(), inputs, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f.bind(c)
	c.Flags().StringVarP(&f.columns.Text, "column", "c", "", "column or field that holds the text")
	c.Flags().StringVar(&f.format, "format", "", "format of the input (default: by file name)")
	c.Flags().IntVar(&f.rounds, "rounds", 3, "times that each stage is measured, in turn; medians are told")
	c.Flags().BoolVar(&f.one, "one", false, "one item at a time, each on all cores, as serve labels a single one")
	c.Flags().BoolVar(&f.json, "json", false, "write the result as JSON")
	return c
}

// benchResult holds median rates in items a second, and end to end as a share of the runs alone.
type benchResult struct {
	Items    int     `json:"items"`
	Batches  int     `json:"batches"`
	Tokens   int     `json:"tokens"`
	Padding  float64 `json:"padding"`    // share of padded tokens
	Encode   float64 `json:"encode"`     // items a second
	RunAlone float64 `json:"run_alone"`  // items a second
	EndToEnd float64 `json:"end_to_end"` // items a second
	Share    float64 `json:"share"`      // median over rounds of end to end / run alone
	RunP50   float64 `json:"run_p50"`    // seconds of a run alone, of one batch; half of them take less
	RunP99   float64 `json:"run_p99"`    // 99 of a hundred
	Start    float64 `json:"start"`      // seconds until the model was ready
	Device   string  `json:"device"`
	JPEG     string  `json:"jpeg_decoder,omitempty"`
}

// run measures, in turn: encoding, the graph alone on the job's batches, and the whole job into a sink that drops
// everything.
func (f *benchFlags) run(ctx context.Context, inputs []string, stdout, stderr io.Writer) error {
	if f.rounds < 1 {
		return label.Errorf(label.ErrUsage, "--rounds %d: want 1 or more", f.rounds)
	}
	model, err := f.find()
	if err != nil {
		return err
	}
	f.columns.Images = model.Manifest.ReadsImages()
	items, err := f.read(ctx, inputs)
	if err != nil {
		return err
	}
	if f.one {
		f.setting = setting{Workers: 1, Threads: f.cores(), Budget: 1}
	}
	begin := time.Now()
	e, err := f.open(ctx, model, stderr)
	if err != nil {
		return err
	}
	defer e.Close()
	res := benchResult{Items: len(items), Start: time.Since(begin).Seconds(), Device: e.session.Device}
	feeds := &recorder{Session: e.session}
	warm := e.try(items, discard{})
	warm.Session = feeds
	if _, err = warm.Run(ctx); err != nil {
		return err
	}
	res.Batches = len(feeds.feeds)
	if f.columns.Images {
		res.JPEG = pixel.JPEGDecoder()
	} else {
		padded := 0
		for _, feed := range feeds.feeds {
			padded += len(feed["attention_mask"].Int64)
			for _, on := range feed["attention_mask"].Int64 {
				res.Tokens += int(on)
			}
		}
		res.Padding = 1 - float64(res.Tokens)/float64(padded)
	}
	var encode, alone, whole, share []float64
	rate := func(d time.Duration) float64 { return float64(len(items)) / d.Seconds() }
	for range f.rounds {
		begin := time.Now()
		f.encode(ctx, e, items)
		encode = append(encode, rate(time.Since(begin)))
		begin = time.Now()
		if err := feeds.replay(ctx, e.Workers); err != nil {
			return err
		}
		alone = append(alone, rate(time.Since(begin)))
		stats, err := e.try(items, discard{}).Run(ctx)
		if err != nil {
			return err
		}
		whole = append(whole, rate(stats.Elapsed))
		share = append(share, whole[len(whole)-1]/alone[len(alone)-1])
	}
	res.Encode, res.RunAlone, res.EndToEnd, res.Share = median(encode), median(alone), median(whole), median(share)
	slices.Sort(feeds.took)
	res.RunP50, res.RunP99 = feeds.took[len(feeds.took)/2].Seconds(), feeds.took[len(feeds.took)*99/100].Seconds()
	if f.json {
		return json.NewEncoder(stdout).Encode(res)
	}
	what := fmt.Sprintf("%s tokens", thousands(res.Tokens))
	padding := fmt.Sprintf("%.1f %% padding", 100*res.Padding)
	if f.columns.Images {
		what, padding = "pictures", "JPEG by "+res.JPEG
	}
	_, err = fmt.Fprintf(stdout, "%s items, %s in %s batches (%s), %d rounds on %s\n"+
		"  start       %8.2f s\n  encode      %8.0f items/s\n  run alone   %8.0f items/s  (a batch: p50 %.1f ms, p99 %.1f ms)\n"+
		"  end to end  %8.0f items/s  (%.2f of run alone)\n",
		thousands(res.Items), what, thousands(res.Batches), padding, f.rounds, res.Device,
		res.Start, res.Encode, res.RunAlone, 1000*res.RunP50, 1000*res.RunP99, res.EndToEnd, res.Share)
	return err
}

// encode makes everything that the graph is fed: rows, and tensors of them, a window at a time as a job does.
func (f *benchFlags) encode(ctx context.Context, e *engine, items []label.Item) {
	for window := range slices.Chunk(items, e.window) {
		var rows []inference.Row
		for _, enc := range e.task.Encode(ctx, window) {
			rows = append(rows, enc.Rows...)
		}
		if f.columns.Images {
			for batch := range slices.Chunk(rows, e.Budget) {
				e.task.Run(ctx, idle{e.session}, batch)
			}
		}
	}
}

// idle is a session that answers nothing.
type idle struct{ inference.Session }

func (idle) Run(context.Context, map[string]inference.Tensor) (map[string]inference.Tensor, error) {
	return nil, nil
}

// read holds all readable items in memory.
func (f *benchFlags) read(ctx context.Context, inputs []string) ([]label.Item, error) {
	source, err := dataset.Open(inputs, f.format, f.columns)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	var items []label.Item
	for {
		next, err := source.Next(ctx, windowTexts)
		for _, item := range next {
			if item.Err == nil {
				items = append(items, item)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if len(items) == 0 {
		return nil, label.Errorf(label.ErrUsage, "bench: the inputs hold no item that can be labelled")
	}
	return items, nil
}

// try is a job whose results are looked at by nobody but the sink.
func (e *engine) try(items []label.Item, sink pipeline.Sink) pipeline.Job {
	return pipeline.Job{
		Source: &memory{items}, Sink: sink, Task: e.task, Session: e.session, Model: e.model.String(),
		Decide:  func(label.Prediction) label.Route { return label.Accept },
		Workers: e.Workers, Budget: e.Budget, Window: e.window,
	}
}

// memory is a source of items that were read before.
type memory struct{ items []label.Item }

func (m *memory) Next(_ context.Context, n int) ([]label.Item, error) {
	if len(m.items) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(m.items))
	next := m.items[:n]
	m.items = m.items[n:]
	return next, nil
}

// discard is a sink that drops everything.
type discard struct{}

func (discard) Done() int                                 { return 0 }
func (discard) Keep(int) error                            { return nil }
func (discard) Put(context.Context, []label.Result) error { return nil }

// recorder keeps what a session is fed, to run it again.
type recorder struct {
	inference.Session
	mu    sync.Mutex
	feeds []map[string]inference.Tensor
	took  []time.Duration // of runs when they were run again
}

func (r *recorder) Run(ctx context.Context, in map[string]inference.Tensor) (map[string]inference.Tensor, error) {
	r.mu.Lock()
	r.feeds = append(r.feeds, in)
	r.mu.Unlock()
	return r.Session.Run(ctx, in)
}

// replay runs the kept feeds on several workers, drops the outputs, and keeps how long each took.
func (r *recorder) replay(ctx context.Context, workers int) error {
	feeds := make(chan map[string]inference.Tensor)
	var running sync.WaitGroup
	errs := make([]error, workers)
	for w := range workers {
		running.Go(func() {
			for feed := range feeds {
				begin := time.Now()
				if _, err := r.Session.Run(ctx, feed); err != nil {
					errs[w] = err
				}
				r.mu.Lock()
				r.took = append(r.took, time.Since(begin))
				r.mu.Unlock()
			}
		})
	}
	for _, feed := range r.feeds {
		feeds <- feed
	}
	close(feeds)
	running.Wait()
	return errors.Join(errs...)
}

func median(x []float64) float64 {
	x = slices.Clone(x)
	slices.Sort(x)
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}
