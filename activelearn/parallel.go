package activelearn

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// parallel calls work for runs of neighbouring numbers that cover 0 to n-1, on all cores. Where the runs end does not
// depend on the number of cores; what work writes must be apart from what other runs read and write.
func parallel(n int, work func(from, to int)) { parallelRuns(n, 1024, work) }

// parallelRuns is parallel with runs of a given length, for work that is heavy.
func parallelRuns(n, run int, work func(from, to int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (n+run-1)/run) {
		workers.Go(func() {
			for {
				to := int(next.Add(int64(run)))
				from := to - run
				if from >= n {
					return
				}
				work(from, min(to, n))
			}
		})
	}
	workers.Wait()
}
