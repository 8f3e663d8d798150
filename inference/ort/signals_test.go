//go:build linux && amd64

package ort

import (
	"os"
	"os/signal"
	"runtime"
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

// stack is the kernel's stack_t.
type stack struct {
	at    uintptr
	flags uint32
	size  uintptr
}

// signalStack gives the stack that the calling thread handles signals on, and sets another one.
func signalStack(t *testing.T, set *stack) (before stack) {
	t.Helper()
	if _, _, err := syscall.RawSyscall(syscall.SYS_SIGALTSTACK, uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(&before)), 0); err != 0 {
		t.Fatal(err)
	}
	return before
}

// TestSignalStackIsKept has a call do what OpenVINO does when it starts: put another stack in the place of Go's.
func TestSignalStackIsKept(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := signalStack(t, nil)
	other := make([]byte, 64<<10)
	keepSignals(func() { signalStack(t, &stack{at: uintptr(unsafe.Pointer(&other[0])), size: uintptr(len(other))}) })
	if now := signalStack(t, nil); now != before {
		t.Errorf("signals are handled on %+v, before on %+v", now, before)
	}
	runtime.KeepAlive(other)
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
