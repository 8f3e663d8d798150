package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
)

func TestBackupIsAProject(t *testing.T) {
	s := create(t, texts, "x")
	several(t, s, 20_000)
	mustAnnotate(t, s, says("k", "ada", 1, label.Accepted, "x"))
	dir := t.TempDir()
	to := filepath.Join(dir, File)

	// People go on working meanwhile; the copy is of one moment.
	ctx, stop := context.WithCancel(t.Context())
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			if _, err := s.Annotate(t.Context(), says(fmt.Sprint("w", i), "bob", int64(i%20_000+1), label.Accepted, "x")); err != nil {
				t.Error(err)
			}
		}
	})
	err := s.Backup(t.Context(), to)
	stop()
	writer.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("the folder holds %q", left)
	}
	copied, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	sound(t, copied)
	stands(t, copied, 1, label.Labelled, "x")
	if c, err := copied.Counts(t.Context()); err != nil || c.Splits[label.Pool][label.Unlabelled]+c.Splits[label.Pool][label.Labelled] != 20_000 {
		t.Errorf("counts are %+v, %v", c, err)
	}
	if err := s.Backup(t.Context(), to); err == nil || !strings.Contains(err.Error(), "already there; name another file") {
		t.Errorf("a backup onto another: %v", err)
	}
	if err := s.Backup(t.Context(), filepath.Join(dir, "gone", "b.db")); err == nil || !strings.Contains(err.Error(), "unable to open") {
		t.Errorf("a backup into a folder that isn't there: %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	none := filepath.Join(t.TempDir(), "none.db")
	if err := s.Backup(cancelled, none); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled backup: %v", err)
	}
	if left, _ := os.ReadDir(filepath.Dir(none)); len(left) > 0 {
		t.Errorf("a cancelled backup leaves %v", left)
	}
}

func TestCheckFindsFaults(t *testing.T) {
	s := create(t, texts, "x", "y")
	several(t, s, 3)
	mustAnnotate(t, s, says("k", "ada", 1, label.Accepted, "x"))
	for query, fault := range map[string]string{
		"UPDATE items SET state = 'stale' WHERE id = 1":   "item 1: its state",
		"UPDATE item_labels SET label_id = 2":             "item 1: its labels",
		"UPDATE items SET annotation_id = 1 WHERE id = 2": "item 2: its state",
	} {
		if _, err := s.writer.Exec(query); err != nil {
			t.Fatal(err)
		}
		faults, err := s.Check(t.Context())
		if err != nil || !strings.Contains(strings.Join(faults, "\n"), fault) {
			t.Errorf("after %s the check finds %q, %v; want %q", query, faults, err, fault)
		}
	}
	if _, err := s.writer.Exec("PRAGMA foreign_keys = 0; DELETE FROM items WHERE id = 1"); err != nil {
		t.Fatal(err)
	}
	if faults, err := s.Check(t.Context()); err != nil || !strings.Contains(strings.Join(faults, "\n"), "of annotations points to a row of items") {
		t.Errorf("without an annotated item the check finds %q, %v", faults, err)
	}
}
