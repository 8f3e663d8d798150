package review

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/guard"
	"github.com/labelloop/labelloop/internal/label"
)

func TestLabelling(t *testing.T) {
	s := open(t, 30)
	var p projectAnswer
	s.call(t, 200, "ann", "/api/project", "", &p)
	if p.Annotator != "ann" || p.Items != 30 || len(p.Labels) != 3 || p.Revision != 1 || p.Model != "m@1" || p.Task != label.TextClassification {
		t.Errorf("project is %+v", p)
	}
	var mine, theirs leased
	s.call(t, 200, "ann", "/api/lease", `{"n":2}`, &mine)
	s.call(t, 200, "bob", "/api/lease", `{}`, &theirs)
	if len(mine.Entries) != 2 || len(theirs.Entries) != 20 || theirs.Entries[0].Item != 3 {
		t.Fatalf("leases are %+v and %+v", mine, theirs)
	}
	e := mine.Entries[0]
	if e.Item != 1 || e.Round != 1 || e.Reason != label.Uncertain || e.ID != "mails.csv:2" || e.Text != "please refund order 1" || e.Meta["from"] != "a@b" ||
		e.Model != s.model.ID || e.Suggestion.Labels[0] != "refund" || e.Suggestion.Confidence != 0.5 || e.Suggestion.Calibrated || len(e.Suggestion.Scores) != 3 {
		t.Errorf("entry is %+v with %+v", e, e.Suggestion)
	}
	const decision = `{"key":"k1","item":1,"verdict":"accepted","labels":["refund"],"took_ms":1200,"suggestion":["refund"],"model":1,"round":1,"revision":1}`
	var first, again annotated
	s.call(t, 200, "ann", "/api/annotate", decision, &first)
	s.call(t, 200, "ann", "/api/annotate", decision, &again)
	if first.ID == 0 || again != first {
		t.Errorf("answers are %+v and %+v", first, again)
	}
	s.refused(t, 409, "ann", "/api/annotate", strings.Replace(decision, "refund", "other", 1), "another annotation")
	s.refused(t, 409, "bob", "/api/annotate", decision, "another annotation")
	kept, err := s.store.AnnotationsOf(t.Context(), 1)
	must(t, err)
	if len(kept) != 1 || kept[0].Took != 1200*time.Millisecond || kept[0].Annotator != "ann" || kept[0].Suggestion[0] != "refund" {
		t.Errorf("the store holds %+v", kept)
	}
	var many struct{ Results []annotated }
	s.call(t, 200, "ann", "/api/annotate-all", `{"key":"bulk","annotations":[
		{"key":"k2","item":2,"verdict":"corrected","labels":["other"],"suggestion":null},{"key":"k3","item":99,"verdict":"flagged"},
		{"key":"k4","item":3,"verdict":"corrected","labels":["nothing"]},{"key":"k5","item":4,"verdict":"skipped","labels":["other"]},
		{"key":"k6","item":5,"verdict":"flagged","note":"torn"}]}`, &many)
	for i, good := range []bool{true, false, false, false, true} {
		if r := many.Results[i]; (r.ID != 0) != good || (r.Error == "") != good {
			t.Errorf("result %d is %+v", i, r)
		}
	}
	var one standing
	s.call(t, 200, "bob", "/api/items/5", "", &one)
	if one.State != label.StateFlagged || len(one.Annotations) != 1 || one.Annotations[0].Note != "torn" || one.Annotations[0].Annotator != "ann" {
		t.Errorf("item 5 is %+v", one)
	}
	var back struct{ Items []int64 }
	for range 2 { // sent twice it is the same undo
		s.call(t, 200, "ann", "/api/undo", `{"key":"u"}`, &back)
		if !slices.Equal(back.Items, []int64{5, 2}) {
			t.Errorf("undone are %v", back.Items)
		}
	}
	s.call(t, 200, "ann", "/api/undo", `{"key":"v"}`, &back)
	s.refused(t, 404, "ann", "/api/undo", `{"key":"w"}`, "nothing of ann's")
	s.refused(t, 404, "bob", "/api/undo", `{"key":"x"}`, "nothing of bob's")
	s.call(t, 200, "ann", "/api/items/1", "", &one)
	if one.State != label.Unlabelled || len(one.Annotations) != 0 {
		t.Errorf("item 1 is %+v after all is undone", one)
	}
}

