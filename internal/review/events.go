package review

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// How often those who listen are told of a change, and that the line still stands.
const (
	tick      = 2 * time.Second
	heartbeat = 20 * time.Second
)

// getEvents tells a page of the status for as long as it listens (server-sent events).
func (s *Server) getEvents(w http.ResponseWriter, r *http.Request, who string) {
	w.Header().Set("Content-Type", "text/event-stream")
	line := http.NewResponseController(w)
	line.SetReadDeadline(time.Time{}) // a deadline for the request would end the listening; a line that can't be told so only ends sooner
	send := func(text string) error {
		if err := line.SetWriteDeadline(time.Now().Add(heartbeat)); err != nil {
			return err
		}
		if _, err := fmt.Fprint(w, text); err != nil {
			return err
		}
		return line.Flush()
	}
	var told []byte
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for last := time.Now(); ; {
		text, err := s.event(r.Context(), who)
		switch {
		case err != nil:
			err = send("event: error\ndata: " + string(text) + "\n\n")
			last = time.Now()
		case !bytes.Equal(text, told):
			err = send("event: status\ndata: " + string(text) + "\n\n")
			told, last = text, time.Now()
		case time.Since(last) >= heartbeat:
			err = send(": still here\n\n")
			last = time.Now()
		}
		if err != nil {
			return // nobody listens any more
		}
		select {
		case <-ticker.C:
		case <-r.Context().Done():
			return
		case <-s.quit:
			return
		}
	}
}

// event is what a page is told: the status, or in words why there is none.
func (s *Server) event(ctx context.Context, who string) (text []byte, err error) {
	status, err := s.statusFor(ctx, who)
	if err == nil {
		text, err = json.Marshal(status)
	}
	if err != nil {
		text, _ = json.Marshal(map[string]string{"error": err.Error()})
	}
	return text, err
}
