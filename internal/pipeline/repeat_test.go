package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/tokenize"
)

// count is a task whose vector tells how often its row was run.
type count struct {
	echo
	runs map[int64]int // by token
}

func (c *count) Encode(_ context.Context, items []label.Item) []inference.Encoded {
	out := make([]inference.Encoded, len(items))
	for i, item := range items {
		out[i].Rows = []inference.Row{{Tokens: tokenize.Encoding{IDs: []int64{int64(item.Text[0])}}}}
	}
	return out
}

func (c *count) Run(_ context.Context, _ inference.Session, rows []inference.Row) ([][]float32, error) {
	if slices.ContainsFunc(rows, func(r inference.Row) bool { return r.Tokens.IDs[0] == 'x' }) {
		return nil, errors.New("no such token")
	}
	out := make([][]float32, len(rows))
	for i, row := range rows {
		id := row.Tokens.IDs[0]
		c.runs[id]++
		out[i] = []float32{float32(id), float32(c.runs[id])}
	}
	return out, nil
}

func TestRepeatsAreRunOnce(t *testing.T) {
	var items []label.Item
	for i := range 1000 {
		items = append(items, label.Item{ID: fmt.Sprint(i), Text: string("abcdefgx"[i%8])})
	}
	items[500].Text = "z" // once
	task := &count{runs: map[int64]int{}}
	sink := &kept{}
	j := job(task, sink, 0)
	j.Source, j.Workers, j.Window = &held{items}, 1, 100
	stats, err := j.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for id, n := range task.runs {
		if n != 1 {
			t.Errorf("%c was run %d times", id, n)
		}
	}
	if want := len(items) - len(task.runs) - 1; stats.Rows != len(items) || stats.Repeats != want {
		t.Errorf("of %d rows %d are repeats, want %d", stats.Rows, stats.Repeats, want)
	}
	for i, line := range sink.lines {
		want := fmt.Sprintf("%d[[[%d 1]]]", i, items[i].Text[0])
		if items[i].Text == "x" {
			want = fmt.Sprintf("%d[] ", i)
		}
		if !strings.HasPrefix(line, want) {
			t.Fatalf("result %d is %s, want %s", i, line, want)
		}
	}
}

func TestRepeatsAreForgotten(t *testing.T) {
	var r repeats
	r.width.Store(repeatBytes / 4 / 10) // a few rows' worth
	row := func(id int64) inference.Row { return inference.Row{Tokens: tokenize.Encoding{IDs: []int64{id}}} }
	for id := range int64(100) {
		if _, met := r.find(row(id)); met {
			t.Fatalf("%d was never met", id)
		}
		if _, met := r.find(row(0)); !met {
			t.Fatalf("0 is forgotten, though it comes all the time")
		}
	}
	if n := len(r.young) + len(r.old); n > 2*r.room() || r.room() > 10 {
		t.Errorf("%d rows are kept", n)
	}
	if _, met := r.find(row(1)); met {
		t.Error("1 is not forgotten")
	}
}

// TestRowsAreToldApart: all that a graph is fed counts.
func TestRowsAreToldApart(t *testing.T) {
	seen := map[[16]byte]int{}
	for i, row := range []inference.Row{
		{}, {Pixels: []byte{1}}, {Tokens: tokenize.Encoding{IDs: []int64{1}}}, {Tokens: tokenize.Encoding{TypeIDs: []int64{1}}},
		{Tokens: tokenize.Encoding{Mask: []int64{1}}}, {Tokens: tokenize.Encoding{IDs: []int64{1, 0}}}, {Tokens: tokenize.Encoding{IDs: []int64{0, 1}}},
	} {
		if at, met := seen[digest(row)]; met {
			t.Errorf("rows %d and %d are the same", at, i)
		}
		seen[digest(row)] = i
	}
}