func TestLabelsChange(t *testing.T) {
	s := open(t, 3)
	s.call(t, 200, "ann", "/api/annotate", `{"key":"k","item":1,"verdict":"accepted","labels":["refund"]}`, nil)
	var set labelsAnswer
	for _, c := range []struct{ body, names string }{
		{`{"change":"add","names":["spam"]}`, "refund delivery other spam"},
		{`{"change":"rename","names":["refund"],"into":["money back"]}`, "money back delivery other spam"},
		{`{"change":"merge","names":["spam"],"into":["other"]}`, "money back delivery other"},
		{`{"change":"split","names":["delivery"],"into":["late","lost"]}`, "money back other late lost"},
		{`{"change":"delete","names":["lost"]}`, "money back other late"},
	} {
		s.call(t, 200, "ann", "/api/labels", c.body, &set)
		if got := strings.Join(label.LabelSet{Labels: set.Labels}.Names(), " "); got != c.names {
			t.Errorf("%s: labels are %s, want %s", c.body, got, c.names)
		}
	}
	var one standing
	s.call(t, 200, "ann", "/api/items/1", "", &one)
	if set.Revision != 6 || one.Labels[0] != "money back" || one.Suggestion.Labels[0] != "money back" || len(one.Suggestion.Scores) != 2 {
		t.Errorf("revision %d, item 1 is %+v with %+v", set.Revision, one, one.Suggestion)
	}
	s.refused(t, 409, "ann", "/api/labels", `{"change":"rename","names":["late"],"into":["other"]}`, "merge them")
	s.refused(t, 404, "ann", "/api/labels", `{"change":"delete","names":["gone"]}`, "no label")
	s.refused(t, 400, "ann", "/api/labels", `{"change":"paint","names":["late"]}`, "want add")
	changes, err := s.store.LabelChanges(t.Context())
	if err != nil || changes[1].By != "ann" {
		t.Errorf("changes are %+v, %v", changes, err)
	}
	// A label that the model means and the set no longer has: there is nothing to suggest.
	s.call(t, 200, "ann", "/api/labels", `{"change":"delete","names":["money back"]}`, nil)
	one = standing{}
	if s.call(t, 200, "ann", "/api/items/2", "", &one); one.Suggestion != nil || one.Model != 0 {
		t.Errorf("item 2 is %+v", one)
	}
}

func TestOthersWordsAreHeldBack(t *testing.T) {
	s := open(t, 0)
	_, _, err := s.store.Import(t.Context(), []label.Item{{ID: "a", Text: "a"}}, label.Pool, "")
	must(t, err)
	_, _, err = s.store.Enqueue(t.Context(), label.Round{}, []label.Entry{{Item: 1, Reason: label.Control, People: 2}})
	must(t, err)
	s.call(t, 200, "ann", "/api/annotate", `{"key":"k","item":1,"verdict":"corrected","labels":["other"]}`, nil)
	var theirs leased
	s.call(t, 200, "bob", "/api/lease", `{}`, &theirs)
	if len(theirs.Entries) != 1 || len(theirs.Entries[0].Annotations) != 0 {
		t.Errorf("bob sees %+v", theirs.Entries)
	}
	var list struct{ Items []standing }
	s.call(t, 200, "bob", "/api/items?disputed=true", "", &list)
	if len(list.Items) != 0 {
		t.Errorf("disputed is %+v", list.Items)
	}
	s.call(t, 200, "bob", "/api/annotate", `{"key":"l","item":1,"verdict":"corrected","labels":["refund"]}`, nil)
	s.call(t, 200, "bob", "/api/items?disputed=true", "", &list)
	if len(list.Items) != 1 || len(list.Items[0].Annotations) != 2 {
		t.Errorf("disputed is %+v", list.Items)
	}
}

