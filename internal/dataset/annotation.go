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
	if text, is := v.(string); is && strings.HasPrefix(text, "[") && json.Valid([]byte(text)) {
		v, _ = parseJSON([]byte(text))
	}
	list, _ := v.([]any)
	for _, v := range list {
		a, err := annotationOf(v)
		if a == nil || err != nil {
			return nil, false, err
		}
		as = append(as, *a)
	}
	return as, len(as) > 0, nil
}

// annotationOf reads one annotation; nil where the value is something else.
func annotationOf(v any) (*label.Annotation, error) {
	object, _ := v.(map[string]any)
	verdict, ok := object["verdict"].(string)
	if !ok {
		return nil, nil
	}
	a := &label.Annotation{Verdict: label.Verdict(verdict)}
	for name, v := range object {
		text, ok := v.(string)
		var err error
		switch name {
		case "verdict":
		case "key":
			a.Key = text
		case "annotator":
			a.Annotator = text
		case "note":
			a.Note = text
		case "at":
			a.At, err = timeOf(text)
		case "took":
			var n json.Number
			if n, ok = v.(json.Number); ok {
				a.Took, err = duration(n)
			}
		case "labels":
			a.Labels, ok = textsOf(v)
		case "suggestion":
			a.Suggestion, ok = textsOf(v)
		default:
			return nil, nil
		}
		if !ok {
			return nil, badf("%q of an annotation is %s; export it again", name, kind(v))
		}
		if err != nil {
			return nil, err
		}
	}
	if !isVerdict(a.Verdict) {
		return nil, badf("the verdict of an annotation is %q; use one of %v", verdict, verdicts)
	}
	return a, nil
}

// timeOf reads the time of an annotation.
func timeOf(text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return at, badf("the time of an annotation is %q; write it as 2026-01-31T12:00:00Z", text)
	}
	return at.UTC(), nil
}

// textsOf reads a list of strings.
func textsOf(v any) ([]string, bool) {
	list, ok := v.([]any)
	texts := make([]string, len(list))
	for i, v := range list {
		if texts[i], ok = v.(string); !ok {
			return nil, false
		}
	}
	return texts, ok
}

// listOf undoes textsOf.
func listOf(texts []string) []any {
	list := make([]any, len(texts))
	for i, text := range texts {
		list[i] = text
	}
	return list
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

// generated tells whether an item is called by its place, for want of an id.
func generated(it label.Item) bool {
	base := it.Place
	base.File = filepath.Base(base.File)
	return it.ID == it.Place.String() || it.ID == base.String()
}
