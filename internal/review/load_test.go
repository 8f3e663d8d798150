package review

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

var kills = flag.Int("kills", 4, "how often the server is killed")

// TestMain lets the test binary be run as a server: TEST-BINARY serve DIR. It writes its address.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		log.Fatal(serveAlone(os.Args[2]))
	}
	os.Exit(m.Run())
}

func serveAlone(dir string) error {
	store, err := sqlite.Open(context.Background(), dir)
	if err != nil {
		return err
	}
	s, err := New(config(store))
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", l.Addr())
	return s.Serve(context.Background(), l, "", "")
}

func jsonOf(value any) (string, error) {
	text, err := json.Marshal(value)
	return string(text), err
}

// caller is a person at a page.
type caller struct {
	base   string
	cookie *http.Cookie
}

func newCaller(base, who string) caller {
	known := newSessions(secret, []string{who})
	return caller{base, &http.Cookie{Name: known.cookie, Value: known.tokens[who]}}
}

func (c caller) post(path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequest(http.MethodPost, c.base+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.AddCookie(c.cookie)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err = io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s %s", path, answer.Status, text)
	}
	return json.Unmarshal(text, into)
}

// TestKilledServer kills the server while two people label. What was acknowledged is there, and what was sent again because no
// answer came is there once.
func TestKilledServer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "project")
	const items = 4000
	must(t, create(t, dir, label.Project{Task: label.TextClassification}, items).Close())
	acknowledged := map[string]int64{} // ID by key
	var unsure []annotationRequest     // sent, with no answer
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	for kill := range *kills {
		cmd := exec.Command(os.Args[0], "serve", dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		var base string
		_, err = fmt.Fscanln(out, &base)
		must(t, err)
		var mu sync.Mutex
		var people sync.WaitGroup
		resent := unsure
		unsure = nil
		began := make(chan struct{}, 2) // a decision of each person is acknowledged
		for p, who := range []string{"ann", "bob"} {
			people.Go(func() {
				c := newCaller(base, who)
				send := func(q annotationRequest) bool {
					var got annotated
					err := c.post("/api/annotate", q, &got)
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						unsure = append(unsure, q)
						return false
					}
					if was := acknowledged[q.Key]; was != 0 && was != got.ID {
						t.Errorf("key %s is annotation %d, and then %d", q.Key, was, got.ID)
					}
					acknowledged[q.Key] = got.ID
					select {
					case began <- struct{}{}:
					default:
					}
					return true
				}
				for i, q := range resent {
					if strings.HasPrefix(q.Key, who) && !send(q) {
						mu.Lock()
						unsure = append(unsure, slices.DeleteFunc(slices.Clone(resent[i+1:]), func(q annotationRequest) bool { return !strings.HasPrefix(q.Key, who) })...)
						mu.Unlock()
						return
					}
				}
				for n := range items / 2 / *kills {
					item := int64(p + 1 + 2*(kill*(items/2 / *kills)+n))
					if !send(annotationRequest{Key: fmt.Sprint(who, "/", item), Item: item, Verdict: label.Corrected, Labels: []string{"other"}}) {
						return
					}
				}
			})
		}
		<-began
		time.Sleep(time.Duration(rng.IntN(150)) * time.Millisecond)
		must(t, cmd.Process.Signal(syscall.SIGKILL))
		cmd.Wait()
		people.Wait()
		store, err := sqlite.Open(t.Context(), dir)
		must(t, err)
		there := map[string]int64{}
		for a, err := range store.Annotations(t.Context(), 0) {
			must(t, err)
			if there[a.Key] != 0 {
				t.Errorf("key %s is there twice", a.Key)
			}
			there[a.Key] = a.ID
		}
		for key, id := range acknowledged {
			if there[key] != id {
				t.Errorf("key %s was acknowledged as annotation %d, and is %d", key, id, there[key])
			}
		}
		if extra := len(there) - len(acknowledged); extra > len(unsure) {
			t.Errorf("%d annotations are there, %d were acknowledged and %d sent without an answer", len(there), len(acknowledged), len(unsure))
		}
		faults, err := store.Check(t.Context())
		if err != nil || len(faults) > 0 {
			t.Fatalf("the project has faults %q, %v", faults, err)
		}
		must(t, store.Close())
	}
	t.Logf("%d kills, %d decisions acknowledged, %d unsure at the end", *kills, len(acknowledged), len(unsure))
}

