package label

import "time"

// Counts says where a project stands.
type Counts struct {
	Splits     map[Split]map[State]int // items
	Duplicates int                     // places where the content of an item stood again
	Labels     []LabelCount            // in the order of the label set
	Queue      map[Reason]int          // entries that are open
	Leased     int                     // of these, entries that somebody has before them
	Annotators []AnnotatorCount        // by name
	Models     []ModelCount            // in the order in which they were registered
	Encoders   []EncoderCount
	Rounds     int
}

// Left is how many items a model version, by its ID, has still to label, of all that there are.
func (c Counts) Left(model int64) (left, all int) {
	for _, states := range c.Splits {
		for _, n := range states {
			all += n
		}
	}
	left = all
	for _, m := range c.Models {
		if m.Model.ID == model {
			left -= m.Predictions + m.Errors
		}
	}
	return left, all
}

// LabelCount is how many items have a label.
type LabelCount struct {
	Label Label
	Items int
}

// AnnotatorCount is what a person did, annotations that were taken back included.
type AnnotatorCount struct {
	Name     string
	Verdicts map[Verdict]int
	Took     time.Duration
}

// ModelCount is how many predictions the project holds of a model version.
type ModelCount struct {
	Model       Model
	Predictions int
	Errors      int // items that it failed on
}

// EncoderCount is how many embeddings the project holds of an encoder.
type EncoderCount struct {
	Encoder    Encoder
	Embeddings int
}
