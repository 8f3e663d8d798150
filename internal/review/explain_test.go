package review

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/guard"
	"github.com/labelloop/labelloop/internal/label"
)

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"please refund order 12":                      "please|refund|order|12",
		"Don't, it’s a well-known -- 'quoted' l'été!": "Don't|it’s|a|well-known|quoted|l'été",
		"日本語 text\u0301s":                             "日|本|語|text\u0301s",
		"สวัสดี":                                      "ส|วั|ส|ดี",
		"x😀y  …\n\tz":                                 "x|y|z",
		"नमस्ते दुनिया":                               "नमस्ते|दुनिया",
		"... !!":                                      "",
		"":                                            "",
		"a-":                                          "a",
		"3.5 kg, 2024-01":                             "3|5|kg|2024|01",
	} {
		points := []rune(text)
		var words []string
		for _, w := range wordsOf(0, points) {
			words = append(words, string(points[w.Start:w.End]))
		}
		if got := strings.Join(words, "|"); got != want {
			t.Errorf("words of %q are %q, want %q", text, got, want)
		}
	}
}

func TestSpans(t *testing.T) {
	long := [2][]rune{[]rune(strings.Repeat("word ", 1000)), []rune("a second text")}
	spans, err := spansOf(long)
	if err != nil || len(spans) > mostSpans+1 || spans[0].End-spans[0].Start != 16*5-1 || spans[len(spans)-1].Part != 1 {
		t.Errorf("%d spans, %+v, %v", len(spans), spans, err)
	}
	long[0] = []rune(strings.Repeat("word ", mostWords))
	if _, err := spansOf(long); err == nil || guard.Status(err) != 409 {
		t.Errorf("a text of too many words: %v", err)
	}
}

func TestExplanation(t *testing.T) {
	s := open(t, 3)
	var e explanation
	s.call(t, 200, "ann", "/api/explain/1", "", &e)
	want := []span{{0, 0, 6, 0.182322}, {0, 7, 13, 1.098612}, {0, 14, 19, -0.154151}, {0, 20, 21, 0}} // ln(6/5), ln 3, ln(6/7)
	for i := range e.Spans {
		e.Spans[i].Weight = math.Round(1e6*e.Spans[i].Weight) / 1e6
	}
	if e.Label != "refund" || e.Model != "m@1" || e.Prob != 0.75 || fmt.Sprint(e.Spans) != fmt.Sprint(want) {
		t.Errorf("explanation is %+v", e)
	}
	s.refused(t, 404, "ann", "/api/explain/4", "", "no such item")
	s.refused(t, 404, "ann", "/api/explain/one", "", "no such item")
	// Of a calibrated model the page shows calibrated probabilities; the words' weights are the model's own.
	m := s.model
	m.Calibration = []byte("{}")
	_, err := s.store.RegisterModel(t.Context(), m)
	must(t, err)
	if s.call(t, 200, "ann", "/api/explain/1", "", &e); e.Prob != 0.375 || math.Abs(e.Spans[1].Weight-math.Log(3)) > 1e-6 {
		t.Errorf("calibrated, the explanation is %+v", e)
	}
}

func TestLogOdds(t *testing.T) {
	for _, c := range []struct {
		probs []float32
		multi bool
		want  float64
	}{
		{[]float32{0.5, 0.25, 0.25}, false, 0},
		{[]float32{0.2, 0.5, 0.3}, false, math.Log(0.25)},
		{[]float32{0.8, 0.8, 0.1}, true, math.Log(4)},
		{[]float32{1, 1e-9, 1e-9}, false, math.Log(0.5e9)}, // 1 is what is left of 1 - 2e-9 in a float32
		{[]float32{1, 1e-20}, false, 20 * math.Log(10)},
		{[]float32{1, 0}, false, -math.Log(math.SmallestNonzeroFloat32)},
		{[]float32{0, 1}, false, math.Log(math.SmallestNonzeroFloat32)},
		{[]float32{1, 0}, true, 25 * math.Ln2},
		{[]float32{0, 1}, true, math.Log(math.SmallestNonzeroFloat32)},
	} {
		if got := logOdds(c.probs, 0, c.multi); math.Abs(got-c.want) > 1e-5 {
			t.Errorf("of %v, several: %v: the log-odds of the first are %v, want %v", c.probs, c.multi, got, c.want)
		}
	}
}

func TestExplanationIsRefused(t *testing.T) {
	away := label.Errorf(label.ErrConflict, "model m@1 is not on this machine")
	s := openProject(t, label.Project{Task: label.TextClassification}, 40, func(c *Config) {
		c.Blind = 0.5
		c.Judge = func(context.Context, label.Model, []label.Item) ([][]float32, error) { return nil, away }
	})
	blind := 0
	for item := int64(1); item <= 40; item++ {
		word := "not on this machine"
		if s.blind(item, "ann") {
			word, blind = "without a suggestion", blind+1
		}
		s.refused(t, 409, "ann", fmt.Sprint("/api/explain/", item), "", word)
	}
	if blind == 0 || blind == 40 {
		t.Errorf("%d of 40 are blind", blind)
	}
	_, numbers, err := s.store.Import(t.Context(), []label.Item{{ID: "new", Text: "nobody has judged this"},
		{ID: "p", Image: "p.png", Load: func() ([]byte, error) { return picture(t), nil }}}, label.Pool, "")
	must(t, err)
	s.Blind = 0
	s.refused(t, 409, "ann", fmt.Sprint("/api/explain/", numbers[0]), "", "no suggestion")
	s.refused(t, 409, "ann", fmt.Sprint("/api/explain/", numbers[1]), "", "for texts")
}

// TestOneExplanationAtATime asks for many at once, one of which nobody waits for any more.
func TestOneExplanationAtATime(t *testing.T) {
	var running, most atomic.Int32
	begun, gone := make(chan struct{}, 8), make(chan struct{})
	s := openProject(t, label.Project{Task: label.TextClassification}, 8, func(c *Config) {
		c.Judge = func(ctx context.Context, m label.Model, items []label.Item) ([][]float32, error) {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			begun <- struct{}{}
			if items[0].Number == 1 {
				<-ctx.Done()
				close(gone)
				return nil, ctx.Err()
			}
			time.Sleep(time.Millisecond)
			return judge(ctx, m, items)
		}
	})
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan int, 8)
	ask := func(ctx context.Context, item int) {
		done <- s.do(s.request("ann", fmt.Sprint("/api/explain/", item), "").WithContext(ctx)).Code
	}
	go ask(ctx, 1)
	<-begun
	for item := 2; item <= 8; item++ {
		go ask(t.Context(), item)
	}
	leave()
	<-gone
	codes := map[int]int{}
	for range 8 {
		codes[<-done]++
	}
	if codes[200] != 7 || codes[503] != 1 || most.Load() != 1 {
		t.Errorf("answers are %v, up to %d at once", codes, most.Load())
	}
}
