package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// backupStep is how many pages are copied before ctx is looked at again: 16 MB.
const backupStep = 4096

// Backup copies the project, as it is at one moment, into a new file, while others go on reading and writing. The file
// takes its name when it is whole. To go back to it, put it into an empty folder as labelloop.db.
func (s *Store) Backup(ctx context.Context, to string) error {
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("back up project %s: %s is already there; name another file", s.dir, to)
	}
	to, err := filepath.Abs(to)
	if err != nil {
		return fmt.Errorf("back up project %s: %w", s.dir, err)
	}
	partial := to + ".partial"
	if err := os.Remove(partial); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("back up project %s: %w", s.dir, err)
	}
	err = s.copyTo(ctx, partial)
	if err == nil {
		err = os.Rename(partial, to)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(to))
	}
	if err != nil {
		os.Remove(partial)
		return fmt.Errorf("back up project %s to %s: %w", s.dir, to, err)
	}
	return nil
}

// copyTo copies by SQLite's online backup. The copying connection stays in one transaction all the while: a copy that saw
// a change of the source would begin again, and with people at work never end.
func (s *Store) copyTo(ctx context.Context, path string) error {
	from, err := s.reader.Conn(ctx)
	if err != nil {
		return err
	}
	defer from.Close()
	tx, err := from.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var schema int
	if err := tx.QueryRow("SELECT count(*) FROM sqlite_schema").Scan(&schema); err != nil { // the first read takes the moment
		return err
	}
	opened, err := (&sqlite3.SQLiteDriver{}).Open(uri(path, "mode", "rwc", "_synchronous", "FULL"))
	if err != nil {
		return advised(err)
	}
	to := opened.(*sqlite3.SQLiteConn)
	err = from.Raw(func(source any) error {
		backup, err := to.Backup("main", source.(*sqlite3.SQLiteConn), "main")
		if err != nil {
			return err
		}
		for done := false; err == nil && !done; {
			if err = ctx.Err(); err == nil {
				done, err = backup.Step(backupStep)
			}
		}
		if closeErr := backup.Close(); err == nil {
			err = closeErr
		}
		return err
	})
	if closeErr := to.Close(); err == nil {
		err = closeErr
	}
	return advised(err)
}

// syncFolder makes the names of the files in a folder durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
