package label

import (
	"encoding/json"
	"time"
)

// Reason says why an item is in the queue.
type Reason string

const (
	Uncertain Reason = "uncertain" // the strategy wants it
	Control   Reason = "control"   // drawn at random from the pool
	Relabel   Reason = "relabel"   // its label is in doubt
	ForAudit  Reason = "audit"     // drawn at random from what may be accepted
	Cold      Reason = "cold"      // chosen before there was a model
)

// Round is one selection of items.
type Round struct {
	ID         int64 // given by the store
	Strategy   string
	N          int
	Seed       uint64
	Model      int64           // Model.ID whose predictions were chosen by; 0: none
	Parameters json.RawMessage // of the strategy; nil: none
	Metrics    json.RawMessage // of the model that was trained after it; nil: none yet
	Started    time.Time
}

// Entry is an item in the queue.
type Entry struct {
	ID       int64 // given by the store
	Round    int64
	Item     int64 // Item.Number
	Position int   // order in the round, given by the store
	Reason   Reason
	Score    float64   // by the strategy; NaN: none
	People   int       // how many people shall label it, at least 1
	Expires  time.Time // end of the lease, in what Lease gives
}

// Event is something that happened to a project.
type Event struct {
	ID   int64
	At   time.Time
	Kind string
	By   string
	Data json.RawMessage // nil: none
}
