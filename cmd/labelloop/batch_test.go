package main

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/internal/label"
)

// TestBatchInvariance holds the invariant that a label does not depend on which other items shared its batch.
func TestBatchInvariance(t *testing.T) {
	data, err := os.ReadFile("../../testdata/wiki/wiki_sentences.txt")
	if err != nil {
		t.Fatal(err)
	}
	items := texts(strings.Split(string(data), "\n")[:1000])
	e := openEngine(t, modelFlags{model: "minilm-clinc150"})
	var rows []inference.Row
	for _, enc := range e.task.Encode(t.Context(), items) {
		rows = append(rows, enc.Rows...)
	}
	alone := runBatches(t, e, rows, inOrder(len(rows)), 1)
	shuffle := rand.New(rand.NewPCG(7, 7))
	for _, size := range []int{7, 64} {
		order := shuffle.Perm(len(rows))
		for i, v := range runBatches(t, e, rows, order, size) {
			want := make([]float64, len(alone[i]))
			for j, x := range alone[i] {
				want[j] = float64(x)
			}
			if d := furthest(v, want); d > tolerance {
				t.Errorf("batches of %d: text %d: logits differ by %g", size, i, d)
			}
			if argmax(v) != argmax(alone[i]) {
				t.Errorf("batches of %d: text %d: another label", size, i)
			}
		}
	}
}

// TestPlannedBatchesAreExact: in batches of rows of one size, as jobs make them, logits are the same to the last bit. Repeated
// texts, which are run once, and resumed jobs rest on that.
func TestPlannedBatchesAreExact(t *testing.T) {
	data, err := os.ReadFile("../../testdata/wiki/wiki_sentences.txt")
	if err != nil {
		t.Fatal(err)
	}
	items := texts(strings.Split(string(data), "\n")[2000:2600])
	e := openEngine(t, modelFlags{model: "minilm-clinc150"})
	shuffle := rand.New(rand.NewPCG(8, 8))
	var want [][]float32
	for _, budget := range []int{1, 100, e.Budget, 8 * e.Budget} {
		order := shuffle.Perm(len(items))
		some := make([]label.Item, len(items))
		for i, at := range order {
			some[i] = items[at]
		}
		var rows []inference.Row
		var sizes []int
		for _, enc := range e.task.Encode(t.Context(), some) {
			rows, sizes = append(rows, enc.Rows...), append(sizes, enc.Rows[0].Size())
		}
		got := make([][]float32, len(items))
		for _, batch := range inference.Plan(sizes, budget) {
			for i, v := range runBatches(t, e, rows, batch, len(batch)) {
				if v != nil {
					got[order[i]] = v
				}
			}
		}
		if want == nil {
			want = got
		}
		for i := range got {
			if !slices.Equal(got[i], want[i]) {
				t.Fatalf("batches of %d tokens: text %d has other logits than alone", budget, i)
			}
		}
	}
}

func runBatches(t *testing.T, e *engine, rows []inference.Row, order []int, size int) [][]float32 {
	t.Helper()
	out := make([][]float32, len(rows))
	for at := range slices.Chunk(order, size) {
		batch := make([]inference.Row, len(at))
		for i, j := range at {
			batch[i] = rows[j]
		}
		vs, err := e.task.Run(context.Background(), e.session, batch)
		if err != nil {
			t.Fatal(err)
		}
		for i, j := range at {
			out[j] = vs[i]
		}
	}
	return out
}

func inOrder(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}

func argmax(v []float32) int {
	best := 0
	for i, x := range v {
		if x > v[best] {
			best = i
		}
	}
	return best
}
