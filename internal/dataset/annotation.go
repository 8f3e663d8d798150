package dataset

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labelloop/labelloop/internal/label"
)

// Record is an item with what people have said of it. Numbers that a project gave (of items, annotations, models, rounds
// and revisions) mean nothing outside of it and are neither written nor read.
type Record struct {
	Item        label.Item
	Annotations []label.Annotation
}

// ownGold gives the known labels, if no annotation says the same: forms that tell who gave which labels have no need of them
// then.
func (r Record) ownGold() []string {
	for _, a := range r.Annotations {
		if a.Verdict.GivesLabels() && sameLabels(a.Labels, r.Item.Gold) {
			return nil
		}
	}
	return r.Item.Gold
}

// annotationJSON is the form of an annotation in files. Fields that say nothing are left out; an empty list says that no
// label was given, or suggested.
type annotationJSON struct {
	Key        string        `json:"key,omitempty"`
	Annotator  string        `json:"annotator,omitempty"`
	At         string        `json:"at,omitempty"`   // RFC 3339
	Took       json.Number   `json:"took,omitempty"` // seconds
	Verdict    label.Verdict `json:"verdict"`
	Labels     *[]string     `json:"labels,omitempty"`
	Note       string        `json:"note,omitempty"`
	Suggestion *[]string     `json:"suggestion,omitempty"`
}

// verdicts are those that hold by themselves.
var verdicts = []label.Verdict{label.Accepted, label.Corrected, label.Rejected, label.Skipped, label.Flagged}

func isVerdict(v label.Verdict) bool { return slices.Contains(verdicts, v) }

// toJSON gives the form of an annotation in files.
func toJSON(a label.Annotation) annotationJSON {
	j := annotationJSON{Key: a.Key, Annotator: a.Annotator, Took: seconds(a.Took), Verdict: a.Verdict, Note: a.Note}
	if !a.At.IsZero() {
		j.At = a.At.UTC().Format(time.RFC3339Nano)
	}
	if a.Labels != nil {
		j.Labels = &a.Labels
	}
	if a.Suggestion != nil {
		j.Suggestion = &a.Suggestion
	}
	return j
}

// annotation undoes toJSON.
func (j annotationJSON) annotation() (label.Annotation, error) {
	a := label.Annotation{Key: j.Key, Annotator: j.Annotator, Verdict: j.Verdict, Note: j.Note}
	if !isVerdict(j.Verdict) {
		return a, badf("the verdict of an annotation is %q; use one of %v", j.Verdict, verdicts)
	}
	var err error
	if j.At != "" {
		if a.At, err = time.Parse(time.RFC3339Nano, j.At); err != nil {
			return a, badf("the time of an annotation is %q; write it as 2026-01-31T12:00:00Z", j.At)
		}
	}
	if j.Took != "" {
		if a.Took, err = duration(j.Took); err != nil {
			return a, err
		}
	}
	if j.Labels != nil {
		a.Labels = *j.Labels
	}
	if j.Suggestion != nil {
		a.Suggestion = *j.Suggestion
	}
	return a, nil
}

// annotationsJSON gives annotations as a JSON value.
func annotationsJSON(as []label.Annotation) []annotationJSON {
	out := make([]annotationJSON, len(as))
	for i, a := range as {
		out[i] = toJSON(a)
	}
	return out
}

// annotationsOf reads a value that annotationsJSON has made, or its JSON text. ok is false where it is something else.
func annotationsOf(v any) (as []label.Annotation, ok bool, err error) {
	text, is := v.(string)
	if list, isList := v.([]any); isList {
		b, err := appendJSON(nil, list)
		if err != nil {
			return nil, false, err
		}
		text, is = string(b), true
	}
	if !is || !strings.HasPrefix(text, "[") {
		return nil, false, nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	var list []annotationJSON
	if d.Decode(&list) != nil || d.More() || len(list) == 0 {
		return nil, false, nil
	}
	for _, j := range list {
		if j.Verdict == "" {
			return nil, false, nil
		}
		a, err := j.annotation()
		if err != nil {
			return nil, true, err
		}
		as = append(as, a)
	}
	return as, true, nil
}

// seconds writes a duration as a decimal number of seconds, "" for none.
func seconds(d time.Duration) json.Number {
	if d == 0 {
		return ""
	}
	whole, rest := d/time.Second, d%time.Second
	sign := ""
	if d < 0 {
		sign, whole, rest = "-", -whole, -rest
	}
	text := sign + strconv.FormatInt(int64(whole), 10)
	if rest != 0 {
		text += "." + strings.TrimRight(fmt.Sprintf("%09d", rest), "0")
	}
	return json.Number(text)
}

// duration undoes seconds, to the microsecond.
func duration(n json.Number) (time.Duration, error) {
	f, err := n.Float64()
	if us := math.Round(f * 1e6); err == nil && math.Abs(us) < 1<<53 {
		return time.Duration(us) * time.Microsecond, nil
	}
	return 0, badf("%s seconds can't be; correct the number", n)
}

// equal tells whether two annotations are the same in files, where times count to the millisecond.
func equal(a, b label.Annotation) bool {
	const unit = time.Millisecond
	return a.Key == b.Key && a.Annotator == b.Annotator && a.At.Truncate(unit).Equal(b.At.Truncate(unit)) &&
		a.Took.Truncate(unit) == b.Took.Truncate(unit) && a.Verdict == b.Verdict && a.Note == b.Note &&
		sameLabels(a.Labels, b.Labels) && sameLabels(a.Suggestion, b.Suggestion)
}

// sameLabels tells an empty list from none.
func sameLabels(a, b []string) bool { return (a == nil) == (b == nil) && slices.Equal(a, b) }

// exactKey is a key that other programs pass on, or drop, and don't know. It holds what their own form has no place for.
const exactKey = "labelloop"

// exactly gives the annotation that stands in full beside the form of another program, nil where there is none.
func exactly(v any) (*label.Annotation, error) {
	list, ours, err := annotationsOf([]any{v})
	if !ours || err != nil {
		return nil, err
	}
	return &list[0], nil
}

// generated tells whether an item is called by its place, for want of an id.
func generated(it label.Item) bool {
	base := it.Place
	base.File = filepath.Base(base.File)
	return it.ID == it.Place.String() || it.ID == base.String()
}

// asRead gives a JSON value as it is when it has been written and read.
func asRead(v any) (any, error) {
	b, err := appendJSON(nil, v)
	if err != nil {
		return nil, err
	}
	value, _ := parseJSON(b)
	return value, nil
}
