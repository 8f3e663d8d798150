// Package sqlite keeps a project in one SQLite file: items, labels and their history, predictions, embeddings, the queue
// and the annotations of people.
//
// The file is in WAL mode with one writing connection and several reading ones, so that readers never wait. Every change is a
// part of one transaction begun with BEGIN IMMEDIATE, and is on the disk (synchronous=FULL) when the method that makes it returns.
// A process that is killed leaves whole transactions behind, so all methods that write can be called again.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/labelloop/labelloop/internal/label"
)

// File is the name of the database in a project's folder.
const File = "labelloop.db"

// oldest is the first release of SQLite that has no known fault in what the store relies on: before it, a write that
// meets a checkpoint could corrupt a database in WAL mode.
const oldest = 3_051_003

// busyTimeout is how long a write waits for that of another process.
const busyTimeout = 30 * time.Second

// Store is an open project. It is safe for use by several goroutines, and by several processes at once.
type Store struct {
	project label.Project
	dir     string
	writer  *writer
	reader  *sql.DB // connections that can't write
	*checkpointer
	sketches sketches
}

// Create makes a project in a folder, which is made where it isn't there. It is an error if the folder holds one.
func Create(ctx context.Context, dir string, project label.Project) (*Store, error) {
	if err := project.Check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("make the folder of a project: %w", err)
	}
	s, err := connect(dir, "rwc")
	if err != nil {
		return nil, err
	}
	version, err := s.version(ctx)
	if err == nil && version != 0 {
		err = label.Errorf(label.ErrConflict, "%s is a project already; import into it, or name another folder", dir)
	}
	if err == nil {
		err = s.migrate(ctx, version, func(tx *sql.Tx) error {
			created := now()
			if !project.Created.IsZero() {
				created = project.Created.UnixMilli()
			}
			_, err := tx.Exec("INSERT INTO project VALUES (1, ?, ?, ?)", project.Task, project.MultiLabel, created)
			return err
		})
	}
	if err == nil {
		err = s.load(ctx)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Open opens the project in a folder.
func Open(ctx context.Context, dir string) (*Store, error) {
	path := filepath.Join(dir, File)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, missing(dir)
	} else if err != nil {
		return nil, fmt.Errorf("open project: %w", err)
	}
	s, err := connect(dir, "rw")
	if err != nil {
		return nil, err
	}
	version, err := s.version(ctx)
	switch {
	case err == nil && version == 0:
		err = missing(dir) // making it was cut short
	case err == nil:
		err = s.migrate(ctx, version, nil)
	}
	if err == nil {
		err = s.load(ctx)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func missing(dir string) error {
	return label.Errorf(label.ErrUsage, "%s holds no project; make one with `labelloop init %s --task %s --labels a,b`, "+
		"or name its folder with --project", dir, dir, label.TextClassification)
}

// connect opens the connections. Nothing is read or written yet.
func connect(dir, mode string) (*Store, error) {
	if text, number, _ := sqlite3.Version(); number < oldest {
		return nil, fmt.Errorf("SQLite %s is too old to trust with a project; build labelloop with 3.51.3 or later", text)
	}
	path, err := filepath.Abs(filepath.Join(dir, File))
	if err != nil {
		return nil, fmt.Errorf("open project %s: %w", dir, err)
	}
	s := &Store{dir: dir}
	s.writer = newWriter(uri(path, "mode", mode, "_txlock", "immediate", "_journal_mode", "WAL", "_synchronous", "FULL",
		"_recursive_triggers", "1", // REPLACE shall not get around the triggers of annotations
		"_cache_size", "-65536"))
	s.checkpointer = newCheckpointer(uri(path, "mode", "rw", "_synchronous", "FULL"))
	s.reader, err = sql.Open("sqlite3", uri(path, "mode", "rw", "_query_only", "1", "_cache_size", "-16384"))
	if err != nil {
		return nil, fmt.Errorf("open project %s: %w", dir, err)
	}
	s.reader.SetMaxOpenConns(max(4, runtime.GOMAXPROCS(0)))
	s.reader.SetMaxIdleConns(max(4, runtime.GOMAXPROCS(0)))
	return s, nil
}

// uri names a database and the options of a connection to it, given as pairs.
func uri(path string, options ...string) string {
	values := url.Values{
		"_busy_timeout": {strconv.FormatInt(busyTimeout.Milliseconds(), 10)}, "_foreign_keys": {"1"}, "_stmt_cache_size": {"64"},
	}
	for i := 0; i < len(options); i += 2 {
		values.Set(options[i], options[i+1])
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + values.Encode()
}

// Close closes the connections.
func (s *Store) Close() error {
	return errors.Join(s.reader.Close(), s.checkpointer.close(), s.writer.Close()) // the last one to close folds the log into the database
}

// Project tells what the project is.
func (s *Store) Project() label.Project { return s.project }

// Dir is the project's folder, as it was named.
func (s *Store) Dir() string { return s.dir }

func (s *Store) load(ctx context.Context) error {
	var created int64
	_, err := patiently(ctx, func() (int, error) {
		return 0, s.writer.QueryRowContext(ctx, "SELECT task, multi_label, created FROM project").
			Scan(&s.project.Task, &s.project.MultiLabel, &created)
	})
	s.project.Created = moment(created)
	return s.explain("open", err)
}

// read does work in one transaction that sees the project at one moment.
func (s *Store) read(ctx context.Context, verb string, work func(tx *sql.Tx) error) error {
	tx, err := s.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return s.explain(verb, err)
	}
	defer tx.Rollback()
	if err := work(tx); ctx.Err() == nil {
		return s.explain(verb, err)
	}
	return ctx.Err()
}

// each calls scan on every row of a query.
func each(ctx context.Context, tx *sql.Tx, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func now() int64                { return time.Now().UnixMilli() }
func moment(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