func TestBlindShare(t *testing.T) {
	s := openProject(t, label.Project{Task: label.TextClassification}, 150, func(c *Config) { c.Blind = 0.25 })
	var mine, again leased
	s.call(t, 200, "ann", "/api/lease", `{"n":1000}`, &mine)
	s.call(t, 200, "ann", "/api/lease", `{"n":1000}`, &again)
	var list struct{ Items []standing }
	s.call(t, 200, "ann", "/api/items?n=200", "", &list)
	blind, both := 0, 0
	for i, e := range mine.Entries {
		if e.Blind != (e.Suggestion == nil) || e.Model == 0 || e.Blind != again.Entries[i].Blind {
			t.Errorf("item %d: blind is %v, then %v; suggestion %+v", e.Item, e.Blind, again.Entries[i].Blind, e.Suggestion)
		}
		if e.Blind {
			blind++
			if s.blind(e.Item, "bob") {
				both++
			}
		}
		var one standing // opened by its number, and in a list, it is as blind
		s.call(t, 200, "ann", fmt.Sprint("/api/items/", e.Item), "", &one)
		for _, other := range []standing{one, list.Items[e.Item-1]} {
			if other.Item != e.Item || other.Blind != e.Blind || other.Blind != (other.Suggestion == nil) {
				t.Errorf("item %d: blind is %v in the queue, and it is shown as %+v", e.Item, e.Blind, other.entry)
			}
		}
	}
	if both == 0 || both == blind {
		t.Errorf("of %d items that are blind to ann, %d are to bob", blind, both)
	}
	if blind < 15 || blind > 65 { // 37.5 of 150, five standard deviations
		t.Errorf("%d of %d are blind", blind, len(mine.Entries))
	}
}

func TestSuggestionsOfSeveralModels(t *testing.T) {
	s := openProject(t, label.Project{Task: label.TextClassification, MultiLabel: true}, 2, nil)
	m, err := s.store.RegisterModel(t.Context(), label.Model{Name: "m", Version: "2", Labels: []string{"other", "refund"}, Calibration: []byte("{}")})
	must(t, err)
	must(t, s.store.PutPredictions(t.Context(), m, []label.Probabilities{{Item: 2, Probs: []float32{1, 1}}}))
	var list struct{ Items []standing }
	s.call(t, 200, "ann", "/api/items", "", &list)
	older, newer := list.Items[0], list.Items[1]
	if older.Model != s.model.ID || !slices.Equal(older.Suggestion.Labels, []string{"refund"}) || older.Suggestion.Confidence != 0.5 {
		t.Errorf("item 1 is %+v with %+v", older, older.Suggestion)
	}
	if newer.Model != m.ID || !slices.Equal(newer.Suggestion.Labels, []string{"other", "refund"}) || !newer.Suggestion.Calibrated || newer.Suggestion.Confidence != 0.5 {
		t.Errorf("item 2 is %+v with %+v", newer, newer.Suggestion)
	}
}

func TestSearchParameters(t *testing.T) {
	s := open(t, 120)
	found := func(query string) (numbers []int64, next *int64) {
		var list struct {
			Items []standing
			Next  *int64
		}
		s.call(t, 200, "ann", "/api/items?"+query, "", &list)
		for _, it := range list.Items {
			numbers = append(numbers, it.Item)
		}
		return numbers, list.Next
	}
	if got, next := found(""); len(got) != 50 || *next != 50 {
		t.Errorf("a search gives %v, then %v", got, next)
	}
	if got, next := found("after=100&n=40&state=unlabelled&predicted=refund&min=0.5&max=0.5&reason=uncertain&sort=confidence"); len(got) != 20 || next != nil {
		t.Errorf("a search gives %v, then %v", got, next)
	}
	if got, _ := found("q=refund+order+12&label=&annotator="); !slices.Equal(got, []int64{12}) {
		t.Errorf("a search for words gives %v", got)
	}
	if got, next := found("sort=queue&n=3&after=7"); !slices.Equal(got, []int64{8, 9, 10}) || *next != 10 {
		t.Errorf("a search in the order of the queue gives %v, then %v", got, next)
	}
	for _, query := range []string{"changed=true", "sort=versions", "sort=people"} {
		if got, _ := found(query); len(got) != 0 {
			t.Errorf("a search for %s gives %v", query, got)
		}
	}
	for query, word := range map[string]string{
		"state=odd": "no state", "min=2": "0 to 1", "max=NaN": "0 to 1", "n=0": "1 to 500", "n=a": "want a number", "sort=size": "no order", "changed=often": "changed is",
		"colour=red": "no parameter", "q=a&q=b": "given twice", "q=" + strings.Repeat("x", 1001): "length",
	} {
		s.refused(t, 400, "ann", "/api/items?"+query, "", word)
	}
	s.refused(t, 404, "ann", "/api/items?label=gone", "", "no label")
	s.refused(t, 404, "ann", "/api/items/121", "", "no such item")
	s.refused(t, 404, "ann", "/api/similar/1", "", "no embedding")
	e, err := s.store.RegisterEncoder(t.Context(), "e@1", 2)
	must(t, err)
	must(t, s.store.PutEmbeddings(t.Context(), e, []int64{1, 2, 3, 4}, []float32{1, 0, -1, 0, 3, 1, 5, 0.5}))
	var near struct{ Items []standing }
	s.call(t, 200, "ann", "/api/similar/1?n=2", "", &near)
	if len(near.Items) != 2 || near.Items[0].Item != 4 || near.Items[1].Item != 3 {
		t.Errorf("near item 1 are %+v", near.Items)
	}
}

