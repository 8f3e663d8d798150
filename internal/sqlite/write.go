package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// writer is the connection that writes. It lets one change after the other into transactions; those that wait together
// share one, and so one wait for the disk (group commit): twenty people who decide at once wait no longer than one.
type writer struct {
	*sql.DB
	turn    chan struct{} // full while somebody has the turn; whoever came first is next
	waiting atomic.Int64  // for the turn
	group   *group        // the open transaction; of whoever has the turn, as is rest
	rest    time.Time     // before which no transaction begins
}

func newWriter(name string) *writer {
	db := sql.OpenDB(connector{name, "PRAGMA busy_timeout = 0; PRAGMA wal_autocheckpoint = 0"}) // see patiently, and checkpointer
	db.SetMaxOpenConns(1)
	return &writer{DB: db, turn: make(chan struct{}, 1)}
}

// group is a transaction that changes share.
type group struct {
	tx    *sql.Tx
	begun time.Time
	size  int
	done  chan struct{} // closed when the transaction has ended
	err   error         // why nothing of it was kept
}

// groupTerm is how long a transaction takes changes in. One that took longer is followed by a rest, in which those of
// other processes, who ask once every poll, find their turn.
const (
	groupTerm = 5 * time.Millisecond
	poll      = time.Millisecond
)

// write does work in a transaction. It is kept whole, and on the disk when write returns, or not at all. ctx ends the wait
// for the turn; work that takes long looks at it itself.
func (s *Store) write(ctx context.Context, verb string, work func(tx *sql.Tx) error) error {
	g, err := s.writer.change(ctx, work)
	if err == nil {
		<-g.done
		err = g.err
		s.checkpointer.wake()
	}
	return s.explain(verb, err)
}

// change does work in the open transaction, or in a new one, and leaves it to the next in turn, if there is one.
func (w *writer) change(ctx context.Context, work func(tx *sql.Tx) error) (*group, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	w.waiting.Add(1)
	select {
	case w.turn <- struct{}{}:
		w.waiting.Add(-1)
	case <-ctx.Done():
		go func() { // somebody may have left a transaction to this one
			w.turn <- struct{}{}
			w.waiting.Add(-1)
			w.pass()
		}()
		return nil, ctx.Err()
	}
	defer w.pass()
	if w.group == nil {
		time.Sleep(time.Until(w.rest))
		tx, err := patiently(ctx, func() (*sql.Tx, error) { return w.BeginTx(context.WithoutCancel(ctx), nil) })
		if err != nil {
			return nil, err
		}
		w.group = &group{tx: tx, begun: time.Now(), done: make(chan struct{})}
	}
	return w.group, w.group.do(work)
}

// pass gives the turn on. The transaction ends if nobody waits to share it, or it has been open for its term.
func (w *writer) pass() {
	if g := w.group; g != nil && (g.err != nil || w.waiting.Load() == 0 || time.Since(g.begun) > groupTerm) {
		w.group = nil
		g.end()
		if now := time.Now(); now.Sub(g.begun) > groupTerm {
			w.rest = now.Add(2 * poll)
		}
	}
	<-w.turn
}

// errCut is why a transaction was not kept whose only work failed; who did that work knows the reason.
var errCut = errors.New("a change was cut short")

// do does work as a part of the transaction that can be taken back alone.
func (g *group) do(work func(tx *sql.Tx) error) (err error) {
	first := g.size == 0
	g.size++
	err = errCut // should work panic
	defer func() {
		if err == nil {
			return
		}
		if first {
			g.err = errCut
		} else if _, failed := g.tx.Exec("ROLLBACK TO change; RELEASE change"); failed != nil {
			g.err = failed
		}
	}()
	if !first { // the first needs no savepoint, which costs a copy of each page that it changes
		if _, err := g.tx.Exec("SAVEPOINT change"); err != nil {
			return err
		}
	}
	if err = work(g.tx); err == nil && !first {
		_, err = g.tx.Exec("RELEASE change")
	}
	return err
}

// end keeps the transaction, or nothing of it.
func (g *group) end() {
	defer close(g.done)
	if g.err == nil {
		g.err = g.tx.Commit()
	}
	g.tx.Rollback() // without effect after Commit
}

// patiently tries again while another process writes, until busyTimeout is over. SQLite's own wait sleeps longer each time,
// up to a tenth of a second, and those who come later overtake.
func patiently[T any](ctx context.Context, try func() (T, error)) (T, error) {
	begun := time.Now()
	for {
		result, err := try()
		var at sqlite3.Error
		if !errors.As(err, &at) || at.Code != sqlite3.ErrBusy || time.Since(begun) > busyTimeout {
			return result, err
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			return result, ctx.Err()
		}
	}
}
