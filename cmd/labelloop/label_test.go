package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/inference/ort"
	"github.com/labelloop/labelloop/internal/label"
)

// run is the program in this process: what it writes, and the exit code it would end with.
func run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, log bytes.Buffer
	root := command()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&log)
	err := execute(t.Context(), root)
	if err != nil {
		log.WriteString(err.Error())
	}
	return out.String(), log.String(), exitCode(err)
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// copyModel copies a small model so that a test can break it.
func copyModel(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(fixtures, name))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestBadInputIsExplained holds every message to what was wrong, where, and what to do.
func TestBadInputIsExplained(t *testing.T) {
	model := filepath.Join(fixtures, "bert-single")
	good := write(t, "good.csv", "text,label\nhello,joy\n")
	truncated := copyModel(t, "bert-single")
	graph, err := os.ReadFile(filepath.Join(truncated, "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(truncated, "model.onnx"), graph[:len(graph)*2/3], 0o600); err != nil {
		t.Fatal(err)
	}
	mismatched := copyModel(t, "bert-single")
	tokenizer, err := os.ReadFile(filepath.Join(os.Getenv("LABELLOOP_DEPS"), "models", "minilm", "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(mismatched, "tokenizer.json"), tokenizer, 0o600); err != nil {
		t.Fatal(err)
	}
	nothing := t.TempDir()
	binary := write(t, "photo.txt", "\x89PNG\r\n\x1a\n\x00\x00")
	for name, c := range map[string]struct {
		args []string
		code int
		says []string
	}{
		"missing file":      {[]string{"--model", model, "nosuch.csv"}, exitFailed, []string{"nosuch.csv", "check the name"}},
		"no model there":    {[]string{"--model", nothing, good}, exitFailed, []string{nothing, "config.json", "not a model directory"}},
		"unknown model":     {[]string{"--model", "minilmm", good}, exitFailed, []string{"minilmm", "did you mean minilm"}},
		"truncated graph":   {[]string{"--model", truncated, good}, exitFailed, []string{"model.onnx", "truncated", "again"}},
		"other tokenizer":   {[]string{"--model", mismatched, good}, exitFailed, []string{"tokenizer.json", "30521", "700 rows", "put the model's own"}},
		"binary file":       {[]string{"--model", model, binary}, exitFailed, []string{"photo.txt", "PNG"}},
		"wrong column":      {[]string{"--model", model, "--column", "body", good}, exitUsage, []string{"good.csv", `"body"`, `"text"`}},
		"unknown label":     {[]string{"--model", model, "--labels", "joi", good}, exitUsage, []string{`"joi"`, `did you mean "joy"`}},
		"unknown provider":  {[]string{"--model", model, "--device", "abacus", good}, exitUsage, []string{"abacus", "cuda", "cpu"}},
		"no such device":    {[]string{"--model", model, "--device", "cuda:x", good}, exitUsage, []string{"cuda:x", "want numbers"}},
		"device of the CPU": {[]string{"--model", model, "--device", "cpu:1", good}, exitUsage, []string{"cpu has no numbered devices"}},
		"memory below 0":    {[]string{"--model", model, "--device-memory", "-1", good}, exitUsage, []string{"--device-memory -1"}},
		"second GPU":        {[]string{"--model", model, "--device", "cuda:1", good}, exitFailed, []string{"cuda:1", "not available", "make deps GPU=1"}},
		"missing provider":  {[]string{"--model", model, "--device", "cuda", good}, exitFailed, []string{"cuda", "not available", "--device auto"}},
		"unknown precision": {[]string{"--model", model, "--precision", "int8", good}, exitFailed, []string{"int8", "fp32"}},
		"no labels":         {[]string{"--model", "minilm", good}, exitDone, nil}, // it embeds
		"disk full":         {[]string{"--model", model, "--output", "/dev/full", "--output-format", "jsonl", good}, exitFailed, []string{"/dev/full", "no space left", "free space"}},
		"nowhere to write":  {[]string{"--model", model, "--output", filepath.Join(nothing, "no", "dir.jsonl"), good}, exitFailed, []string{"dir.jsonl"}},
		"bad template":      {[]string{"--model", "minilm", "--labels", "a,b", "--template", "about", good}, exitUsage, []string{"{}"}},
		"label twice":       {[]string{"--model", "minilm", "--labels", "a,a", good}, exitUsage, []string{`"a" twice`}},
		"too long":          {[]string{"--model", model, "--max-length", "9999", good}, exitUsage, []string{"9999", "at most"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, stderr, code := run(t, append([]string{"label"}, c.args...)...)
			if code != c.code {
				t.Errorf("exit code %d, want %d: %s", code, c.code, stderr)
			}
			for _, part := range c.says {
				if !strings.Contains(stderr, part) {
					t.Errorf("message does not say %q: %s", part, stderr)
				}
			}
		})
	}
}

func TestBadRowsBecomeErrorRecords(t *testing.T) {
	for name, c := range map[string]struct{ file, content, says string }{
		"ragged row":    {"rows.csv", "text,label\nhello,joy\na,b,c\nbye,fear\n", "rows.csv:3: the row has 3 fields"},
		"invalid UTF-8": {"rows.txt", "hello\nab\xffcd\nbye\n", "rows.txt:2: invalid UTF-8"},
		"empty text":    {"rows.csv", "text,label\nhello,joy\n,joy\nbye,fear\n", "rows.csv:3: empty text"},
		"broken JSON":   {"rows.jsonl", "{\"text\":\"hello\"}\n{\"text\":\n{\"text\":\"bye\"}\n", "rows.jsonl:2:"},
	} {
		t.Run(name, func(t *testing.T) {
			output := filepath.Join(t.TempDir(), "out.jsonl")
			_, stderr, code := run(t, "label", "--model", filepath.Join(fixtures, "bert-single"), "--output", output, write(t, c.file, c.content))
			if code != exitItems {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			data, err := os.ReadFile(output)
			if err != nil {
				t.Fatal(err)
			}
			var records []map[string]any
			for line := range strings.Lines(string(data)) {
				var r map[string]any
				if err := json.Unmarshal([]byte(line), &r); err != nil {
					t.Fatalf("%v: %s", err, line)
				}
				records = append(records, r)
			}
			if len(records) != 3 || records[0]["label"] == nil || records[2]["label"] == nil {
				t.Fatalf("records are %v", records)
			}
			if said, _ := records[1]["error"].(string); !strings.Contains(said, c.says) {
				t.Errorf("error is %q, want %q", said, c.says)
			}
		})
	}
}

func TestSummaryCountsWhatIsKnown(t *testing.T) {
	output := filepath.Join(t.TempDir(), "out.jsonl")
	stdout, stderr, code := run(t, "label", "--model", "minilm-clinc150", "--json", "--output", output,
		write(t, "q.csv", "text,label\nhow would you say fly in italian,translate\nwhat is the weather in paris,translate\n"))
	var s summary
	if err := json.Unmarshal([]byte(stdout), &s); err != nil || code != exitDone {
		t.Fatalf("exit code %d, %v: %s%s", code, err, stdout, stderr)
	}
	if s.Items != 2 || s.Known != 2 || s.Accuracy == nil || *s.Accuracy != 0.5 {
		t.Errorf("summary is %s", stdout)
	}
	stdout, stderr, code = run(t, "label", "--model", "minilm-clinc150", "--output", output, "--resume", write(t, "q.csv", "text\nhi\n"))
	if code != exitDone || !strings.Contains(stderr, "nothing to resume") {
		t.Errorf("resume of a finished output: exit code %d: %s%s", code, stdout, stderr)
	}
}

func TestExitCodes(t *testing.T) {
	for err, want := range map[error]int{
		nil:                                  exitDone,
		os.ErrNotExist:                       exitFailed,
		label.Errorf(label.ErrUsage, "x"):    exitUsage,
		label.Errorf(label.ErrItems, "x"):    exitItems,
		label.Errorf(label.ErrBadModel, "x"): exitFailed,
	} {
		if got := exitCode(err); got != want {
			t.Errorf("exit code of %v is %d, want %d", err, got, want)
		}
	}
}

// TestAutoTakesInt8 has a classifier whose int8 graph agrees with the other, and asks for a precision.
func TestAutoTakesInt8(t *testing.T) {
	dir := copyModel(t, "bert-single")
	graph, err := os.ReadFile(filepath.Join(dir, "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	agreement := `{"labelloop":{"agreement":{"model_int8.onnx":{"share":0.998,"samples":2000}}},`
	for name, data := range map[string]string{"model_int8.onnx": string(graph), "config.json": strings.Replace(string(config), "{", agreement, 1)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	input := write(t, "in.txt", "hello\n")
	for precision, want := range map[string]bool{"auto": ort.MultipliesInt8(), "fp32": false} {
		_, log, code := run(t, "label", "--model", dir, "--precision", precision, input)
		if said := strings.Contains(log, "precision: int8, which gave fp32's label to 99.80 % of 2000 samples"); code != 0 || said != want {
			t.Errorf("--precision %s: exit code %d, says %s", precision, code, log)
		}
	}
}
