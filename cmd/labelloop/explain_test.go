package main

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// visitor logs in by a link and gives what reads JSON of the server, and the text of a refusal.
func visitor(t *testing.T, l link) func(path string, status int, into any) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	in, err := client.Get(l.URL)
	if err != nil {
		t.Fatal(err)
	}
	in.Body.Close()
	base, _, _ := strings.Cut(l.URL, "/?")
	return func(path string, status int, into any) string {
		t.Helper()
		answer, err := client.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != status {
			t.Fatalf("%s: %s %s %v", path, answer.Status, text, err)
		}
		if into != nil {
			if err := json.Unmarshal(text, into); err != nil {
				t.Fatal(err)
			}
		}
		return string(text)
	}
}

// explained is what the page is told of the words that speak for a label.
type explained struct {
	Label string
	Prob  float64
	Spans []struct {
		Start, End int
		Weight     float64
	}
}

// best is the word that speaks most for the label.
func (e explained) best(text string) (word string, weight float64) {
	for _, s := range e.Spans {
		if s.Weight > weight {
			word, weight = string([]rune(text)[s.Start:s.End]), s.Weight
		}
	}
	return word, weight
}

// TestExplanationsByTheModel explains what a classifier and a zero-shot model say, by these models themselves.
func TestExplanationsByTheModel(t *testing.T) {
	const text = "what is the exchange rate of the dollar to the euro"
	dir := filepath.Join(t.TempDir(), "project")
	must(t, "init", dir, "--labels", "exchange_rate,weather,book_flight")
	must(t, "import", "--project", dir, writeCSV(t, []string{"text"}, [][]string{{text}, {"will it rain in paris"}}))
	for _, model := range []string{"minilm-clinc150", "minilm"} {
		must(t, "predict", "--project", dir, "--model", model)
		links, _ := served(t, "--project", dir, "--addr", "127.0.0.1:0")
		get := visitor(t, links[0])
		var e explained
		get("/api/explain/1", 200, &e)
		var item struct {
			Suggestion struct {
				Labels     []string
				Confidence float64
			}
		}
		get("/api/items/1", 200, &item)
		word, weight := e.best(text)
		if e.Label != item.Suggestion.Labels[0] || math.Abs(e.Prob-item.Suggestion.Confidence) > 1e-4 || e.Label != "exchange_rate" ||
			len(e.Spans) != 11 || weight <= 0 || !strings.Contains("exchange rate dollar euro", word) {
			t.Errorf("%s: %+v; the suggestion is %+v; %q speaks for it by %.3f", model, e, item.Suggestion, word, weight)
		}
	}
}

// TestExplanationOfASureSuggestion explains one whose probability no word by itself can move.
func TestExplanationOfASureSuggestion(t *testing.T) {
	const text = "skip to next track"
	dir := filepath.Join(t.TempDir(), "project")
	must(t, "init", dir, "--labels", "next_song,weather,book_flight")
	must(t, "import", "--project", dir, writeCSV(t, []string{"text"}, [][]string{{text}}))
	must(t, "predict", "--project", dir, "--model", "minilm-clinc150")
	links, _ := served(t, "--project", dir, "--addr", "127.0.0.1:0")
	var e explained
	visitor(t, links[0])("/api/explain/1", 200, &e)
	if word, weight := e.best(text); e.Label != "next_song" || e.Prob < 0.999 || word != "next" || weight < math.Ln10 {
		t.Errorf("%+v; %q speaks for it by %.3f", e, word, weight)
	}
}

func TestExplanationsNeedTheModel(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "project")
	must(t, "init", dir, "--labels", "refund,weather")
	must(t, "import", "--project", dir, writeCSV(t, []string{"text"}, [][]string{{"please refund me"}}))
	links, _ := served(t, "--project", dir, "--addr", "127.0.0.1:0")
	get := visitor(t, links[0])
	refused := func(word string) {
		t.Helper()
		if text := get("/api/explain/1", 409, nil); !strings.Contains(text, word) {
			t.Errorf("refused by %s, want a word of %q", text, word)
		}
	}
	refused("no suggestion")
	said := func(name, version string) {
		t.Helper()
		s, err := sqlite.Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		m, err := s.RegisterModel(t.Context(), label.Model{Name: name, Version: version, Labels: []string{"refund", "weather"}})
		if err == nil {
			err = s.PutPredictions(t.Context(), m, []label.Probabilities{{Item: 1, Probs: []float32{0.75, 0.25}}})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	said("gone", "1")
	refused("not on this machine")
	said("minilm", "0000")
	refused("not on this machine")
	must(t, "predict", "--project", dir, "--model", "minilm", "--template", "a mail about {}")
	refused("other settings")
}
