// Package pipeline carries items from a source through encoding, inference and decision to a sink, in bounded
// stages. Items are read in windows; a window's rows are batched by length, run on several workers, and its results
// put in the order in which its items were read. Rows that are the same are run once.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/internal/label"
)

// Source yields up to n items, io.EOF when drained. An item that could not be read carries its error.
type Source interface {
	Next(ctx context.Context, n int) ([]label.Item, error)
}

// Sink takes results in order. Done says how many it already holds from an earlier run; Keep cuts it back to the
// first n of them before the first Put.
type Sink interface {
	Done() int
	Keep(n int) error
	Put(ctx context.Context, rs []label.Result) error
}

// Job is one run over a source.
type Job struct {
	Source   Source
	Sink     Sink
	Task     inference.Task
	Session  inference.Session
	Decide   func(label.Prediction) label.Route
	Model    string // name@version, put into every result
	Workers  int    // runs side by side
	Budget   int    // padded tokens of a batch
	Window   int    // items of a window
	Progress func(Stats)
	Watch    func(Span) // called by several goroutines
}

// windowBytes closes a window of long texts, or of pictures out of an archive, early, so that memory stays bounded.
const windowBytes = 4 << 20

// windowsInFlight is how many windows are held at once: one is read and encoded while another is run, so that
// workers have a next batch when a window's last ones are under way, and a third is written.
const windowsInFlight = 3

// Stats counts what a job did.
type Stats struct {
	Items   int           // results put, errors included
	Errors  int           // results that are errors
	Review  int           // results routed to review
	Resumed int           // results an earlier run had put, which this one kept
	Tokens  int           // tokens, padding excluded, of repeated rows too
	Rows    int           // rows, repeated ones too
	Repeats int           // rows that were the same as an earlier one, and were not run
	Elapsed time.Duration // since the job began
}

// Run labels everything the source gives. When ctx ends, what was put stays and ctx's error is returned. Only a
// failure of source, sink or the whole model ends a job; what fails for an item becomes that item's error.
func (j Job) Run(ctx context.Context) (Stats, error) {
	r := &run{Job: j, start: time.Now(), free: make(chan struct{}, windowsInFlight)}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	windows := make(chan *window, windowsInFlight) // in the order of the source, to be put
	batches := make(chan *batch)
	var stages sync.WaitGroup
	stage := func(work func() error) {
		stages.Go(func() {
			if err := work(); err != nil {
				cancel(err)
			}
		})
	}
	stage(func() error {
		defer close(windows)
		defer close(batches)
		return r.read(ctx, windows, batches)
	})
	for worker := range max(1, j.Workers) {
		stage(func() error { return r.infer(ctx, firstWorker+worker, batches) })
	}
	stage(func() error { return r.write(ctx, windows) })
	stages.Wait()
	r.stats.Elapsed = time.Since(r.start)
	if ctx.Err() != nil {
		return r.stats, context.Cause(ctx)
	}
	return r.stats, nil
}

// run is the state of one Job.Run.
type run struct {
	Job
	start time.Time
	stats Stats         // owned by write
	ran   atomic.Bool   // a batch has succeeded: the model works
	again repeats       // owned by read
	free  chan struct{} // holds one token per window in flight
}

// window is a run of neighbouring items and what becomes of them.
type window struct {
	items   []label.Item
	encoded []inference.Encoded
	first   []int // row index of each item's first row
	rows    []inference.Row
	answers []*answer // per row; those of an earlier window are there when it has been put
	fresh   []int     // rows that are no repeats
	pending sync.WaitGroup
}

// batch is rows of one window that are run together.
type batch struct {
	*window
	at []int // indexes into rows
}

