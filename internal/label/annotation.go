package label

import (
	"slices"
	"time"
)

// Verdict is what a person did with an item.
type Verdict string

const (
	Accepted  Verdict = "accepted"  // the labels are those that were suggested, or that the source brought along
	Corrected Verdict = "corrected" // the labels are the person's own
	Rejected  Verdict = "rejected"  // the suggestion is wrong; what is right was not said
	Skipped   Verdict = "skipped"   // the person passes; others may know
	Flagged   Verdict = "flagged"   // something is wrong with the item
	Undone    Verdict = "undone"    // takes an earlier annotation of the same person back
)

// GivesLabels tells the verdicts that say what is right.
func (v Verdict) GivesLabels() bool { return v == Accepted || v == Corrected }

// Annotation is one person's word on one item. It is never changed: a later one takes its place, or takes it back.
type Annotation struct {
	ID         int64         // order of annotations, given by the store
	Key        string        // chosen by the caller: the same key is the same annotation, however often it is sent
	Item       int64         // Item.Number
	Annotator  string        // who
	At         time.Time     // when, to the millisecond
	Took       time.Duration // how long the person looked, to the millisecond
	Verdict    Verdict
	Labels     []string // names as the person saw them
	Note       string
	Suggestion []string // labels that the person was shown, empty if these were none; nil if nothing was shown
	Model      int64    // Model.ID of the version that suggested them, or whose suggestion was held back; 0: none
	Round      int64    // Round.ID that brought the item up; 0: none
	Revision   int64    // of the label set that the person saw; 0: the present one
	Undoes     int64    // ID of the annotation that this one takes back; 0 unless Undone
	Group      string   // chosen by the caller: what was decided in one, and one undo takes back; "": alone
}

// Check tells what is missing for a project.
func (a Annotation) Check(p Project) error {
	given := []Verdict{Accepted, Corrected, Rejected, Skipped, Flagged}
	switch {
	case a.Key == "":
		return Errorf(ErrUsage, "annotate item %d: no key that makes it safe to send the annotation twice", a.Item)
	case a.Annotator == "":
		return Errorf(ErrUsage, "annotate item %d: no annotator; say who labels", a.Item)
	case !slices.Contains(given, a.Verdict):
		return Errorf(ErrUsage, "annotate item %d: verdict %q is none of %v", a.Item, a.Verdict, given)
	case a.Verdict.GivesLabels() && !p.MultiLabel && len(a.Labels) != 1:
		return Errorf(ErrUsage, "annotate item %d: %d labels, want one", a.Item, len(a.Labels))
	}
	return nil
}

// Same tells whether two annotations say the same, whatever their times.
func (a Annotation) Same(b Annotation) bool {
	return a.Item == b.Item && a.Annotator == b.Annotator && a.Verdict == b.Verdict && a.Note == b.Note &&
		slices.Equal(a.Labels, b.Labels)
}

// Truth is an item that has a person's labels.
type Truth struct {
	Item       int64   // Item.Number
	Annotation int64   // Annotation.ID of the one that counts: a later one has a higher ID
	Labels     []int64 // Label.ID, in the order of the label set; none where none applies
}
