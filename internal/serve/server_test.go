package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/label"
)

const token = "0123456789abcdef0123456789abcdef"

// open makes a server whose model does as a test says.
func open(t *testing.T, images bool, do func(ctx context.Context, body []byte, to io.Writer) error) *Server {
	t.Helper()
	s, err := New(Config{Token: token, Hosts: []string{"127.0.0.1"}, Images: images, Label: do})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// echo answers with what it is sent.
func echo(_ context.Context, body []byte, to io.Writer) error {
	_, err := to.Write(body)
	return err
}

// request is one that a server answers.
func request(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:7879/label", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/jsonl")
	return r
}

func do(s *Server, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestWhoMayNot(t *testing.T) {
	s := open(t, false, echo)
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, c := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"as it should be":  {func(*http.Request) {}, 200},
		"scheme in lower":  {set("Authorization", "bearer "+token), 200},
		"JSON":             {set("Content-Type", "application/json; charset=utf-8"), 200},
		"no token":         {func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		"wrong token":      {set("Authorization", "Bearer "+strings.Repeat("0", 32)), 401},
		"cut token":        {set("Authorization", "Bearer "+token[:31]), 401},
		"other scheme":     {set("Authorization", "Basic "+token), 401},
		"token alone":      {set("Authorization", token), 401},
		"rebound name":     {func(r *http.Request) { r.Host = "evil.example:7879" }, 403},
		"no host":          {func(r *http.Request) { r.Host = "" }, 403},
		"foreign origin":   {set("Origin", "https://evil.example"), 403},
		"cross-site":       {set("Sec-Fetch-Site", "cross-site"), 403},
		"other method":     {func(r *http.Request) { r.Method = http.MethodGet }, 405},
		"other path":       {func(r *http.Request) { r.URL.Path = "/labels" }, 404},
		"path with dots":   {func(r *http.Request) { r.URL.Path = "/x/../label" }, 404},
		"a form":           {set("Content-Type", "application/x-www-form-urlencoded"), 415},
		"no type":          {func(r *http.Request) { r.Header.Del("Content-Type") }, 415},
		"picture for text": {set("Content-Type", "image/png"), 415},
	} {
		r := request("{}\n")
		c.change(r)
		if w := do(s, r); w.Code != c.status {
			t.Errorf("%s: %d %s, want %d", name, w.Code, w.Body, c.status)
		}
	}
	r := request("x")
	if w := do(open(t, true, echo), r); w.Code != 415 || !strings.Contains(w.Body.String(), "pictures") {
		t.Errorf("text for a model of pictures: %d %s", w.Code, w.Body)
	}
	health := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:7879/health", nil)
	if w := do(s, health); w.Code != 200 || w.Body.String() != `{"status":"ok"}` {
		t.Errorf("health: %d %s", w.Code, w.Body)
	}
	if _, err := New(Config{Token: "secret"}); !errors.Is(err, label.ErrUsage) {
		t.Errorf("a short token: %v", err)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	s := open(t, false, echo)
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"empty":          {"", 400},
		"largest":        {strings.Repeat("a", MaxBody), 200},
		"too large":      {strings.Repeat("a", MaxBody+1), 413},
		"most lines":     {strings.Repeat("a\n", MaxItems), 200},
		"too many lines": {strings.Repeat("a\n", MaxItems+1), 413},
	} {
		if w := do(s, request(c.body)); w.Code != c.status || w.Code == 200 && w.Body.String() != c.body {
			t.Errorf("%s: %d, %d bytes, want %d", name, w.Code, w.Body.Len(), c.status)
		}
	}
}

func TestErrorsHaveStatuses(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
	}{
		{label.Errorf(label.ErrUsage, "no text"), 400},
		{errors.New("the model is gone"), 503},
	} {
		s := open(t, false, func(context.Context, []byte, io.Writer) error { return c.err })
		if w := do(s, request("{}")); w.Code != c.status || !strings.Contains(w.Body.String(), c.err.Error()) {
			t.Errorf("%v: %d %s", c.err, w.Code, w.Body)
		}
	}
}

// start serves on a free port until the test ends or stop is called, and gives what Serve returned.
func start(t *testing.T, s *Server) (base string, stop func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l, "", "") }()
	return "http://" + l.Addr().String(), func() error { cancel(); return <-ended }
}

// send posts a body over the network.
func send(ctx context.Context, base, body string) (*http.Response, error) {
	r := request(body).Clone(ctx)
	out, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/label", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	out.Header = r.Header
	return http.DefaultClient.Do(out)
}

// TestCutAnswersAreSeen: a caller must not take the beginning of an answer for the whole.
func TestCutAnswersAreSeen(t *testing.T) {
	base, stop := start(t, open(t, false, func(_ context.Context, _ []byte, to io.Writer) error {
		io.WriteString(to, "{}\n")
		return errors.New("the model is gone")
	}))
	answer, err := send(t.Context(), base, "{}")
	if err == nil {
		_, err = io.ReadAll(answer.Body)
		answer.Body.Close()
	}
	if err == nil {
		t.Error("a cut answer looks whole")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestCallersMayLeave: what nobody waits for is not labelled, and the server stops when what it began is done.
func TestCallersMayLeave(t *testing.T) {
	began, left := make(chan bool), make(chan error, 1)
	base, stop := start(t, open(t, false, func(ctx context.Context, body []byte, to io.Writer) error {
		if string(body) == "stay" {
			began <- true
			time.Sleep(100 * time.Millisecond)
			return echo(ctx, body, to)
		}
		began <- true
		<-ctx.Done()
		left <- ctx.Err()
		return ctx.Err()
	}))
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := send(ctx, base, "leave")
		gone <- err
	}()
	<-began
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the job ends with %v", err)
	}
	if err := <-gone; err == nil {
		t.Error("who left has an answer")
	}
	answered := make(chan string, 1)
	go func() {
		answer, err := send(t.Context(), base, "stay")
		if err != nil {
			answered <- err.Error()
			return
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		answered <- string(text)
	}()
	<-began
	if err := stop(); err != nil {
		t.Error(err)
	}
	if got := <-answered; got != "stay" {
		t.Errorf("a request under way when the server stops gets %q", got)
	}
}

// TestRequestsWait: more callers than the server holds at once all have their answers.
func TestRequestsWait(t *testing.T) {
	var now, most atomic.Int64
	s := open(t, false, func(ctx context.Context, body []byte, to io.Writer) error {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer now.Add(-1)
		time.Sleep(10 * time.Millisecond)
		return echo(ctx, body, to)
	})
	var asking sync.WaitGroup
	for i := range 3 * maxRequests {
		asking.Go(func() {
			body := fmt.Sprintf("{\"text\":\"%d\"}", i)
			if w := do(s, request(body)); w.Code != 200 || w.Body.String() != body {
				t.Errorf("request %d: %d %s", i, w.Code, w.Body)
			}
		})
	}
	asking.Wait()
	if n := most.Load(); n > maxRequests {
		t.Errorf("%d requests were held at once", n)
	}
}