// read cuts the source into windows. Windows that the sink already holds whole are skipped, and the sink is cut back
// to where the first other one begins, so that a resumed job makes the same windows and batches, and so the same
// bytes, as one that was never interrupted.
func (r *run) read(ctx context.Context, windows chan<- *window, batches chan<- *batch) error {
	done, kept, skipping := r.Sink.Done(), 0, true
	for {
		select {
		case r.free <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		begin := time.Now()
		items, err := r.nextWindow(ctx)
		if err != nil {
			return err
		}
		r.watched(Reading, readLane, len(items), begin)
		if skipping && kept+len(items) <= done && len(items) > 0 {
			kept += len(items)
			<-r.free
			continue
		}
		if skipping {
			skipping = false
			if err := r.Sink.Keep(kept); err != nil {
				return err
			}
			r.stats.Resumed = kept // write has not begun: nothing was sent to it
		}
		if len(items) == 0 {
			return nil
		}
		begin = time.Now()
		w := r.encode(ctx, items)
		r.watched(Encoding, readLane, len(items), begin)
		sizes := make([]int, len(w.fresh))
		for i, at := range w.fresh {
			sizes[i] = w.rows[at].Size()
		}
		plan := inference.Plan(sizes, r.Budget)
		w.pending.Add(len(plan))
		select {
		case windows <- w:
		case <-ctx.Done():
			return nil
		}
		for i, at := range plan {
			select {
			case batches <- &batch{window: w, at: pick(w.fresh, at)}:
			case <-ctx.Done():
				w.pending.Add(i - len(plan)) // write waits for batches, and these will never be run
				return nil
			}
		}
	}
}

// nextWindow reads up to Window items, fewer when they are large; none at the end of the source.
func (r *run) nextWindow(ctx context.Context) ([]label.Item, error) {
	const step = 64
	var items []label.Item
	for bytes := 0; len(items) < r.Window && bytes < windowBytes; {
		next, err := r.Source.Next(ctx, min(step, r.Window-len(items)))
		for _, item := range next {
			bytes += len(item.Text) + len(item.Pair) + item.Held
		}
		items = append(items, next...)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return items, nil
}

// encode makes a window of items. Items that carry an error are not encoded.
func (r *run) encode(ctx context.Context, items []label.Item) *window {
	w := &window{items: items, encoded: make([]inference.Encoded, len(items)), first: make([]int, len(items))}
	var readable []label.Item
	var at []int
	for i, item := range items {
		w.encoded[i].Err = item.Err
		if item.Err == nil {
			readable, at = append(readable, item), append(at, i)
		}
	}
	for i, enc := range r.Task.Encode(ctx, readable) {
		if enc.Err != nil {
			enc.Err = readable[i].Place.Errorf("%w", enc.Err)
		}
		w.encoded[at[i]] = enc
	}
	for i, enc := range w.encoded {
		w.first[i] = len(w.rows)
		w.rows = append(w.rows, enc.Rows...)
	}
	w.answers = make([]*answer, len(w.rows))
	for i, row := range w.rows {
		var met bool
		if w.answers[i], met = r.again.find(row); !met {
			w.fresh = append(w.fresh, i)
		}
	}
	return w
}

// pick gives those of a list at some places.
func pick(list, at []int) []int {
	picked := make([]int, len(at))
	for i, j := range at {
		picked[i] = list[j]
	}
	return picked
}

// infer runs batches until there are no more.
func (r *run) infer(ctx context.Context, lane int, batches <-chan *batch) error {
	for b := range batches {
		if ctx.Err() != nil {
			b.pending.Done()
			continue
		}
		begin := time.Now()
		err := r.runBatch(ctx, b)
		r.watched(Running, lane, len(b.at), begin)
		b.pending.Done()
		if err != nil {
			return err
		}
	}
	return nil
}

// runBatch runs a batch. Where it fails, its rows are run one by one, so that only the rows at fault fail; where
// every one of them does and no batch ever succeeded, the model is at fault, and the job.
func (r *run) runBatch(ctx context.Context, b *batch) error {
	err := r.runRows(ctx, b, b.at)
	if err == nil || ctx.Err() != nil {
		return nil
	}
	for _, at := range b.at {
		if len(b.at) > 1 {
			r.runRows(ctx, b, []int{at})
		}
	}
	if !r.ran.Load() {
		return fmt.Errorf("run model %s: %w", r.Model, err)
	}
	return nil
}

// runRows runs the rows of one batch, and keeps each row's vector, or the error of the batch.
func (r *run) runRows(ctx context.Context, b *batch, at []int) error {
	rows := make([]inference.Row, len(at))
	for i, j := range at {
		rows[i] = b.rows[j]
	}
	vectors, err := r.Task.Run(ctx, r.Session, rows)
	if err == nil {
		r.ran.Store(true)
		r.again.width.Store(int64(len(vectors[0])))
	}
	for i, j := range at {
		*b.answers[j] = answer{err: err}
		if err == nil {
			b.answers[j].vector = vectors[i]
		}
	}
	return err
}

// write puts windows in order, each when its last batch is done.
func (r *run) write(ctx context.Context, windows <-chan *window) error {
	for w := range windows {
		w.pending.Wait()
		if ctx.Err() != nil {
			return nil
		}
		begin := time.Now()
		results := make([]label.Result, len(w.items))
		for i := range results {
			results[i] = r.result(w, i)
			r.count(results[i])
		}
		if err := r.Sink.Put(ctx, results); err != nil {
			return err
		}
		r.watched(Writing, writeLane, len(results), begin)
		r.stats.Items += len(results)
		r.stats.Rows += len(w.rows)
		r.stats.Repeats += len(w.rows) - len(w.fresh)
		for _, row := range w.rows {
			r.stats.Tokens += row.Tokens.Len()
		}
		<-r.free
		if r.Progress != nil {
			r.stats.Elapsed = time.Since(r.start)
			r.Progress(r.stats)
		}
	}
	return nil
}

func (r *run) count(res label.Result) {
	if res.Err != nil {
		r.stats.Errors++
	} else if res.Route == label.Review {
		r.stats.Review++
	}
}

// result makes the result of item i of the window.
func (r *run) result(w *window, i int) label.Result {
	res := label.Result{Item: w.items[i], Model: r.Model, Err: w.encoded[i].Err}
	if res.Err != nil {
		return res
	}
	from, to := w.first[i], w.first[i]+len(w.encoded[i].Rows)
	vectors := make([][]float32, to-from)
	for i, a := range w.answers[from:to] {
		if a.err != nil {
			res.Err = res.Item.Place.Errorf("%w", a.err)
			return res
		}
		vectors[i] = a.vector
	}
	var err error
	if res.Prediction, err = r.Task.Decode(w.rows[from:to], vectors); err != nil {
		res.Err = res.Item.Place.Errorf("%w", err)
		return res
	}
	res.Route = r.Decide(res.Prediction)
	return res
}
