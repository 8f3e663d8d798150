package label

import "time"

// Label is one label of a project. Its ID stays when its name changes.
type Label struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// LabelSet is the labels of a project at one revision, in the order in which they were added.
type LabelSet struct {
	Revision int64 // number of the change that made it
	Labels   []Label
}

// Names gives the labels' names in order.
func (s LabelSet) Names() []string {
	names := make([]string, len(s.Labels))
	for i, l := range s.Labels {
		names[i] = l.Name
	}
	return names
}

// Index gives the place of each label by its ID.
func (s LabelSet) Index() map[int64]int {
	index := make(map[int64]int, len(s.Labels))
	for i, l := range s.Labels {
		index[l.ID] = i
	}
	return index
}

// LabelChangeKind names what can be done to a label set.
type LabelChangeKind string

const (
	AddLabels   LabelChangeKind = "add"
	RenameLabel LabelChangeKind = "rename"
	MergeLabels LabelChangeKind = "merge"  // what had one of them has the one they became
	SplitLabel  LabelChangeKind = "split"  // what had it needs another look
	DeleteLabel LabelChangeKind = "delete" // what had it, has it no more
)

// LabelChange is a record of one change to the label set.
type LabelChange struct {
	Revision int64 // of the label set that it made
	Kind     LabelChangeKind
	Before   []string // names that the change took away
	After    []string // names that it brought, or that took the others in
	By       string
	At       time.Time
	Items    int // items whose labels, or whose state, the change touched
}