// TestManyAtOnce lets twenty people label while a model predicts in another opening of the project, as another process does.
func TestManyAtOnce(t *testing.T) {
	const people, each = 20, 15
	dir := filepath.Join(t.TempDir(), "project")
	store := create(t, dir, label.Project{Task: label.TextClassification}, people*each)
	defer store.Close()
	other, err := sqlite.Open(t.Context(), dir)
	must(t, err)
	defer other.Close()
	c := config(store)
	for p := range people {
		c.Annotators = append(c.Annotators, fmt.Sprint("p", p))
	}
	s, err := New(c)
	must(t, err)
	defer s.Close()
	ctx, stop := context.WithCancel(t.Context())
	base, served := serve(t, ctx, s)
	m, err := other.RegisterModel(t.Context(), label.Model{Name: "m", Version: "2", Labels: []string{"refund", "other"}})
	must(t, err)
	list := make([]label.Probabilities, people*each)
	stopped := predicting(t, other, m, list, 10*time.Millisecond, func(round int) {
		for i := range list {
			list[i] = label.Probabilities{Item: int64(i + 1), Probs: []float32{0.25, float32(round%4) / 4}}
		}
	})
	var labelling sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	for p := range people {
		labelling.Go(func() {
			who := fmt.Sprint("p", p)
			c := newCaller(base, who)
			for {
				var got leased
				if err := c.post("/api/lease", map[string]int{"n": 5}, &got); err != nil {
					t.Error(err)
					return
				}
				if len(got.Entries) == 0 {
					return
				}
				for _, e := range got.Entries {
					span, err := accept(c, who, e)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					took = append(took, span)
					mu.Unlock()
				}
			}
		})
	}
	labelling.Wait()
	stopped()
	stop()
	must(t, <-served)
	counts, err := store.Counts(t.Context())
	must(t, err)
	labelled, answers := counts.Splits[label.Pool][label.Labelled], 0
	for _, a := range counts.Annotators {
		answers += a.Verdicts[label.Accepted]
	}
	if labelled != people*each || answers != people*each || counts.Queue[label.Uncertain] != 0 {
		t.Errorf("%d items are labelled by %d answers, want %d; the queue is %v", labelled, answers, people*each, counts.Queue)
	}
	slices.Sort(took)
	t.Logf("%d decisions: median %v, 99 of 100 within %v", len(took), took[len(took)/2], took[len(took)*99/100])
}

// FuzzRequests sends anything to the routes that take JSON, and to those that take parameters. The caller may be wrong, the
// server may not.
func FuzzRequests(f *testing.F) {
	s := open(f, 3)
	posts, gets := []string{}, []string{"/api/items?", "/api/similar/1?", "/media/", "/assets/", "/api/items/", "/?"}
	for pattern := range s.routes() {
		if path, is := strings.CutPrefix(pattern, "POST "); is && path != "/login" {
			posts = append(posts, path)
		}
	}
	slices.Sort(posts)
	for _, seed := range []string{
		`{}`, `null`, `[]`, `{"n":-1}`, `{"n":1e99}`, `{"key":"k","item":1,"verdict":"accepted","labels":["refund"]}`, `{"key":"","item":-1}`,
		`{"key":"k","item":9223372036854775807,"verdict":"skipped","model":7,"round":9,"revision":3}`, `{"annotations":[null,{}]}`, `{"key":"k","n":10000}`,
		`{"change":"add","names":["a"]}`, `{"change":"merge","names":["other","other"],"into":["other"]}`, `{"change":"split","names":["other"],"into":["x","x"]}`,
		`state=any&q="&sort=random`, `q=a*+"b+-c+OR+(NEAR/2`, `after=-1&n=500&sort=confidence`, `min=-0&max=1e-400`, `n=٣`, `disputed=1&annotator=ann&reason=x`, "{\"key\":\"\x00\xff\"}",
	} {
		for i := range len(posts) + len(gets) {
			f.Add(byte(i), seed)
		}
	}
	f.Fuzz(func(t *testing.T, route byte, text string) {
		i := int(route) % (len(posts) + len(gets))
		var r *http.Request
		if i < len(posts) {
			r = s.request("ann", posts[i], text+" ")
		} else {
			r = s.request("ann", "/", "")
			path, query, found := strings.Cut(gets[i-len(posts)], "?")
			if r.URL.Path, r.URL.RawQuery = path, text; !found {
				r.URL.Path, r.URL.RawQuery = query+path+text, ""
			}
		}
		w := s.do(r)
		if w.Code >= 500 {
			t.Errorf("%s %s %q: %d %s", r.Method, r.URL, text, w.Code, w.Body)
		}
		if w.Code >= 400 && w.Header().Get("Content-Type") == "application/json" && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s: the refusal is %s", r.Method, r.URL, w.Body)
		}
	})
}

// accept accepts an entry as refund, and tells how long it took until that was acknowledged.
func accept(c caller, who string, e entry) (time.Duration, error) {
	began := time.Now()
	q := annotationRequest{Key: fmt.Sprint(who, "/", e.Item), Item: e.Item, Verdict: label.Accepted, Labels: []string{"refund"}, Round: e.Round, Revision: 1}
	err := c.post("/api/annotate", q, &annotated{})
	return time.Since(began), err
}
