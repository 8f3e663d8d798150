package review

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// BenchmarkAnnotate lets twenty people make fifty decisions a second together while a model of 150 labels predicts in
// another opening of the project. An operation is a decision: -benchtime 30000x takes ten minutes.
func BenchmarkAnnotate(b *testing.B) {
	const people, pause = 20, 400 * time.Millisecond
	const items, window = 100_000, 1024
	dir := filepath.Join(b.TempDir(), "project")
	store := create(b, dir, label.Project{Task: label.TextClassification}, items)
	defer store.Close()
	other, err := sqlite.Open(b.Context(), dir)
	must(b, err)
	defer other.Close()
	labels := make([]string, 150)
	for i := range labels {
		labels[i] = fmt.Sprint("class ", i)
	}
	m, err := other.RegisterModel(b.Context(), label.Model{Name: "m", Version: "2", Labels: labels})
	must(b, err)
	c := config(store)
	for p := range people {
		c.Annotators = append(c.Annotators, fmt.Sprint("p", p))
	}
	s, err := New(c)
	must(b, err)
	defer s.Close()
	ctx, stop := context.WithCancel(b.Context())
	base, served := serve(b, ctx, s)
	list := make([]label.Probabilities, window)
	stopped := predicting(b, other, m, list, 100*time.Millisecond, func(round int) {
		for i := range list {
			list[i] = label.Probabilities{Item: int64((round*window+i)%items + 1), Probs: make([]float32, len(labels))}
		}
	})
	var labelling sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	var made atomic.Int64
	b.ResetTimer()
	for p := range people {
		labelling.Go(func() {
			who := fmt.Sprint("p", p)
			c := newCaller(base, who)
			for {
				var got leased
				if err := c.post("/api/lease", map[string]int{"n": 20}, &got); err != nil {
					b.Error(err)
					return
				}
				for _, e := range got.Entries {
					if made.Add(1) > int64(b.N) {
						return
					}
					time.Sleep(pause/2 + rand.N(pause))
					span, err := accept(c, who, e)
					if err != nil {
						b.Error(err)
						return
					}
					mu.Lock()
					took = append(took, span)
					mu.Unlock()
				}
			}
		})
	}
	labelling.Wait()
	b.StopTimer()
	stopped()
	stop()
	must(b, <-served)
	slices.Sort(took)
	for name, share := range map[string]float64{"p50-ms": 0.5, "p99-ms": 0.99, "max-ms": 1} {
		b.ReportMetric(1000*took[int(share*float64(len(took)-1))].Seconds(), name)
	}
}
