package sqlite

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
)

// limitedJob imports, with files limited to 400 KB.
func limitedJob(ctx context.Context, dir string) error {
	signal.Ignore(syscall.SIGXFSZ) // a write beyond the limit shall fail, not end the process
	limit := syscall.Rlimit{Cur: 400_000, Max: 400_000}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	return importJob(ctx, dir)
}

func TestFullDiskLosesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "project")
	s, err := Create(t.Context(), dir, texts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddLabels(t.Context(), "ada", "x"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole := copyFolder(t, dir)
	if out, err := job("import", whole).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	limited := job("limited", dir)
	var errs strings.Builder
	limited.Stderr = &errs
	out, err := limited.Output()
	if err == nil {
		t.Fatal("the import ends well on a full disk")
	}
	for _, word := range []string{"import into project " + dir, "limit on the size of files", "run this again"} {
		if !strings.Contains(errs.String(), word) {
			t.Errorf("error is %q, want a word of %q", errs.String(), word)
		}
	}
	lines := strings.Fields(string(out))
	if len(lines) == 0 {
		t.Fatal("nothing was imported before the disk was full")
	}
	last, err := strconv.Atoi(lines[len(lines)-1])
	if err != nil {
		t.Fatal(err)
	}
	if s, err = Open(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	var there int
	if err := s.reader.QueryRow("SELECT (SELECT count(*) FROM items) + (SELECT count(*) FROM copies)").Scan(&there); err != nil || there != last {
		t.Errorf("%d texts were acknowledged, %d are there, %v", last, there, err)
	}
	s.Close()
	if out, err := job("import", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !slices.Equal(dump(t, dir), dump(t, whole)) {
		t.Error("an import that found the disk full ends otherwise than one that did not")
	}
}

// nobodyJob opens, and then tries to make, a project as somebody who may not write there.
func nobodyJob(ctx context.Context, dir string) error {
	if os.Getuid() == 0 {
		const nobody = 65534
		if err := syscall.Setuid(nobody); err != nil {
			return err
		}
	}
	s, err := Open(ctx, dir)
	if err == nil {
		s.Close()
	}
	fmt.Println(err)
	for _, in := range []string{filepath.Dir(dir), filepath.Join(filepath.Dir(dir), "new")} {
		if s, err = Create(ctx, in, texts); err == nil {
			s.Close()
		}
		fmt.Println(err)
	}
	return nil
}

func TestReadOnlyFolder(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "project")
	s, err := Create(t.Context(), dir, texts)
	if err != nil {
		t.Fatal(err)
	}
	mustImport(t, s, "", item(1, "a"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{filepath.Dir(root): 0o755, filepath.Join(dir, File): 0o444, dir: 0o555, root: 0o555} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		os.Chmod(root, 0o755)
		os.Chmod(dir, 0o755)
	})
	out, err := job("nobody", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines := strings.Split(string(out), "\n")
	for i, words := range [][]string{
		{"open project " + dir, "you must be allowed to write the folder"},
		{"open project " + root, "you must be allowed to write the folder"},
		{"make the folder of a project", "permission denied"},
	} {
		for _, word := range words {
			if !strings.Contains(lines[i], word) {
				t.Errorf("error is %q, want a word of %q", lines[i], word)
			}
		}
	}
	os.Chmod(root, 0o755)
	os.Chmod(dir, 0o755)
	os.Chmod(filepath.Join(dir, File), 0o644)
	if s, err = Open(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sound(t, s)
	if c, err := s.Counts(t.Context()); err != nil || c.Splits[label.Pool][label.Unlabelled] != 1 {
		t.Errorf("counts are %+v, %v", c, err)
	}
}
