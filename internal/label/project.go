package label

import (
	"slices"
	"strings"
	"time"
)

// Tasks of a project.
const (
	TextClassification  = "text-classification"
	ImageClassification = "image-classification"
)

// Project says what is labelled.
type Project struct {
	Task       string    // TextClassification or ImageClassification
	MultiLabel bool      // an item may have several labels, or none
	Created    time.Time // the random order of its items hangs on it; sqlite.Create takes the present where it is zero
}

// Check tells what is wrong with the project.
func (p Project) Check() error {
	if tasks := []string{TextClassification, ImageClassification}; !slices.Contains(tasks, p.Task) {
		return Errorf(ErrUsage, "a project's task is %q; choose one of %s", p.Task, strings.Join(tasks, ", "))
	}
	return nil
}

// Split says what an item is for.
type Split string

const (
	Pool  Split = "pool"  // to be labelled and learned from
	Eval  Split = "eval"  // held out: models are measured on it
	Audit Split = "audit" // held out: labels that were accepted unseen are checked on it
)

// State says where an item stands, by the annotations that stand: the newest one that gives labels counts, else the
// newest.
type State string

const (
	Unlabelled    State = ""         // nobody has looked
	Labelled      State = "labelled" // it has a person's labels
	Stale         State = "stale"    // its label was split or deleted since: it needs another look
	StateRejected State = "rejected" // the suggestion is wrong, and nobody said what is right
	StateSkipped  State = "skipped"
	StateFlagged  State = "flagged"
	AnyState      State = "any" // a filter that lets all pass
)

// Record is an item of a project as it stands.
type Record struct {
	Item   Item
	State  State
	Labels []string // its labels by their present names, in the order of the label set; nil unless State is Labelled
}

// Duplicate is an item whose content the project holds already.
type Duplicate struct {
	Number int64 // the item that is kept
	First  Place // where that one came from
	Again  Place // where the same content stands again
}

// ImportReport counts what became of the items of one import.
type ImportReport struct {
	Added      int
	Known      int         // the same content from the same place: imported before
	Labelled   int         // items whose known labels were taken as annotations
	Duplicates []Duplicate // the same content from another place, told once
	Failed     []error     // one for each item that could not be read or holds a label that the label set lacks
}

// Add adds the counts of another report.
func (r *ImportReport) Add(o ImportReport) {
	r.Added += o.Added
	r.Known += o.Known
	r.Labelled += o.Labelled
	r.Duplicates = append(r.Duplicates, o.Duplicates...)
	r.Failed = append(r.Failed, o.Failed...)
}