func TestStatusIsComputedOnce(t *testing.T) {
	computed := 0
	var fault error
	s := openProject(t, label.Project{Task: label.TextClassification}, 3, func(c *Config) {
		c.Status = func(context.Context) (any, error) { computed++; return map[string]int{"computed": computed}, fault }
	})
	var status struct {
		Computed int
		Mine     mine
		Rate     float64 `json:"rate_per_minute"`
	}
	for range 3 {
		s.call(t, 200, "ann", "/api/status", "", &status)
	}
	if computed != 1 || status.Computed != 1 {
		t.Errorf("computed %d times", computed)
	}
	s.call(t, 200, "ann", "/api/annotate", `{"key":"k","item":1,"verdict":"flagged"}`, nil)
	s.call(t, 200, "ann", "/api/annotate", `{"key":"l","item":2,"verdict":"flagged"}`, nil)
	s.call(t, 200, "ann", "/api/undo", `{"key":"m"}`, nil)
	s.status.rest = time.Now()
	s.call(t, 200, "ann", "/api/status", "", &status)
	if computed != 2 || status.Mine != (mine{1, 1}) || status.Rate != 1 {
		t.Errorf("computed %d times, %+v", computed, status)
	}
	s.call(t, 200, "ann", "/api/annotate", `{"key":"n","item":2,"verdict":"flagged"}`, nil)
	s.status.rest, fault = time.Now(), errors.New("out of order")
	s.refused(t, 503, "ann", "/api/status", "", "out of order")
}

// TestServe runs a server on a port until it is stopped, while somebody listens to its events.
func TestServe(t *testing.T) {
	s := open(t, 3)
	ctx, stop := context.WithCancel(t.Context())
	base, served := serve(t, ctx, s.Server)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	in, err := client.Get(s.Link(base, "ann"))
	must(t, err)
	if in.StatusCode != http.StatusOK || len(in.Cookies()) != 1 || !in.Cookies()[0].HttpOnly || in.Cookies()[0].SameSite != http.SameSiteStrictMode {
		t.Fatalf("logging in gives %v %v", in.Status, in.Cookies())
	}
	r, err := http.NewRequest(http.MethodGet, base+"/api/events", nil)
	must(t, err)
	r.AddCookie(in.Cookies()[0])
	events, err := client.Do(r)
	must(t, err)
	defer events.Body.Close()
	first := make([]byte, len("event: status\ndata: {"))
	if _, err := io.ReadFull(events.Body, first); err != nil || string(first) != "event: status\ndata: {" || events.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("events begin with %q, %v", first, err)
	}
	began := time.Now()
	stop()
	if err := <-served; err != nil || time.Since(began) > guard.StopTerm/2 {
		t.Errorf("stopped after %v: %v", time.Since(began), err)
	}
	if _, err := io.ReadAll(events.Body); err != nil {
		t.Errorf("the end of events: %v", err)
	}
}

func TestOpenAPINamesTheRoutes(t *testing.T) {
	s := open(t, 1)
	var doc struct {
		Paths map[string]map[string]any
	}
	s.call(t, 200, "ann", "/openapi.json", "", &doc)
	var described, served []string
	for path, methods := range doc.Paths {
		for method := range methods {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	for pattern := range s.routes() {
		served = append(served, strings.Replace(pattern, "{$}", "", 1))
	}
	slices.Sort(described)
	slices.Sort(served)
	if !slices.Equal(described, served) {
		t.Errorf("openapi.json describes %q, the server answers %q", described, served)
	}
}
