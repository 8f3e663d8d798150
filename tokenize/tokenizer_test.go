package tokenize

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestIDs(t *testing.T) {
	for _, c := range []struct {
		name       string
		maxID      int
		padID      int64
		vocabulary string
	}{
		{"minilm", 30521, 0, "bert-base-uncased, padding section"},
		{"bert", 999, 0, "padding section"},
		{"roberta", 1499, 1, "<pad> is an added token"},
		{"gpt2", 601, 0, "no padding token; two added tokens"},
		{"t5", 1503, 0, "added tokens behind the vocabulary"},
	} {
		tokenizer := load(t, c.name)
		if tokenizer.MaxID() != c.maxID || tokenizer.PadID() != c.padID || tokenizer.PadTypeID() != 0 {
			t.Errorf("%s (%s): largest id %d, padding id %d, want %d, %d", c.name, c.vocabulary, tokenizer.MaxID(),
				tokenizer.PadID(), c.maxID, c.padID)
		}
	}
}

// badDefinitions are files that Load refuses, with words of its message.
var badDefinitions = []struct{ name, json, want string }{
	{"empty", ``, "line 1 is not JSON"},
	{"cut off", "{\n\"model\": {", "line 2 is not JSON"},
	{"a list", `[]`, "not a tokenizer.json"},
	{"config.json", `{"hidden_size": 384}`, `no "model" section`},
	{"other model", `{"model":{"type":"Tiktoken"}}`, `model type "Tiktoken" is not supported`},
	{"negative id", `{"model":{"type":"BPE","vocab":{"a":-1}}}`, "has id -1"},
	{"huge id", `{"model":{"type":"BPE","vocab":{}},"added_tokens":[{"id":99999999,"content":"x"}]}`, "has id 99999999"},
	{"vocabulary", `{"model":{"type":"Unigram","vocab":[["a"],3]}}`, `section "model"`},
	{"processor", `{"model":{"type":"BPE","vocab":{}},"post_processor":{"type":"Other"}}`, `type "Other" is not supported`},
	{"two processors", `{"model":{"type":"BPE","vocab":{}},"post_processor":{"type":"Sequence","processors":[` +
		`{"type":"BertProcessing","sep":["s",1],"cls":["c",0]},{"type":"BertProcessing","sep":["s",1],"cls":["c",0]}]}}`,
		"BertProcessing after BertProcessing"},
	{"template", `{"model":{"type":"BPE","vocab":{}},"post_processor":{"type":"TemplateProcessing","single":` +
		`[{"SpecialToken":{"id":"[X]","type_id":0}}],"pair":[],"special_tokens":{}}}`, `special token "[X]" has no ids`},
	{"template without text", `{"model":{"type":"BPE","vocab":{}},"post_processor":{"type":"TemplateProcessing"}}`,
		"must use its 1 text"},
	{"native", `{"model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]}}`, "export it again"},
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, c := range badDefinitions {
		path := filepath.Join(dir, "tokenizer.json")
		if err := os.WriteFile(path, []byte(c.json), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want the path and %q", c.name, err, c.want)
		}
	}
	if _, err := Load(filepath.Join(dir, "none.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: error %v", err)
	}
}
