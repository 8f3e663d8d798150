package dataset

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// output is a file that takes its name when it is whole: until then it grows as PATH.tmp beside it.
type output struct {
	path string
	file *os.File // nil when it is settled
}

// createOutput begins an output. A lock keeps a second process off it.
func createOutput(path string) (*output, error) {
	file, err := os.OpenFile(path+".tmp", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errors.New("another process is writing it; wait for that")
		}
		return nil, err
	}
	o := &output{path, file}
	if err := file.Truncate(0); err != nil { // what a crash left
		o.abort()
		return nil, err
	}
	return o, nil
}

// commit makes the file durable under its name.
func (o *output) commit() error {
	if err := o.file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(o.file.Name(), o.path); err != nil {
		return err
	}
	file := o.file
	o.file = nil
	return errors.Join(syncFolder(o.path), file.Close())
}

// abort removes what was not committed.
func (o *output) abort() {
	if o.file != nil {
		os.Remove(o.file.Name())
		o.file.Close()
		o.file = nil
	}
}

// createSpool makes a file that has no name, on the disk of an output, for what can't be written before all is seen.
func createSpool(path string) (*os.File, error) {
	folder := filepath.Dir(path)
	if path == "-" {
		folder = os.TempDir()
	}
	file, err := os.CreateTemp(folder, ".labelloop-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}
