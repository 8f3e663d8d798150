package sqlite

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/label"
)

// TestManyAtOnce lets twenty people label, each from the queue, while items are imported and predicted and others look on,
// in two openings of the project as two processes have them. Nobody may be told that the database is busy, and no entry
// may be answered twice.
func TestManyAtOnce(t *testing.T) {
	const people, entries = 20, 200
	first := create(t, texts, "x", "y")
	several(t, first, 1000)
	m := mustRegister(t, first, "1", "x", "y")
	var items []int64
	for i := range entries {
		items = append(items, int64(i+1))
	}
	enqueue(t, first, 1, label.Uncertain, items...)
	second, err := Open(t.Context(), first.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	stores := []*Store{first, second}

	var working, looking sync.WaitGroup
	done := make(chan struct{})
	check := func(what string, err error) bool {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		return err == nil
	}
	for p := range people {
		s, name := stores[p%2], fmt.Sprint("p", p)
		working.Go(func() {
			for {
				list, err := s.Lease(t.Context(), name, 3, time.Hour)
				if !check("lease", err) || len(list) == 0 {
					return
				}
				for i, e := range list {
					key := fmt.Sprint(name, "/", e.Item)
					_, err := s.Annotate(t.Context(), says(key, name, e.Item, label.Accepted, "x"))
					if !check("annotate", err) {
						return
					}
					if i == 2 && e.Item%7 == 0 {
						if _, err := s.Undo(t.Context(), name, key+"/undo"); !check("undo", err) {
							return
						}
						_, err := s.Annotate(t.Context(), says(key+"/again", name, e.Item, label.Corrected, "y"))
						check("annotate", err)
					}
				}
			}
		})
	}
	working.Go(func() {
		for batch := range 20 {
			var more []label.Item
			for i := range 100 {
				more = append(more, item(10_000+100*batch+i, fmt.Sprint("more ", batch, i)))
			}
			_, _, err := second.Import(t.Context(), more, label.Pool, "")
			check("import", err)
		}
	})
	working.Go(func() {
		for batch := range 20 {
			var list []label.Probabilities
			for i := range 50 {
				list = append(list, label.Probabilities{Item: int64(50*batch + i + 1), Probs: []float32{0.5, 0.5}})
			}
			check("predict", first.PutPredictions(t.Context(), m, list))
		}
	})
	for r := range 4 {
		s := stores[r%2]
		looking.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(10 * time.Millisecond):
				}
				_, err := s.Counts(t.Context())
				check("count", err)
				_, _, err = s.Probabilities(t.Context(), m, label.Pool, label.AnyState)
				check("read", err)
				for _, err := range s.Items(t.Context(), Filter{State: label.Labelled}) {
					if !check("items", err) {
						return
					}
				}
			}
		})
	}
	working.Wait()
	close(done)
	looking.Wait()

	sound(t, first)
	open(t, first, 0)
	var answered, twice int
	err = first.reader.QueryRow("SELECT count(*), count(*) FILTER (WHERE answered <> 1) FROM queue").Scan(&answered, &twice)
	if err != nil || answered != entries || twice > 0 {
		t.Errorf("of %d entries %d have more or less than one answer, %v", answered, twice, err)
	}
	c, err := second.Counts(t.Context())
	if err != nil || c.Splits[label.Pool][label.Labelled] != entries || c.Models[0].Predictions != 1000 || c.Leased != 0 {
		t.Errorf("counts are %+v, %v", c, err)
	}
	if c.Splits[label.Pool][label.Labelled]+c.Splits[label.Pool][label.Unlabelled] != 3000 {
		t.Errorf("items are %v", c.Splits)
	}
}
