package review

import (
	"context"
	"net/http"

	"github.com/labelloop/labelloop/internal/label"
)

// projects tells what is labelled.
type projects interface {
	Project() label.Project
	LabelSet(ctx context.Context, revision int64) (label.LabelSet, error)
	Last(ctx context.Context) (int64, error)
}

// labelEditor changes the label set; by is who does it.
type labelEditor interface {
	AddLabels(ctx context.Context, by string, names ...string) (label.LabelChange, error)
	RenameLabel(ctx context.Context, by, from, to string) (label.LabelChange, error)
	MergeLabels(ctx context.Context, by string, from []string, into string) (label.LabelChange, error)
	SplitLabel(ctx context.Context, by, from string, into ...string) (label.LabelChange, error)
	DeleteLabel(ctx context.Context, by, name string) (label.LabelChange, error)
}

// projectAnswer is what a page needs before the first item.
type projectAnswer struct {
	Task       string  `json:"task"`
	MultiLabel bool    `json:"multi_label"`
	Created    int64   `json:"created"` // milliseconds since 1970; tells this project from another one on the same address
	Annotator  string  `json:"annotator"`
	Blind      float64 `json:"blind_share"`
	Model      string  `json:"model"` // name@version, "" where none has said anything
	Items      int64   `json:"items"`
	labelsAnswer
}

// labelsAnswer is a label set.
type labelsAnswer struct {
	Revision int64         `json:"revision"`
	Labels   []label.Label `json:"labels"`
}

func (s *Server) labels(ctx context.Context) (labelsAnswer, error) {
	set, err := s.Store.LabelSet(ctx, 0)
	return labelsAnswer{set.Revision, append([]label.Label{}, set.Labels...)}, err
}

func (s *Server) getProject(r *http.Request, who string) (any, error) {
	p := s.Store.Project()
	a := projectAnswer{Task: p.Task, MultiLabel: p.MultiLabel, Created: p.Created.UnixMilli(), Annotator: who, Blind: s.Blind}
	var err error
	if a.labelsAnswer, err = s.labels(r.Context()); err != nil {
		return nil, err
	}
	models, err := s.Store.Models(r.Context())
	if err != nil {
		return nil, err
	}
	if n := len(models); n > 0 {
		a.Model = models[n-1].String()
	}
	a.Items, err = s.Store.Last(r.Context())
	return a, err
}

// labelsRequest is a change of the label set: names become into.
type labelsRequest struct {
	Change label.LabelChangeKind `json:"change"`
	Names  []string              `json:"names"`
	Into   []string              `json:"into"`
}

// mostLabels bounds how many labels one change may name, and one annotation may give.
const mostLabels = 1000

func (s *Server) changeLabels(r *http.Request, who string) (any, error) {
	var q labelsRequest
	if err := read(r, &q); err != nil {
		return nil, err
	}
	if err := between("the number of labels", len(q.Names)+len(q.Into), 1, mostLabels); err != nil {
		return nil, err
	}
	if err := s.change(r.Context(), who, q); err != nil {
		return nil, err
	}
	return s.labels(r.Context())
}

func (s *Server) change(ctx context.Context, by string, q labelsRequest) error {
	var err error
	switch names, into := len(q.Names), len(q.Into); {
	case q.Change == label.AddLabels && names > 0 && into == 0:
		_, err = s.Store.AddLabels(ctx, by, q.Names...)
	case q.Change == label.RenameLabel && names == 1 && into == 1:
		_, err = s.Store.RenameLabel(ctx, by, q.Names[0], q.Into[0])
	case q.Change == label.MergeLabels && names > 0 && into == 1:
		_, err = s.Store.MergeLabels(ctx, by, q.Names, q.Into[0])
	case q.Change == label.SplitLabel && names == 1 && into > 0:
		_, err = s.Store.SplitLabel(ctx, by, q.Names[0], q.Into...)
	case q.Change == label.DeleteLabel && names == 1 && into == 0:
		_, err = s.Store.DeleteLabel(ctx, by, q.Names[0])
	default:
		err = label.Errorf(label.ErrUsage, "change the label set: want add of names, rename of one name into one, merge of names into one, "+
			"split of one name into several, or delete of one name")
	}
	return err
}
