package review

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// clock tells what happens in a project, in this process or another.
type clock interface {
	// Clock grows whenever somebody annotates, the label set is changed, or a round or a model is entered.
	Clock(ctx context.Context) (int64, error)
	// Pace counts a person's answers since a moment, less those that were taken back since, and tells when the first one was.
	Pace(ctx context.Context, annotator string, since time.Time) (answers int, first time.Time, err error)
}

// board keeps what the project's status says, so that many who look on cost no more than one.
type board struct {
	clock   clock
	compute func(ctx context.Context) (any, error)

	mu    sync.Mutex
	at    int64     // the clock when status was computed
	rest  time.Time // before which it is not computed anew
	parts map[string]json.RawMessage
}

// A status is computed at most every two seconds, and for at most a tenth of the time.
const (
	shortestRest = 2 * time.Second
	restFactor   = 9
)

// read gives the status by its parts, which may be some seconds old.
func (b *board) read(ctx context.Context) (map[string]json.RawMessage, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, err := b.clock.Clock(ctx)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	if b.parts != nil && (at == b.at || begin.Before(b.rest)) {
		return b.parts, nil
	}
	status, err := b.compute(ctx)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(status)
	if err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(text, &parts); err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	end := time.Now()
	b.parts, b.at, b.rest = parts, at, end.Add(max(shortestRest, restFactor*end.Sub(begin)))
	return parts, nil
}

// mine is how one person gets on.
type mine struct {
	Answers int `json:"answers"`
	Today   int `json:"today"`
}

// paceTerm is how far back the rate of answers looks.
const paceTerm = 5 * time.Minute

// statusFor is the project's status, and a person's own.
func (s *Server) statusFor(ctx context.Context, who string) (map[string]any, error) {
	parts, err := s.status.read(ctx)
	if err != nil {
		return nil, err
	}
	var m mine
	now := time.Now()
	year, month, day := now.Date()
	if m.Answers, _, err = s.Store.Pace(ctx, who, time.UnixMilli(0)); err != nil {
		return nil, err
	}
	if m.Today, _, err = s.Store.Pace(ctx, who, time.Date(year, month, day, 0, 0, 0, 0, now.Location())); err != nil {
		return nil, err
	}
	recent, first, err := s.Store.Pace(ctx, who, now.Add(-paceTerm))
	if err != nil {
		return nil, err
	}
	rate := 0.0
	if recent > 0 {
		rate = float64(recent) / max(now.Sub(first), time.Minute).Minutes()
	}
	all := map[string]any{"mine": m, "rate_per_minute": rate}
	for name, part := range parts {
		all[name] = part
	}
	return all, nil
}

func (s *Server) getStatus(r *http.Request, who string) (any, error) {
	return s.statusFor(r.Context(), who)
}
