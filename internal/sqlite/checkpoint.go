package sqlite

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"sync"
	"sync/atomic"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// checkpointer folds the write-ahead log into the database, beside the work. SQLite would do it within a commit: somebody
// who decides on one item would wait until all that a model has said of others is written.
type checkpointer struct {
	db      *sql.DB // one connection
	at      time.Time
	busy    atomic.Bool // of whoever sets it is at
	running sync.WaitGroup
}

const (
	checkpointEvery = time.Second
	fewPages        = 1000      // are left in the log: 4 MB
	manyPages       = 16 * 1000 // writers have to stop for a log that is longer
)

func newCheckpointer(name string) *checkpointer {
	db := sql.OpenDB(connector{name, "PRAGMA busy_timeout = 0"})
	db.SetMaxOpenConns(1)
	return &checkpointer{db: db}
}

// wake sees to the log, unless that was done a moment ago. Nobody waits for it.
func (c *checkpointer) wake() {
	if !c.busy.CompareAndSwap(false, true) {
		return
	}
	if time.Since(c.at) < checkpointEvery {
		c.busy.Store(false)
		return
	}
	c.running.Go(func() {
		defer c.busy.Store(false)
		c.checkpoint()
		c.at = time.Now()
	})
}

// checkpoint copies what no reader needs any more, while others write; so there may always be something left, and the log
// never begin anew. Where it has become long, writers stop for the rest. An error means that all stays in the log, where it
// is as safe, and is tried again.
func (c *checkpointer) checkpoint() {
	if log, copied, err := c.pragma("NOOP"); err != nil || log-copied < fewPages {
		return
	}
	if log, _, err := c.pragma("PASSIVE"); err != nil || log < manyPages {
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), checkpointEvery)
	defer stop()
	patiently(ctx, func() (int, error) {
		_, _, err := c.pragma("FULL")
		return 0, err
	})
}

// pragma checkpoints in a mode, and tells how many pages the log has and how many of them the database has too.
func (c *checkpointer) pragma(mode string) (log, copied int, err error) {
	var blocked bool
	err = c.db.QueryRow("PRAGMA wal_checkpoint("+mode+")").Scan(&blocked, &log, &copied)
	if err == nil && blocked {
		err = sqlite3.Error{Code: sqlite3.ErrBusy}
	}
	return log, copied, err
}

func (c *checkpointer) close() error {
	c.running.Wait()
	return c.db.Close()
}

// connector opens connections by a name and sets them up.
type connector struct{ name, setup string }

func (c connector) Driver() sqldriver.Driver { return &sqlite3.SQLiteDriver{} }

func (c connector) Connect(context.Context) (sqldriver.Conn, error) {
	d := sqlite3.SQLiteDriver{ConnectHook: func(conn *sqlite3.SQLiteConn) error {
		_, err := conn.Exec(c.setup, nil)
		return err
	}}
	return d.Open(c.name)
}
