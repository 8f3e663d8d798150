package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labelloop/labelloop/inference"
)

const testToken = "0123456789abcdef0123456789abcdef"

// serving runs the verb serve until the test ends, and gives its address.
func serving(t testing.TB, args ...string) (base string) {
	t.Helper()
	t.Setenv(tokenVariable, testToken)
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	root := command()
	root.SetArgs(append([]string{"serve", "--addr", "127.0.0.1:0"}, args...))
	root.SetOut(in)
	root.SetErr(io.Discard)
	ended := make(chan error, 1)
	go func() {
		err := execute(ctx, root)
		in.CloseWithError(io.EOF)
		ended <- err
	}()
	if _, err := fmt.Fscanln(out, &base); err != nil {
		t.Fatalf("serve %v: %v: %v", args, err, <-ended)
	}
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return base
}

// ask sends a body to a server.
func ask(ctx context.Context, base, kind string, body []byte) (status int, answer string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/label", bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Authorization", "Bearer "+testToken)
	r.Header.Set("Content-Type", kind)
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	return got.StatusCode, string(text), err
}

// asked is ask where the answer must be records.
func asked(t *testing.T, base, kind string, body []byte) string {
	t.Helper()
	status, answer, err := ask(t.Context(), base, kind, body)
	if err != nil || status != http.StatusOK {
		t.Fatalf("%d %s, %v", status, answer, err)
	}
	return answer
}

// recordsOf gives the records that the verb label writes.
func recordsOf(t *testing.T, args ...string) string {
	t.Helper()
	output := filepath.Join(t.TempDir(), "out.jsonl")
	if _, stderr, code := run(t, append([]string{"label", "--output", output}, args...)...); code != exitDone {
		t.Fatalf("label ends with %d: %s", code, stderr)
	}
	records, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	return string(records)
}

// wikiRecords makes n records of texts, one of them long.
func wikiRecords(t *testing.T, n int) []string {
	t.Helper()
	wiki, err := os.ReadFile("../../testdata/wiki/wiki_sentences.txt")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for i, text := range append(strings.Split(string(wiki), "\n")[:n-1], strings.ReplaceAll(string(wiki[:4000]), "\n", " ")) {
		line, err := json.Marshal(map[string]any{"id": fmt.Sprint(i), "text": text, "label": "translate", "page": i})
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line)+"\n")
	}
	return lines
}

// TestServeAnswersAsLabelDoes: the records are those of label to the last digit, whatever else a request holds and whoever
// else asks.
func TestServeAnswersAsLabelDoes(t *testing.T) {
	lines := wikiRecords(t, 100)
	flags := []string{"--model", "minilm-clinc150", "--top-k", "0", "--accept-at", "0.5"}
	whole := strings.Join(lines, "")
	want := recordsOf(t, append(flags, write(t, "texts.jsonl", whole))...)
	base := serving(t, flags...)
	if got := asked(t, base, "application/jsonl", []byte(whole)); got != want {
		t.Errorf("100 texts at once: records differ from those of label:\n%.300s\n%.300s", got, want)
	}
	records := slices.Collect(strings.Lines(want))
	var asking sync.WaitGroup
	for client := range 50 {
		asking.Go(func() {
			for i := client; i < len(lines); i += 50 {
				_, got, err := ask(t.Context(), base, "application/json", []byte(lines[i]))
				if err != nil || got != records[i] {
					t.Errorf("text %d alone: %.300s, want %.300s, %v", i, got, records[i], err)
				}
			}
		})
	}
	asking.Wait()
}

func TestServeTellsWhatIsWrong(t *testing.T) {
	base := serving(t, "--model", filepath.Join(fixtures, "bert-single"))
	got := asked(t, base, "application/jsonl", []byte(`"hello"
{"text":
{"text":""}
{"text":"bye","id":"last"}
`))
	records := strings.Split(strings.TrimSpace(got), "\n")
	for i, part := range []string{`{"id":"request:1","text":"hello","label":`, "request:2: bad JSON", "request:3: empty text", `{"id":"last","text":"bye","label":`} {
		if len(records) != 4 || !strings.Contains(records[i], part) {
			t.Fatalf("record %d does not say %q: %s", i, part, got)
		}
	}
	for body, part := range map[string]string{"[1]": "one object per line", `{"body":"x"}`: "no column is called text", "\x89PNG\r\n\x1a\n\x00": "PNG"} {
		if status, got, err := ask(t.Context(), base, "application/json", []byte(body)); status != http.StatusBadRequest || !strings.Contains(got, part) || err != nil {
			t.Errorf("%q: %d %s, %v", body, status, got, err)
		}
	}
	if _, stderr, code := run(t, "serve", "--model", filepath.Join(fixtures, "bert-single"), "--addr", strings.TrimPrefix(base, "http://")); code != exitUsage ||
		!strings.Contains(stderr, "address already in use") {
		t.Errorf("a second server: %d %s", code, stderr)
	}
}

