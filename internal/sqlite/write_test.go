package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// TestChangesShareATransaction lets many write at once: some fail, panic or give up. Each keeps its own, and nothing else, and
// there are fewer transactions than changes.
func TestChangesShareATransaction(t *testing.T) {
	s := create(t, texts, "a")
	const changes = 400
	failed := errors.New("failed")
	groups := make([]*sql.Tx, changes)
	outcome := make([]error, changes)
	var all sync.WaitGroup
	for i := range changes {
		all.Go(func() {
			ctx := t.Context()
			if i%4 == 3 {
				var stop context.CancelFunc
				ctx, stop = context.WithTimeout(ctx, time.Duration(i)*10*time.Microsecond)
				defer stop()
			}
			defer func() {
				if recover() != nil {
					outcome[i] = failed
				}
			}()
			outcome[i] = s.write(ctx, "test", func(tx *sql.Tx) error {
				groups[i] = tx
				_, err := tx.Exec("INSERT INTO events (id, at, kind, author) VALUES (?, 0, 'test', ?)", i+1, fmt.Sprint(i))
				switch {
				case i%4 == 1:
					return errors.Join(err, failed)
				case i%4 == 2:
					panic("a fault")
				}
				return err
			})
		})
	}
	all.Wait()
	kept := map[string]bool{}
	events, err := s.Events(t.Context(), 0, changes)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		kept[e.By] = true
	}
	shared := map[*sql.Tx]int{}
	for i, err := range outcome {
		if (err == nil) != kept[fmt.Sprint(i)] {
			t.Errorf("change %d ends with %v, and is kept: %v", i, err, kept[fmt.Sprint(i)])
		}
		if i%4 == 0 && err != nil || (i%4 == 1 || i%4 == 2) && !errors.Is(err, failed) {
			t.Errorf("change %d ends with %v", i, err)
		}
		if groups[i] != nil {
			shared[groups[i]]++
		}
	}
	if len(shared) >= changes/2 {
		t.Errorf("%d changes took %d transactions", changes, len(shared))
	}
}

// TestWaitForAnotherProcess holds the project in another opening: a change waits, and its context ends the wait.
func TestWaitForAnotherProcess(t *testing.T) {
	s := create(t, texts, "a")
	other, err := Open(t.Context(), s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	held, free := make(chan struct{}), make(chan struct{})
	var holding sync.WaitGroup
	holding.Go(func() {
		err := other.write(t.Context(), "hold", func(*sql.Tx) error {
			close(held)
			<-free
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-held
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	if err := s.Log(ctx, "test", "ann", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a change whose time is over ends with %v", err)
	}
	waited := make(chan error)
	go func() { waited <- s.Log(t.Context(), "test", "ann", nil) }()
	time.Sleep(10 * time.Millisecond)
	close(free)
	if err := <-waited; err != nil {
		t.Error(err)
	}
	holding.Wait()
}

// TestCheckpoint writes far more than the log may hold.
func TestCheckpoint(t *testing.T) {
	s := create(t, texts, "a")
	text := make([]byte, 16<<10)
	for range 3 * fewPages / 4 {
		err := s.write(t.Context(), "test", func(tx *sql.Tx) error {
			_, err := tx.Exec("INSERT INTO events (at, kind, author, data) VALUES (0, 'test', ?, NULL)", string(text))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	s.running.Wait()
	s.checkpoint()
	if log, copied, err := s.pragma("NOOP"); err != nil || log-copied > fewPages {
		t.Errorf("of %d pages in the log %d are copied, %v", log, copied, err)
	}
}
