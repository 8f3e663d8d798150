package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/sqlite"
)

// decision is what a page sends for an item.
type decision struct {
	Key     string   `json:"key"`
	Item    int64    `json:"item"`
	Verdict string   `json:"verdict"`
	Labels  []string `json:"labels"`
	Round   int64    `json:"round"`
}

// page is a person at a page of a server that may be killed.
type page struct {
	name   string
	base   string
	client *http.Client
	unsure []decision // sent without an answer: they are sent again
}

// enter follows the person's link to a new server.
func (p *page) enter(link string) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	p.client, p.base = &http.Client{Jar: jar}, link[:strings.Index(link, "/?")]
	answer, err := p.client.Get(link)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

func (p *page) post(path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	answer, err := p.client.Post(p.base+path, "application/json", bytes.NewReader(text))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if text, err = io.ReadAll(answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s %s", path, answer.Status, text)
	}
	return json.Unmarshal(text, into)
}

// decide sends what has had no answer, and then decisions on what is in the queue, until the server is gone. It tells of each
// that is acknowledged.
func (p *page) decide(acknowledged func(key string, id int64)) {
	send := func(d decision) bool {
		var kept struct{ ID int64 }
		if p.post("/api/annotate", d, &kept) != nil {
			return false
		}
		acknowledged(d.Key, kept.ID)
		return true
	}
	for len(p.unsure) > 0 {
		if !send(p.unsure[0]) {
			return
		}
		p.unsure = p.unsure[1:]
	}
	for {
		var leased struct {
			Entries []struct{ Item, Round int64 }
		}
		if p.post("/api/lease", map[string]int{"n": 5}, &leased) != nil || len(leased.Entries) == 0 {
			return
		}
		for _, e := range leased.Entries {
			d := decision{fmt.Sprint(p.name, "/", e.Item), e.Item, "corrected", []string{"other"}, e.Round}
			if !send(d) {
				p.unsure = append(p.unsure, d)
				return
			}
		}
	}
}

// reviewing starts the verb review as a process of its own, and lets the people in.
func reviewing(t *testing.T, dir string, people []*page) *exec.Cmd {
	t.Helper()
	var names []string
	for _, p := range people {
		names = append(names, p.name)
	}
	server := program("review", "--project", dir, "--addr", "127.0.0.1:0", "--annotators", strings.Join(names, ","), "--json")
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	var links []link
	err = json.NewDecoder(out).Decode(&links)
	for i, p := range people {
		if err == nil {
			err = p.enter(links[i].URL)
		}
	}
	if err != nil {
		server.Process.Kill()
		t.Fatalf("enter the server: %v", err)
	}
	return server
}

// TestKilledReviewKeepsDecisions kills the server again and again while several people label. Each decision that was
// acknowledged is there, and what was sent again because no answer came is there once.
func TestKilledReviewKeepsDecisions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "project")
	must(t, "init", dir, "--labels", "refund,other")
	items := 1000 * *kills // more than are answered
	texts := make([][]string, items)
	for i := range texts {
		texts[i] = []string{fmt.Sprint("text ", i)}
	}
	must(t, "import", "--project", dir, writeCSV(t, []string{"text"}, texts))
	must(t, "select", "--project", dir, "-n", fmt.Sprint(items), "--strategy", "random")
	var people []*page
	for _, name := range []string{"ann", "bob", "cid", "dee"} {
		people = append(people, &page{name: name})
	}
	ids := map[string]int64{} // of what was acknowledged
	for killed := range *kills {
		server := reviewing(t, dir, people)
		var mu sync.Mutex
		var working sync.WaitGroup
		begun := make(chan struct{}, 1)
		for _, p := range people {
			working.Go(func() {
				p.decide(func(key string, id int64) {
					mu.Lock()
					defer mu.Unlock()
					if was := ids[key]; was != 0 && was != id {
						t.Errorf("%s is annotation %d, and then %d", key, was, id)
					}
					ids[key] = id
					select {
					case begun <- struct{}{}:
					default:
					}
				})
			})
		}
		<-begun
		time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
		server.Process.Kill()
		server.Wait()
		working.Wait()
		checkDecisions(t, dir, ids, people)
		if t.Failed() {
			t.Fatalf("after kill %d", killed+1)
		}
	}
	if st := status(t, dir); len(st.Faults) > 0 {
		t.Errorf("the project has faults %q", st.Faults)
	}
	t.Logf("%d kills, %d decisions acknowledged", *kills, len(ids))
}

// checkDecisions holds a project to what was acknowledged, and what was sent without an answer.
func checkDecisions(t *testing.T, dir string, ids map[string]int64, people []*page) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	there, items := map[string]int64{}, map[int64]string{}
	for a, err := range s.Annotations(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if there[a.Key] != 0 || items[a.Item] != "" {
			t.Errorf("%s is there twice, or item %d is %s's too", a.Key, a.Item, items[a.Item])
		}
		there[a.Key], items[a.Item] = a.ID, a.Annotator
	}
	for key, id := range ids {
		if there[key] != id {
			t.Errorf("%s was acknowledged as annotation %d, and is %d", key, id, there[key])
		}
	}
	unsure := 0
	for _, p := range people {
		unsure += len(p.unsure)
	}
	if len(there) > len(ids)+unsure {
		t.Errorf("%d annotations are there, %d were acknowledged and %d sent without an answer", len(there), len(ids), unsure)
	}
}