func TestServeTakesPictures(t *testing.T) {
	model := []string{"--model", filepath.Join(imageFixtures, "clip-two"), "--labels", "cat,dog"}
	dir := filepath.Join("../../testdata", "pixels")
	base := serving(t, model...)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, e := range entries {
		if path := filepath.Join(dir, e.Name()); strings.HasSuffix(path, ".jpg") && checked < 5 {
			picture, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, want, _ := strings.Cut(recordsOf(t, append(model, path)...), `"label"`)
			if _, got, _ := strings.Cut(asked(t, base, "image/jpeg", picture), `"label"`); got != want {
				t.Errorf("%s: %s, want %s", path, got, want)
			}
			checked++
		}
	}
	if checked == 0 {
		t.Fatal("there are no pictures")
	}
	if got := asked(t, base, "image/png", []byte("no picture")); !strings.Contains(got, `"error":"request: `) {
		t.Errorf("no picture: %s", got)
	}
}

// TestServeLeavesWhatNobodyWaitsFor: a large request whose caller left does not keep others from their answers.
func TestServeLeavesWhatNobodyWaitsFor(t *testing.T) {
	base := serving(t, "--model", "minilm-clinc150")
	var large strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&large, "{\"text\":\"%d%s\"}\n", i, strings.Repeat(" words", 400))
	}
	ctx, leave := context.WithTimeout(t.Context(), time.Second)
	defer leave()
	if _, _, err := ask(ctx, base, "application/jsonl", []byte(large.String())); err == nil {
		t.Fatal("the large request was done in a second")
	}
	begin := time.Now()
	asked(t, base, "application/json", []byte(`{"text":"hello"}`))
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("the next caller waited for %s", took)
	}
}

// BenchmarkServe measures how long one text takes through the server, and the same row through the graph alone, in turn.
func BenchmarkServe(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "minilm")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(os.Getenv("LABELLOOP_DEPS"), "models", "minilm-clinc150"))); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tokenizer_config.json"), []byte(`{"model_max_length":400}`), 0o600); err != nil {
		b.Fatal(err)
	}
	wiki, err := os.ReadFile("../../testdata/wiki/wiki_sentences.txt")
	if err != nil {
		b.Fatal(err)
	}
	base := serving(b, "--model", dir, "--threads", "2")
	e := openEngine(b, modelFlags{model: dir, setting: setting{Threads: 2}})
	for _, tokens := range []int{12, 50, 400} {
		b.Run(fmt.Sprint(tokens), func(b *testing.B) {
			var text string
			var rows []inference.Row
			for _, word := range strings.Fields(string(wiki)) {
				longer := strings.TrimSpace(text + " " + word)
				if next := e.task.Encode(b.Context(), texts([]string{longer}))[0].Rows; next[0].Tokens.Len() <= tokens {
					text, rows = longer, next
				}
				if len(rows) == 1 && rows[0].Tokens.Len() == tokens {
					break
				}
			}
			body, err := json.Marshal(map[string]string{"text": text})
			if err != nil {
				b.Fatal(err)
			}
			var served, alone []float64 // milliseconds
			clock := func(took *[]float64, do func() error) {
				begin := time.Now()
				if err := do(); err != nil {
					b.Fatal(err)
				}
				*took = append(*took, float64(time.Since(begin).Microseconds())/1000)
			}
			for b.Loop() {
				clock(&served, func() error {
					status, answer, err := ask(b.Context(), base, "application/json", body)
					if status != http.StatusOK {
						return fmt.Errorf("%d %s, %w", status, answer, err)
					}
					return err
				})
				clock(&alone, func() error {
					_, err := e.task.Run(b.Context(), e.session, rows)
					return err
				})
			}
			for name, took := range map[string][]float64{"served": served, "alone": alone} {
				slices.Sort(took)
				b.ReportMetric(took[len(took)/2], name+"-p50-ms")
				b.ReportMetric(took[len(took)*99/100], name+"-p99-ms")
			}
			b.ReportMetric(median(served)/median(alone), "ratio")
		})
	}
}
