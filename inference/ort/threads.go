package ort

import "runtime"

// threads are operating system threads of their own, each of which takes calls and makes them one after another. OpenVINO gives each
// thread that calls it one of its streams, in turn, and those that got the same one wait for one another; goroutines, which come and go
// on more threads than run at a time, would.
type threads chan func()

// newThreads starts n of them, until the channel is closed.
func newThreads(n int) threads {
	calls := make(threads)
	for range n {
		go func() {
			runtime.LockOSThread() // for good: the thread ends with the goroutine
			for call := range calls {
				call()
			}
		}()
	}
	return calls
}

// do makes a call on a thread that is free, and waits for it.
func (t threads) do(call func() error) (err error) {
	done := make(chan struct{})
	t <- func() {
		defer close(done)
		err = call()
	}
	<-done
	return err
}
