package ort

/*
#include <signal.h>
#include <stddef.h>

// The sets of signals are small; the handlers' addresses tell whether one was changed.
static void save(struct sigaction *actions) {
	for (int s = 1; s < NSIG; s++) sigaction(s, NULL, &actions[s]);
}

static void restore(const struct sigaction *actions) {
	for (int s = 1; s < NSIG; s++) {
		struct sigaction now;
		if (sigaction(s, NULL, &now) != 0) continue; // the C library keeps some to itself
		if (now.sa_sigaction != actions[s].sa_sigaction || now.sa_flags != actions[s].sa_flags) sigaction(s, &actions[s], NULL);
	}
}
*/
import "C"

import (
	"runtime"
	"sync"
)

// guarding has one call at a time change handlers: another one would take the changed ones for those to be kept.
var guarding sync.Mutex

// keepSignals gives every signal the handler again that it had before the call, and the thread the stack that they are handled on.
func keepSignals(call func()) {
	guarding.Lock()
	defer guarding.Unlock()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var stack C.stack_t
	C.sigaltstack(nil, &stack)
	defer C.sigaltstack(&stack, nil)
	var actions [C.NSIG]C.struct_sigaction
	C.save(&actions[0])
	defer C.restore(&actions[0])
	call()
}
