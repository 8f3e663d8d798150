// Package serve answers requests to label over HTTP with a model that stays loaded. It is for programs: who calls has the
// token that was printed at the start.
package serve

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/labelloop/labelloop/internal/guard"
	"github.com/labelloop/labelloop/internal/label"
)

// Bounds of what callers may ask for.
const (
	MaxBody     = 16 << 20         // bytes of a request
	MaxItems    = 10_000           // lines of a request
	maxRequests = 64               // that are held at once; others wait
	patience    = 30 * time.Second // how long the server waits for a caller who sends, or takes what was sent
)

// shortestToken is how many characters a token has at least: it keeps guessing vain.
const shortestToken = 32

// Config says what is served, and to whom.
type Config struct {
	Token  string
	Hosts  []string // names and addresses, without a port, by which the server may be called
	Images bool     // the model takes pictures

	// Label writes a record a line of what a body asks for: JSONL, or one picture. An error of a kind of label's or guard's is
	// the caller's.
	Label func(ctx context.Context, body []byte, to io.Writer) error
}

// Server labels what it is sent. It is safe for use by several goroutines.
type Server struct {
	Config
	held    chan struct{} // one for each request that is held
	working sync.WaitGroup
	handler http.Handler
}

// New prepares a server.
func New(c Config) (*Server, error) {
	if len(c.Token) < shortestToken {
		return nil, label.Errorf(label.ErrUsage, "the token has %d characters, want %d or more, which nobody can guess", len(c.Token), shortestToken)
	}
	s := &Server{Config: c, held: make(chan struct{}, maxRequests)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		guard.Reply(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("POST /label", s.label)
	s.handler = guard.New(mux, c.Hosts, "serve")
	return s, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Serve answers on a listener until ctx ends, and then finishes what it has begun. With the files of a certificate and its
// key it speaks TLS.
func (s *Server) Serve(ctx context.Context, l net.Listener, certificate, key string) error {
	defer s.working.Wait() // for requests whose connections were closed
	return guard.Serve(ctx, l, s, certificate, key)
}

// label answers with records.
func (s *Server) label(w http.ResponseWriter, r *http.Request) {
	s.working.Add(1)
	defer s.working.Done()
	if !s.known(r) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		guard.Refuse(w, http.StatusUnauthorized, "no token, or a wrong one; send the one that `labelloop serve` prints as Authorization: Bearer TOKEN")
		return
	}
	select {
	case s.held <- struct{}{}:
		defer func() { <-s.held }()
	case <-r.Context().Done():
		return
	}
	line := http.NewResponseController(w) // one that takes no deadlines, in tests, does without
	answer := &answer{w: w, line: line}
	line.SetReadDeadline(time.Now().Add(patience))
	body, err := s.read(w, r)
	line.SetReadDeadline(time.Time{}) // one that passes while the items are labelled would end that
	if err == nil {
		err = s.Label(r.Context(), body, answer)
	}
	switch {
	case err == nil:
	case answer.begun:
		panic(http.ErrAbortHandler) // so that the caller sees that the answer is cut off
	case r.Context().Err() == nil:
		line.SetWriteDeadline(time.Now().Add(patience))
		guard.Refuse(w, guard.Status(err), err.Error())
	}
}

// known tells whether a request has the token.
func (s *Server) known(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare([]byte(token), []byte(s.Token)) == 1
}

// read takes the body, if it is of a kind that the model can be asked about.
func (s *Server) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case s.Images && (err != nil || !strings.HasPrefix(kind, "image/")):
		return nil, label.Errorf(guard.ErrMedia, "this model labels pictures: send the bytes of one with its type, such as Content-Type: image/jpeg")
	case !s.Images && (err != nil || kind != "application/json" && kind != "application/jsonl" && kind != "application/x-ndjson"):
		return nil, label.Errorf(guard.ErrMedia, "this model labels texts: send lines such as {\"text\": \"...\"} with Content-Type: application/jsonl")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err = guard.Oversize(err); err != nil && !errors.Is(err, guard.ErrSize) {
		err = label.Errorf(label.ErrUsage, "read the request: %w", err)
	}
	if err != nil {
		return nil, err
	}
	if lines := bytes.Count(body, []byte("\n")); !s.Images && lines > MaxItems {
		return nil, label.Errorf(guard.ErrSize, "the request has %d lines, want %d at most; send it in parts", lines, MaxItems)
	}
	if len(body) == 0 {
		return nil, label.Errorf(label.ErrUsage, "the request is empty")
	}
	return body, nil
}

// answer gives a caller some time to take what is written.
type answer struct {
	w     http.ResponseWriter
	line  *http.ResponseController
	begun bool
}

func (a *answer) Write(records []byte) (int, error) {
	if !a.begun {
		a.w.Header().Set("Content-Type", "application/jsonl")
		a.begun = true
	}
	a.line.SetWriteDeadline(time.Now().Add(patience))
	return a.w.Write(records)
}
