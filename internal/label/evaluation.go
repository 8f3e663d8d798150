package label

import (
	"encoding/json"
	"time"
)

// Evaluation is a version of the set of items that models are judged on.
type Evaluation struct {
	Version int64 // given by the store, from 1 on
	Digest  string
	Items   int
	Added   int // items that the version before did not have
	At      time.Time
}

// PromotionKind says what brought a model into use.
type PromotionKind string

const (
	Promote  PromotionKind = "promotion"
	Rollback PromotionKind = "rollback" // the model that was in use before comes back
)

// Promotion is a model version that was brought into use.
type Promotion struct {
	ID            int64 // given by the store
	Kind          PromotionKind
	Name, Version string
	Before        string          // name@version that was in use; "": none
	By            string          // who
	Reason        string          // why, where a person said so
	Evaluation    int64           // Evaluation.Version that the verdict rests on; 0: none
	Verdict       json.RawMessage // nil: none
	At            time.Time
}

// String gives "name@version".
func (p Promotion) String() string { return p.Name + "@" + p.Version }
