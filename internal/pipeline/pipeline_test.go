package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/tokenize"
)

// lengths is a source of n items whose texts have random lengths; an item whose number ends in 99 can't be read.
type lengths struct{ at, n int }

func (s *lengths) Next(_ context.Context, n int) ([]label.Item, error) {
	var items []label.Item
	for ; len(items) < n && s.at < s.n; s.at++ {
		item := label.Item{ID: fmt.Sprint(s.at), Place: label.Place{File: "f", Line: s.at + 1}}
		item.Text = strings.Repeat("x", 1+rand.New(rand.NewPCG(1, uint64(s.at))).IntN(300))
		if s.at%100 == 99 {
			item.Err = item.Place.Errorf("unreadable")
		}
		items = append(items, item)
	}
	if len(items) == 0 {
		return nil, io.EOF
	}
	return items, nil
}

// echo is a task whose label tells the item's length and the batch it was run in.
type echo struct {
	fail  func(rows []inference.Row) error
	delay time.Duration
	runs  atomic.Int64
}

func (e *echo) Encode(_ context.Context, items []label.Item) []inference.Encoded {
	out := make([]inference.Encoded, len(items))
	for i, item := range items {
		tokens := tokenize.Encoding{IDs: make([]int64, len(item.Text))}
		tokens.IDs[0], _ = strconv.ParseInt(item.ID, 10, 64) // no item repeats another
		twin := tokens
		twin.TypeIDs = []int64{1}
		out[i].Rows = []inference.Row{{Tokens: tokens}, {Tokens: twin, Group: 1}}
	}
	return out
}

func (e *echo) Run(ctx context.Context, _ inference.Session, rows []inference.Row) ([][]float32, error) {
	e.runs.Add(1)
	if e.delay > 0 {
		select {
		case <-time.After(e.delay):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if e.fail != nil {
		if err := e.fail(rows); err != nil {
			return nil, err
		}
	}
	out := make([][]float32, len(rows))
	for i := range rows {
		out[i] = []float32{float32(rows[i].Size()), float32(len(rows)), float32(rows[i].Group)}
	}
	return out, nil
}

func (e *echo) Decode(_ []inference.Row, v [][]float32) (label.Prediction, error) {
	return label.Prediction{Labels: []string{fmt.Sprint(v)}}, nil
}

// kept is a sink in memory that can be cut off after some results.
type kept struct {
	lines []string
	room  int // results it takes before it fails; 0 takes all
	keeps []int
}

var errFull = errors.New("sink is full")

func (k *kept) Done() int { return len(k.lines) }
func (k *kept) Keep(n int) error {
	k.keeps = append(k.keeps, n)
	k.lines = k.lines[:n]
	return nil
}
func (k *kept) Put(_ context.Context, rs []label.Result) error {
	for _, r := range rs {
		if k.room > 0 && len(k.lines) == k.room {
			return errFull
		}
		k.lines = append(k.lines, fmt.Sprint(r.Item.ID, r.Prediction.Labels, r.Err))
	}
	return nil
}

func job(task inference.Task, sink Sink, n int) Job {
	return Job{Source: &lengths{n: n}, Sink: sink, Task: task, Workers: 3, Budget: 1000, Window: 64, Model: "m@1",
		Decide: func(label.Prediction) label.Route { return label.Accept }}
}

func TestResultsStandInOrder(t *testing.T) {
	sink := &kept{}
	stats, err := job(&echo{}, sink, 1000).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if stats.Items != 1000 || stats.Errors != 10 || len(sink.lines) != 1000 {
		t.Errorf("%d items, %d errors, %d put", stats.Items, stats.Errors, len(sink.lines))
	}
	for i, line := range sink.lines {
		if !strings.HasPrefix(line, fmt.Sprint(i)) {
			t.Fatalf("result %d is %s", i, line)
		}
		if (i%100 == 99) != strings.Contains(line, fmt.Sprintf("f:%d: unreadable", i+1)) {
			t.Errorf("result %d: %s", i, line)
		}
	}
}

// TestResumeMakesTheSameBatches resumes after every kind of cut; the echo task writes its batch into each label.
func TestResumeMakesTheSameBatches(t *testing.T) {
	whole := &kept{}
	if _, err := job(&echo{}, whole, 500).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for cut := 0; cut <= 500; cut += 7 {
		sink := &kept{lines: append([]string(nil), whole.lines[:cut]...)}
		stats, err := job(&echo{}, sink, 500).Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Join(sink.lines, "\n") != strings.Join(whole.lines, "\n") {
			t.Fatalf("cut at %d: results differ from those of an uninterrupted job", cut)
		}
		if want := cut / 64 * 64; cut < 500 && (len(sink.keeps) != 1 || sink.keeps[0] != want || stats.Resumed != want) {
			t.Errorf("cut at %d: kept %v, stats say %d, want %d", cut, sink.keeps, stats.Resumed, want)
		}
	}
}

func TestOneRowAtFaultFailsItsItemAlone(t *testing.T) {
	bad := errors.New("no such token")
	task := &echo{fail: func(rows []inference.Row) error {
		for i := range rows {
			if rows[i].Size() == 250 {
				return bad
			}
		}
		return nil
	}}
	sink := &kept{}
	stats, err := job(task, sink, 1000).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for i, line := range sink.lines {
		if strings.Contains(line, bad.Error()) {
			failed++
			if !strings.Contains(line, fmt.Sprintf("f:%d: ", i+1)) {
				t.Errorf("error does not name its place: %s", line)
			}
		}
	}
	if failed == 0 || stats.Errors != failed+10 {
		t.Errorf("%d items failed, stats say %d errors", failed, stats.Errors)
	}
}

func TestAModelThatNeverWorksEndsTheJob(t *testing.T) {
	bad := errors.New("broken graph")
	sink := &kept{}
	_, err := job(&echo{fail: func([]inference.Row) error { return bad }}, sink, 100000).Run(t.Context())
	if !errors.Is(err, bad) || !strings.Contains(err.Error(), "m@1") || len(sink.lines) != 0 {
		t.Errorf("err is %v after %d results", err, len(sink.lines))
	}
}

func TestAFullSinkEndsTheJob(t *testing.T) {
	sink := &kept{room: 100}
	if _, err := job(&echo{}, sink, 100000).Run(t.Context()); !errors.Is(err, errFull) {
		t.Errorf("err is %v", err)
	}
}

func TestCancelKeepsWhatWasPut(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	task := &echo{delay: time.Millisecond}
	j := job(task, &kept{}, 1<<30)
	j.Progress = func(s Stats) {
		if s.Items >= 256 {
			cancel()
		}
	}
	stats, err := j.Run(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("err is %v", err)
	}
	if put := len(j.Sink.(*kept).lines); put < 256 || put != stats.Items {
		t.Errorf("%d put, stats say %d", put, stats.Items)
	}
}

func TestWindowsAreBoundedByBytes(t *testing.T) {
	long := strings.Repeat("word ", windowBytes/50)
	var items []label.Item
	for i := range 200 {
		items = append(items, label.Item{ID: fmt.Sprint(i), Text: long})
	}
	r := &run{Job: Job{Source: &held{items}, Window: 1024}}
	window, err := r.nextWindow(t.Context())
	if err != nil || len(window) != 64 {
		t.Errorf("window holds %d items (%v), want one step of 64", len(window), err)
	}
}

type held struct{ items []label.Item }

func (h *held) Next(_ context.Context, n int) ([]label.Item, error) {
	if len(h.items) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(h.items))
	out := h.items[:n]
	h.items = h.items[n:]
	return out, nil
}
