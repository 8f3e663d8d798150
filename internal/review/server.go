// Package review serves the page on which people label a project's items, and the same actions as JSON over HTTP
// (openapi.json describes them).
//
// Every person has a token of their own, and the page of one host, its own, may change anything: see package guard. A decision
// is on the disk when it is answered.
package review

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/labelloop/labelloop/internal/guard"
	"github.com/labelloop/labelloop/internal/label"
)

// Store is what the server needs of a project. Its parts stand beside the handlers that use them.
type Store interface {
	Dir() string
	projects
	labelEditor
	queue
	annotations
	items
	predictions
	clock
}

// Config says what is served, and to whom.
type Config struct {
	Store      Store
	Key        []byte        // tokens are made by it: see Key
	Annotators []string      // who may come in
	Hosts      []string      // names and addresses, without a port, by which a browser may call the server
	Secure     bool          // the connection is TLS
	Lease      time.Duration // how long an item stays before a person
	Blind      float64       // share of the queue that is shown without a suggestion, 0 to 1
	Folders    []string      // outside of the project, where pictures may lie that a table named

	// Status says where the project stands, as a JSON object. It is called when something has changed, not for each caller.
	Status func(ctx context.Context) (any, error)
	// Judge gives what a model version says of texts that are not in the project: a row of probabilities, in the order of
	// m.Labels, for each. Where that version is not at hand the error is of kind label.ErrConflict.
	Judge func(ctx context.Context, m label.Model, items []label.Item) ([][]float32, error)
	// Calibrate gives calibrated probabilities by a model version's calibration, the JSON of label.Model.
	Calibrate func(calibration []byte, probs []float32) ([]float32, error)
}

// Server answers the page. It is safe for use by several goroutines.
type Server struct {
	Config
	sessions sessions
	status   board
	judging  chan struct{} // full while texts are judged
	home     *os.Root      // the project's folder
	folders  []*os.Root    // of Config.Folders
	quit     chan struct{}
	handler  http.Handler
}

// New prepares a server. It opens the folders that pictures are read from.
func New(c Config) (*Server, error) {
	switch {
	case len(c.Annotators) == 0 || slices.Contains(c.Annotators, ""):
		return nil, label.Errorf(label.ErrUsage, "review: an annotator has no name; say who labels")
	case !(c.Blind >= 0 && c.Blind <= 1):
		return nil, label.Errorf(label.ErrUsage, "review: the blind share is %v, want 0 to 1", c.Blind)
	case c.Lease < time.Second:
		return nil, label.Errorf(label.ErrUsage, "review: a lease of %v is too short to answer in", c.Lease)
	}
	s := &Server{Config: c, judging: make(chan struct{}, 1), quit: make(chan struct{})}
	s.sessions = newSessions(c.Key, c.Annotators)
	s.status = board{clock: c.Store, compute: c.Status}
	var err error
	if s.home, err = os.OpenRoot(c.Store.Dir()); err != nil {
		return nil, fmt.Errorf("open the project's folder: %w", err)
	}
	for _, folder := range c.Folders {
		if folder, err = filepath.Abs(folder); err != nil {
			return nil, fmt.Errorf("open a folder of pictures: %w", err)
		}
		root, err := os.OpenRoot(folder)
		if err != nil {
			return nil, label.Errorf(label.ErrUsage, "open a folder of pictures: %w", err)
		}
		s.folders = append(s.folders, root)
	}
	mux := http.NewServeMux()
	for pattern, handler := range s.routes() {
		mux.Handle(pattern, handler)
	}
	s.handler = guard.New(mux, s.Hosts, "review")
	return s, nil
}

// routes are all that the server answers, by the patterns of http.ServeMux.
func (s *Server) routes() map[string]http.Handler {
	return map[string]http.Handler{
		"GET /{$}":           http.HandlerFunc(s.getPage),
		"POST /login":        http.HandlerFunc(s.login),
		"GET /assets/{name}": s.known(s.getAsset),
		"GET /openapi.json":  s.known(getOpenAPI),
		"GET /media/{item}":  s.known(s.getMedia),
		"GET /api/events":    s.known(s.getEvents),

		"GET /api/project":        s.answer(s.getProject),
		"POST /api/labels":        s.answer(s.changeLabels),
		"POST /api/lease":         s.answer(s.lease),
		"POST /api/annotate":      s.answer(s.annotate),
		"POST /api/annotate-all":  s.answer(s.annotateAll),
		"POST /api/undo":          s.answer(s.undo),
		"GET /api/items":          s.answer(s.search),
		"GET /api/items/{item}":   s.answer(s.getItem),
		"GET /api/similar/{item}": s.answer(s.getSimilar),
		"GET /api/explain/{item}": s.answer(s.getExplanation),
		"GET /api/status":         s.answer(s.getStatus),
	}
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Serve answers on a listener until ctx ends, and then finishes what it has begun. With the files of a certificate and its
// key it speaks TLS.
func (s *Server) Serve(ctx context.Context, l net.Listener, certificate, key string) error {
	stop := context.AfterFunc(ctx, func() { close(s.quit) })
	defer stop()
	return guard.Serve(ctx, l, s, certificate, key)
}

// Close closes the folders of pictures.
func (s *Server) Close() error {
	err := s.home.Close()
	for _, folder := range s.folders {
		err = errors.Join(err, folder.Close())
	}
	return err
}
