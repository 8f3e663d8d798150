//go:build linux && amd64

package ort

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// action is the kernel's struct sigaction.
type action struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

func sigaction(t *testing.T, s syscall.Signal, set *action) (before action) {
	t.Helper()
	if _, _, err := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(set)),
		uintptr(unsafe.Pointer(&before)), 8, 0, 0); err != 0 {
		t.Fatal(err)
	}
	return before
}

// TestSignalsAreKept has a call do what CUDA does when it starts: put other handlers in the place of Go's.
func TestSignalsAreKept(t *testing.T) {
	signals := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGPIPE, syscall.SIGURG}
	var before []action
	for _, s := range signals {
		before = append(before, sigaction(t, s, nil))
	}
	keepSignals(func() {
		for _, s := range signals {
			sigaction(t, s, &action{handler: 1}) // SIG_IGN
		}
	})
	for i, s := range signals {
		if now := sigaction(t, s, nil); now.handler != before[i].handler || now.flags&^0x04000000 != before[i].flags&^0x04000000 { // SA_RESTORER
			t.Errorf("%s: handler %#x with flags %#x, want %#x with %#x", s, now.handler, now.flags, before[i].handler, before[i].flags)
		}
	}
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, syscall.SIGINT)
	defer signal.Stop(interrupts)
	if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-interrupts:
	case <-time.After(10 * time.Second):
		t.Error("an interrupt does not reach the program")
	}
	defer func() {
		if recover() == nil {
			t.Error("a nil pointer is no panic")
		}
	}()
	var nowhere *int
	*nowhere = 1
}
