package review

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/labelloop/labelloop/internal/label"
)

// predictions are what models say.
type predictions interface {
	Models(ctx context.Context) ([]label.Model, error)
	ModelLabels(ctx context.Context, model int64) ([]int64, error)
	Predictions(ctx context.Context, m label.Model, items []int64) ([]label.Probabilities, error)
}

// suggestion is what a model version says of an item, in the present names of the labels.
type suggestion struct {
	Labels     []string `json:"labels"`
	Confidence float64  `json:"confidence"`
	Calibrated bool     `json:"calibrated"`
	Scores     []score  `json:"scores"` // the highest ones
}

type score struct {
	Label string  `json:"label"`
	Prob  float64 `json:"prob"`
}

// mostScores is how many of the highest scores are shown.
const mostScores = 10

// suggested is a suggestion and the model version that makes it; 0 where none does.
type suggested struct {
	model int64
	*suggestion
}

// suggest gives for each item what the newest model version that has judged it says: while a new one is at work, the others
// stand in.
func (s *Server) suggest(ctx context.Context, items []int64) ([]suggested, error) {
	models, err := s.Store.Models(ctx)
	if err != nil {
		return nil, err
	}
	set, err := s.Store.LabelSet(ctx, 0)
	if err != nil {
		return nil, err
	}
	names := make(map[int64]string, len(set.Labels))
	for _, l := range set.Labels {
		names[l.ID] = l.Name
	}
	list := make([]suggested, len(items))
	open := make([]int, len(items)) // places of those that have none yet
	for i := range open {
		open[i] = i
	}
	for _, m := range slices.Backward(models) {
		if len(open) == 0 {
			break
		}
		wanted := make([]int64, len(open))
		for k, i := range open {
			wanted[k] = items[i]
		}
		said, err := s.Store.Predictions(ctx, m, wanted)
		if err != nil {
			return nil, err
		}
		ids, err := s.Store.ModelLabels(ctx, m.ID)
		if err != nil {
			return nil, err
		}
		left := open[:0]
		for k, i := range open {
			if said[k].Probs == nil {
				left = append(left, i)
				continue
			}
			if list[i], err = s.word(m, ids, names, said[k]); err != nil {
				return nil, err
			}
		}
		open = left
	}
	return list, nil
}

// word puts probabilities into words. There is none where the label that the model means is no longer in the set.
func (s *Server) word(m label.Model, ids []int64, names map[int64]string, p label.Probabilities) (suggested, error) {
	w := &suggestion{Labels: []string{}, Calibrated: m.Calibration != nil}
	if w.Calibrated {
		var err error
		if p.Probs, err = s.Calibrate(m.Calibration, p.Probs); err != nil {
			return suggested{}, fmt.Errorf("calibrate model %s: %w", m, err)
		}
	}
	multi := s.Store.Project().MultiLabel
	top, confidence := p.Top(multi)
	w.Confidence = float64(confidence)
	for i, q := range p.Probs {
		name, present := names[ids[i]]
		if !present || slices.ContainsFunc(w.Scores, func(s score) bool { return s.Label == name }) { // of merged labels one is enough
			continue
		}
		w.Scores = append(w.Scores, score{name, float64(q)})
		if multi && q >= 0.5 {
			w.Labels = append(w.Labels, name)
		}
	}
	if !multi {
		name, present := names[ids[top]]
		if !present {
			return suggested{}, nil
		}
		w.Labels = []string{name}
	}
	slices.SortStableFunc(w.Scores, func(a, b score) int { return cmp.Compare(b.Prob, a.Prob) })
	w.Scores = append([]score{}, w.Scores[:min(len(w.Scores), mostScores)]...)
	return suggested{m.ID, w}, nil
}
