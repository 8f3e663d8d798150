package review

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// site is a project with a server.
type site struct {
	*Server
	store *sqlite.Store
	dir   string
	model label.Model
}

// secret is a key for tests.
var secret = bytes.Repeat([]byte{7}, keySize)

// config is how the tests' servers are set up.
func config(store Store) Config {
	return Config{
		Store: store, Key: secret, Annotators: []string{"ann", "bob"}, Hosts: []string{"127.0.0.1", "localhost"}, Lease: time.Minute,
		Status: func(context.Context) (any, error) { return map[string]any{"task": "tested"}, nil },
		Judge:  judge,
		Calibrate: func(_ []byte, probs []float32) ([]float32, error) {
			half := slices.Clone(probs)
			for i := range half {
				half[i] /= 2
			}
			return half, nil
		},
	}
}

// judge is a model that goes by words: the more a text says of a refund, the surer it is of that; of a delivery it knows half.
func judge(ctx context.Context, m label.Model, items []label.Item) ([][]float32, error) {
	rows := make([][]float32, len(items))
	for i, it := range items {
		words := strings.Fields(it.Text + " " + it.Pair)
		rows[i] = []float32{0.25, 0.125, 0.0625}
		for _, w := range words {
			switch w {
			case "refund":
				rows[i][0] += 0.5
			case "please":
				rows[i][0] += 0.125
			case "order":
				rows[i][0] -= 0.125
			}
		}
	}
	return rows, ctx.Err()
}

// open makes a project of n texts with a model's predictions, all of them in the queue, and a server.
func open(t testing.TB, n int) *site {
	t.Helper()
	return openProject(t, label.Project{Task: label.TextClassification}, n, nil)
}

func openProject(t testing.TB, project label.Project, n int, change func(*Config)) *site {
	t.Helper()
	s := &site{dir: filepath.Join(t.TempDir(), "project")}
	s.store = create(t, s.dir, project, n)
	t.Cleanup(func() { s.store.Close() })
	models, err := s.store.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.model = models[0]
	c := config(s.store)
	if change != nil {
		change(&c)
	}
	if s.Server, err = New(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// create makes the project.
func create(t testing.TB, dir string, project label.Project, n int) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Create(t.Context(), dir, project)
	must(t, err)
	_, err = store.AddLabels(t.Context(), "ada", "refund", "delivery", "other")
	must(t, err)
	items := make([]label.Item, n)
	var entries []label.Entry
	var said []label.Probabilities
	for i := range items {
		place := label.Place{File: "mails.csv", Line: i + 2}
		items[i] = label.Item{ID: place.String(), Text: fmt.Sprint("please refund order ", i+1), Place: place, Meta: map[string]any{"from": "a@b"}}
		entries = append(entries, label.Entry{Item: int64(i + 1), Reason: label.Uncertain, People: 1})
		said = append(said, label.Probabilities{Item: int64(i + 1), Probs: []float32{0.5, 0.25, 0.125}})
	}
	_, _, err = store.Import(t.Context(), items, label.Pool, "")
	must(t, err)
	m, err := store.RegisterModel(t.Context(), label.Model{Name: "m", Version: "1", Labels: []string{"refund", "delivery", "other"}})
	must(t, err)
	must(t, store.PutPredictions(t.Context(), m, said))
	_, _, err = store.Enqueue(t.Context(), label.Round{Strategy: "test", N: n, Model: m.ID}, entries)
	must(t, err)
	return store
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// request makes a request as the page of a person does; a body makes it a POST.
func (s *site) request(who, path, body string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:7878"+path, nil)
	if body != "" {
		r = httptest.NewRequest(http.MethodPost, "http://127.0.0.1:7878"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Origin", "http://127.0.0.1:7878")
	}
	if who != "" {
		r.AddCookie(&http.Cookie{Name: s.sessions.cookie, Value: s.sessions.tokens[who]})
	}
	return r
}

func (s *site) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// call sends what a page sends and reads the answer; it fails the test where the status is another one.
func (s *site) call(t testing.TB, status int, who, path, body string, into any) {
	t.Helper()
	w := s.do(s.request(who, path, body))
	if w.Code != status {
		t.Fatalf("%s %s: %d %s, want %d", path, body, w.Code, w.Body, status)
	}
	if into != nil {
		must(t, json.Unmarshal(w.Body.Bytes(), into))
	}
}

// refused is the text of a refusal.
func (s *site) refused(t testing.TB, status int, who, path, body, word string) {
	t.Helper()
	var answer struct{ Error string }
	s.call(t, status, who, path, body, &answer)
	if !strings.Contains(answer.Error, word) {
		t.Errorf("%s %s: refused by %q, want a word of %q", path, body, answer.Error, word)
	}
}

type leased struct{ Entries []entry }

// picture is a small PNG.
func picture(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, 2, 2))))
	return b.Bytes()
}

func write(t testing.TB, path string, content []byte) string {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o777))
	must(t, os.WriteFile(path, content, 0o666))
	return path
}

// predicting writes predictions again and again, as a run of predict does beside the server, until what it gives is called.
func predicting(t testing.TB, store *sqlite.Store, m label.Model, list []label.Probabilities, pause time.Duration, fill func(round int)) (stopped func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for round := 0; ; round++ {
			fill(round)
			if err := store.PutPredictions(t.Context(), m, list); err != nil {
				t.Error(err)
			}
			select {
			case <-done:
				return
			case <-time.After(pause):
			}
		}
	})
	return func() {
		close(done)
		running.Wait()
	}
}
