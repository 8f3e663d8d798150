package sqlite

import (
	"errors"
	"fmt"

	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/labelloop/labelloop/internal/label"
)

// explain says what can't be done with which project where the error is SQLite's; others tell their own story.
func (s *Store) explain(verb string, err error) error {
	if told := advised(err); told != err {
		return fmt.Errorf("%s project %s: %w", verb, s.dir, told)
	}
	return err
}

// advised adds to an error of SQLite what people can do about it.
func advised(err error) error {
	var at sqlite3.Error
	if !errors.As(err, &at) {
		return err
	}
	if at.SystemErrno != 0 {
		err = fmt.Errorf("%w: %w", err, at.SystemErrno)
	}
	switch at.Code {
	case sqlite3.ErrConstraint:
		if at.ExtendedCode == sqlite3.ErrConstraintForeignKey {
			return label.Errorf(label.ErrNotFound, "no item, model, encoder or round has that number: %w", err)
		}
	case sqlite3.ErrFull:
		return fmt.Errorf("%w; the disk is full: make room and run this again; what was reported as done is safe", err)
	case sqlite3.ErrReadonly, sqlite3.ErrCantOpen, sqlite3.ErrPerm:
		return fmt.Errorf("%w; you must be allowed to write the folder and the files in it, even to read: change that, "+
			"or copy the folder", err)
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return fmt.Errorf("%w; another process has been writing for long: wait for it, then run this again", err)
	case sqlite3.ErrIoErr:
		return fmt.Errorf("%w; the disk, or a limit on the size of files, refuses: put that right and run this again; "+
			"what was reported as done is safe", err)
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
		return fmt.Errorf("%w; the file is damaged, or no project: go back to a backup", err)
	}
	return fmt.Errorf("%w", err)
}
