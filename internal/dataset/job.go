package dataset

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// ErrComplete says that there is nothing to resume: the output was finished.
var ErrComplete = errors.New("complete; nothing to resume")

// job is the file PATH.resume beside an output, which is there while the output is unfinished. It holds what the job
// was begun with, and its lock keeps a second process off the output.
type job struct {
	output string
	file   *os.File
}

type jobRecord struct {
	Started time.Time         `json:"started"`
	Job     map[string]string `json:"job"`
}

// beginJob takes the output, in a new job or in the one that was begun before. records is the file that grows, which
// is output itself or a journal beside it.
func beginJob(output, records string, o SinkOptions) (*job, error) {
	j := &job{output: output}
	begun, err := j.open(o)
	if err != nil {
		return nil, err
	}
	if err := j.lock(); err != nil {
		j.file.Close()
		return nil, err
	}
	if begun && !o.Overwrite {
		err = j.resume(records, o)
	} else {
		err = j.start(records, o)
	}
	if err != nil {
		j.file.Close()
		return nil, err
	}
	return j, nil
}

func (j *job) name() string { return j.output + ".resume" }

// open opens the file of the job that was begun, or makes one where a new job may begin.
func (j *job) open(o SinkOptions) (begun bool, err error) {
	j.file, err = os.OpenFile(j.name(), os.O_RDWR, 0)
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, createError(j.output, err)
	}
	if _, err := os.Stat(j.output); err == nil && !o.Overwrite {
		if o.Resume {
			return false, fmt.Errorf("%s: %w", j.output, ErrComplete)
		}
		return false, fmt.Errorf("%s is already there; replace it with --overwrite, or name another --output", j.output)
	}
	j.file, err = os.OpenFile(j.name(), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return false, j.busy()
	}
	if err != nil {
		return false, createError(j.output, err)
	}
	return false, nil
}

func (j *job) busy() error {
	return fmt.Errorf("%s is being written by another process; wait for it, or name another --output", j.output)
}

func (j *job) lock() error {
	if err := syscall.Flock(int(j.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return j.busy()
		}
		return fmt.Errorf("lock %s: %w", j.name(), err)
	}
	// The process that held the lock may have finished its job, and removed the file, in between.
	ours, err := j.file.Stat()
	if err != nil {
		return fmt.Errorf("lock %s: %w", j.name(), err)
	}
	if there, err := os.Stat(j.name()); err != nil || !os.SameFile(ours, there) {
		return j.busy()
	}
	return nil
}

// start begins a new job. What is there is removed before the file says whose output it is, so that a crash in between
// never passes old records off as this job's.
func (j *job) start(records string, o SinkOptions) error {
	for _, path := range []string{j.output, records} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return createError(j.output, err)
		}
	}
	text, err := json.Marshal(jobRecord{Started: time.Now().UTC().Truncate(time.Second), Job: o.Job})
	if err != nil {
		return createError(j.output, err)
	}
	err = j.file.Truncate(0)
	if err == nil {
		_, err = j.file.WriteAt(append(text, '\n'), 0)
	}
	if err == nil {
		err = j.file.Sync()
	}
	if err == nil {
		err = syncFolder(j.output)
	}
	if err != nil {
		os.Remove(j.name()) // nothing was begun
		return createError(j.output, err)
	}
	return nil
}

// resume goes on with the job that was begun, if it is the same one.
func (j *job) resume(records string, o SinkOptions) error {
	if !o.Resume {
		return fmt.Errorf("%s is an unfinished run; go on with --resume, or start again with --overwrite", j.output)
	}
	_, missing := os.Stat(records)
	text, err := io.ReadAll(j.file)
	if err != nil {
		return fmt.Errorf("read %s: %w", j.name(), err)
	}
	var was jobRecord
	if err := json.Unmarshal(text, &was); err != nil {
		if missing != nil {
			return j.start(records, o) // it crashed before it began
		}
		return fmt.Errorf("read %s: %w; start again with --overwrite", j.name(), err)
	}
	if changes := changes(was.Job, o.Job); changes != "" {
		return fmt.Errorf("resume %s: it was begun with other settings: %s; run it with the same ones, or start again with --overwrite",
			j.output, changes)
	}
	if _, err := os.Stat(j.output); err == nil && missing != nil {
		// It was made out of its journal, and the crash came between the removal of the journal and of this file.
		if err := j.finish(); err != nil {
			return err
		}
		return fmt.Errorf("%s: %w", j.output, ErrComplete)
	}
	return nil
}

// finish marks the output as complete.
func (j *job) finish() error {
	if err := os.Remove(j.name()); err != nil {
		return fmt.Errorf("finish %s: %w", j.output, err)
	}
	return syncFolder(j.output)
}

// changes says in words how the settings of two jobs differ, "" if they don't.
func changes(was, now map[string]string) string {
	const longest = 60 // a longer value, such as a list of 150 labels, is not shown
	names := slices.Collect(maps.Keys(was))
	for name := range now {
		if _, ok := was[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var changed []string
	for _, name := range names {
		switch a, b := was[name], now[name]; {
		case a == b:
		case len(a) > longest || len(b) > longest:
			changed = append(changed, name+" differs")
		default:
			changed = append(changed, fmt.Sprintf("%s was %q, is now %q", name, a, b))
		}
	}
	return strings.Join(changed, "; ")
}

// createError says why an output can't be begun.
func createError(output string, err error) error {
	folder := filepath.Dir(output)
	if _, gone := os.Stat(folder); errors.Is(gone, fs.ErrNotExist) {
		return fmt.Errorf("create %s: the folder %s isn't there; make it first: %w", output, folder, fs.ErrNotExist)
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("create %s: %w; name another --output, or put that right", output, err)
}

// syncFolder makes the names of the files in the folder of a path durable.
func syncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) { // some file systems can't
		return err
	}
	return nil
}
