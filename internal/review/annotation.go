package review

import (
	"context"
	"net/http"
	"time"

	"github.com/labelloop/labelloop/internal/label"
)

// annotations are people's decisions. The store answers when they are on the disk.
type annotations interface {
	Annotate(ctx context.Context, a label.Annotation) (label.Annotation, error)
	AnnotateAll(ctx context.Context, list []label.Annotation) ([]error, error)
	Undo(ctx context.Context, annotator, key string) ([]label.Annotation, error)
}

// annotationRequest is a decision as the page sends it. Sent again with the same key it is the same decision.
type annotationRequest struct {
	Key        string        `json:"key"`
	Item       int64         `json:"item"`
	Verdict    label.Verdict `json:"verdict"`
	Labels     []string      `json:"labels"`
	Note       string        `json:"note"`
	Took       int           `json:"took_ms"`
	Suggestion []string      `json:"suggestion"` // what the person was shown; null: nothing
	Model      int64         `json:"model"`      // that suggested it, or whose suggestion was held back
	Round      int64         `json:"round"`
	Revision   int64         `json:"revision"`
}

// Bounds of what a decision may hold.
const (
	mostKey   = 200
	mostNote  = 10_000 // bytes
	mostTook  = 24 * time.Hour
	mostAtOne = 10_000 // decisions in one request
)

// annotation checks what the store doesn't.
func (q annotationRequest) annotation(who string) (label.Annotation, error) {
	for _, b := range []struct {
		name    string
		n, most int
	}{
		{"the length of key", len(q.Key), mostKey}, {"the length of note", len(q.Note), mostNote},
		{"took_ms", q.Took, int(mostTook.Milliseconds())},
		{"the number of labels", len(q.Labels), mostLabels}, {"the number of suggested labels", len(q.Suggestion), mostLabels},
	} {
		if err := between(b.name, b.n, 0, b.most); err != nil {
			return label.Annotation{}, err
		}
	}
	if q.Model < 0 || q.Round < 0 || q.Revision < 0 {
		return label.Annotation{}, label.Errorf(label.ErrUsage, "model, round and revision are %d, %d and %d, want none below 0",
			q.Model, q.Round, q.Revision)
	}
	if !q.Verdict.GivesLabels() && len(q.Labels) > 0 {
		return label.Annotation{}, label.Errorf(label.ErrUsage, "annotate item %d: an item that is %s gets no labels", q.Item, q.Verdict)
	}
	return label.Annotation{
		Key: q.Key, Item: q.Item, Annotator: who, At: time.Now(), Took: time.Duration(q.Took) * time.Millisecond, Verdict: q.Verdict,
		Labels: q.Labels, Note: q.Note, Suggestion: q.Suggestion, Model: q.Model, Round: q.Round, Revision: q.Revision,
	}, nil
}

// annotated is the answer to a decision: its number, or why it can't be taken.
type annotated struct {
	ID    int64  `json:"id,omitempty"`
	Error string `json:"error,omitempty"`
}

func (s *Server) annotate(r *http.Request, who string) (any, error) {
	var q annotationRequest
	if err := read(r, &q); err != nil {
		return nil, err
	}
	a, err := q.annotation(who)
	if err != nil {
		return nil, err
	}
	kept, err := s.Store.Annotate(r.Context(), a)
	return annotated{ID: kept.ID}, err
}

func (s *Server) annotateAll(r *http.Request, who string) (any, error) {
	var q struct {
		Key         string              `json:"key"` // of what one undo takes back
		Annotations []annotationRequest `json:"annotations"`
	}
	if err := read(r, &q); err != nil {
		return nil, err
	}
	if err := between("the length of key", len(q.Key), 0, mostKey); err != nil {
		return nil, err
	}
	if err := between("the number of annotations", len(q.Annotations), 0, mostAtOne); err != nil {
		return nil, err
	}
	results := make([]annotated, len(q.Annotations))
	var list []label.Annotation
	var places []int
	for i, one := range q.Annotations {
		if a, err := one.annotation(who); err != nil {
			results[i].Error = err.Error()
		} else {
			a.Group = q.Key
			list, places = append(list, a), append(places, i)
		}
	}
	refused, err := s.Store.AnnotateAll(r.Context(), list)
	if err != nil {
		return nil, err
	}
	for k, i := range places {
		if refused[k] != nil {
			results[i].Error = refused[k].Error()
		} else {
			results[i].ID = list[k].ID
		}
	}
	return map[string]any{"results": results}, nil
}

// undo takes a person's newest decision back, or all of those that were made in one with it.
func (s *Server) undo(r *http.Request, who string) (any, error) {
	var q struct {
		Key string `json:"key"`
	}
	if err := read(r, &q); err != nil {
		return nil, err
	}
	if err := between("the length of key", len(q.Key), 1, mostKey); err != nil {
		return nil, err
	}
	back, err := s.Store.Undo(r.Context(), who, q.Key)
	if err != nil {
		return nil, err
	}
	items := make([]int64, len(back))
	for i, a := range back {
		items[i] = a.Item
	}
	return map[string]any{"item": items[0], "items": items}, nil
}
