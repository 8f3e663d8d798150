package pipeline

import "time"

// Stage is a part of a job's work.
type Stage string

// The stages. Reading and encoding take turns in one goroutine, runs go on in as many as there are workers, and results are
// decoded and written in another.
const (
	Reading  Stage = "read"
	Encoding Stage = "encode" // tokenise, or decode and resize
	Running  Stage = "run"
	Writing  Stage = "write"
)

// Span is a time that a stage was busy: with a window, or with a batch where it was run.
type Span struct {
	Stage Stage
	Lane  int // 0 for those that read, 1 for those that write, from 2 on the workers
	Items int // rows where it was run
	Begin time.Time
	End   time.Time
}

// Lanes of spans.
const (
	readLane = iota
	writeLane
	firstWorker
)

// watched tells Watch of a span that ends now.
func (r *run) watched(stage Stage, lane, items int, begin time.Time) {
	if r.Watch != nil {
		r.Watch(Span{stage, lane, items, begin, time.Now()})
	}
}
