package review

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/labelloop/labelloop/internal/label"
)

// items are the project's items and what people said of them.
type items interface {
	Records(ctx context.Context, numbers []int64) ([]label.Record, error)
	StandingOf(ctx context.Context, items []int64) ([]label.Annotation, error)
	Search(ctx context.Context, q label.Search) ([]int64, error)
	Similar(ctx context.Context, item int64, n int) ([]int64, error)
}

// Bounds of a page of items.
const (
	usualPage = 50
	mostPage  = 500
	mostQuery = 1000 // bytes
)

func (s *Server) search(r *http.Request, who string) (any, error) {
	q, err := searchOf(r.URL.Query())
	if err != nil {
		return nil, err
	}
	numbers, err := s.Store.Search(r.Context(), q)
	if err != nil {
		return nil, err
	}
	records, err := s.Store.Records(r.Context(), numbers)
	if err != nil {
		return nil, err
	}
	list, err := s.standings(r.Context(), who, records)
	var next *int64
	if n := len(numbers); n == q.N {
		next = &numbers[n-1]
	}
	return map[string]any{"items": list, "next": next}, err
}

// searchOf reads a search; a parameter that is empty is none.
func searchOf(values url.Values) (label.Search, error) {
	q := label.Search{State: label.AnyState, Most: 1, Sort: label.ByNumber, N: usualPage}
	for name, given := range values {
		if len(given) > 1 {
			return q, label.Errorf(label.ErrUsage, "search: %s is given twice", name)
		}
		if err := between("search: the length of "+name, len(given[0]), 0, mostQuery); err != nil {
			return q, err
		}
		if given[0] == "" {
			continue
		}
		if err := set(&q, name, given[0]); err != nil {
			return q, err
		}
	}
	if !(q.Least >= 0 && q.Least <= 1 && q.Most >= 0 && q.Most <= 1) {
		return q, label.Errorf(label.ErrUsage, "search: confidence from %v to %v, want 0 to 1", q.Least, q.Most)
	}
	return q, between("search: n", q.N, 1, mostPage)
}

// set reads one parameter.
func set(q *label.Search, name, text string) (err error) {
	switch name {
	case "state":
		var known bool
		if q.State, known = states[text]; !known {
			return label.Errorf(label.ErrUsage, "search: there is no state %q", text)
		}
	case "label":
		q.Label = text
	case "predicted":
		q.Predicted = text
	case "annotator":
		q.Annotator = text
	case "q":
		q.Text = text
	case "reason":
		q.Reason = label.Reason(text)
	case "min":
		q.Least, err = strconv.ParseFloat(text, 64)
	case "max":
		q.Most, err = strconv.ParseFloat(text, 64)
	case "disputed":
		q.Disputed, err = strconv.ParseBool(text)
	case "changed":
		q.Changed, err = strconv.ParseBool(text)
	case "sort":
		q.Sort = label.SearchOrder(text)
		if !slices.Contains(orders, q.Sort) {
			return label.Errorf(label.ErrUsage, "search: there is no order %q; want one of %v", text, orders)
		}
	case "after":
		q.After, err = strconv.ParseInt(text, 10, 64)
	case "n":
		q.N, err = strconv.Atoi(text)
	default:
		return label.Errorf(label.ErrUsage, "search: there is no parameter %q", name)
	}
	if err != nil {
		return label.Errorf(label.ErrUsage, "search: %s is %q, want a number", name, text)
	}
	return nil
}

// orders are those of a search.
var orders = []label.SearchOrder{label.ByNumber, label.ByQueue, label.ByConfidence, label.ByVersions, label.ByPeople, label.AtRandom}

// states are the states of items by their names in a search.
var states = map[string]label.State{
	"unlabelled": label.Unlabelled, "labelled": label.Labelled, "stale": label.Stale, "rejected": label.StateRejected,
	"skipped": label.StateSkipped, "flagged": label.StateFlagged, "any": label.AnyState,
}

func (s *Server) getItem(r *http.Request, who string) (any, error) {
	number, err := itemOf(r)
	if err != nil {
		return nil, err
	}
	list, err := s.numbered(r.Context(), who, []int64{number})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// numbered shows a person the items of the given numbers.
func (s *Server) numbered(ctx context.Context, who string, numbers []int64) ([]standing, error) {
	records, err := s.Store.Records(ctx, numbers)
	if err != nil {
		return nil, err
	}
	return s.standings(ctx, who, records)
}

// getSimilar gives the items that are nearest to one by their embeddings.
func (s *Server) getSimilar(r *http.Request, who string) (any, error) {
	number, err := itemOf(r)
	if err != nil {
		return nil, err
	}
	n := 24
	if text := r.URL.Query().Get("n"); text != "" {
		if n, err = strconv.Atoi(text); err != nil {
			return nil, label.Errorf(label.ErrUsage, "n is %q, want a number", text)
		}
	}
	if err := between("n", n, 1, mostPage); err != nil {
		return nil, err
	}
	near, err := s.Store.Similar(r.Context(), number, n)
	if err != nil {
		return nil, err
	}
	list, err := s.numbered(r.Context(), who, near)
	return map[string]any{"items": list}, err
}
