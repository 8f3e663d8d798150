package review

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/labelloop/labelloop/internal/label"
)

// queue is what waits for people.
type queue interface {
	Lease(ctx context.Context, annotator string, n int, term time.Duration) ([]label.Entry, error)
}

type leaseRequest struct {
	N int `json:"n"`
}

// mostLeased bounds how many items a person has before them.
const mostLeased = 200

// lease puts the next items before a person. What others said of them is held back, so that each answers for themselves.
func (s *Server) lease(r *http.Request, who string) (any, error) {
	q := leaseRequest{N: 20}
	if err := read(r, &q); err != nil {
		return nil, err
	}
	if q.N < 1 {
		return nil, label.Errorf(label.ErrUsage, "n is %d, want 1 or more", q.N)
	}
	leased, err := s.Store.Lease(r.Context(), who, min(q.N, mostLeased), s.Lease)
	if err != nil {
		return nil, err
	}
	numbers := make([]int64, len(leased))
	for i, e := range leased {
		numbers[i] = e.Item
	}
	records, err := s.Store.Records(r.Context(), numbers)
	if err != nil {
		return nil, err
	}
	list, err := s.entries(r.Context(), who, records)
	if err != nil {
		return nil, err
	}
	for i := range list {
		e := &list[i]
		e.Round, e.Reason = leased[i].Round, leased[i].Reason
		e.Annotations = slices.DeleteFunc(e.Annotations, func(o opinion) bool { return o.Annotator != who })
	}
	return map[string]any{"entries": list}, nil
}
