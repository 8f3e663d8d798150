//go:build unix

package models

import (
	"fmt"
	"os"
	"syscall"
)

// lock keeps others from swapping the pointer of a name, and from removing versions of it, until unlock is called or the
// process ends.
func lock(home string) (unlock func() error, err error) {
	d, err := os.Open(home)
	if err != nil {
		return nil, err
	}
	for err = syscall.EINTR; err == syscall.EINTR; {
		err = syscall.Flock(int(d.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("lock %s: %w", home, err)
	}
	return d.Close, nil
}
