package tokenize

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// requests makes the test binary the Go side of scripts/tokenizer_parity.py.
var requests = flag.String("requests", "", "encode the `file`'s texts and print the encodings instead of testing")

func TestMain(m *testing.M) {
	flag.Parse()
	if *requests == "" {
		os.Exit(m.Run())
	}
	if err := answer(*requests); err != nil {
		log.Fatal(err)
	}
}

// answer prints one line for each text of a request {"tokenizer": path, "mode": mode, "texts": [base64]}.
func answer(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var r struct {
		Tokenizer string
		Mode      mode
		Texts     [][]byte
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	texts := make([]string, len(r.Texts))
	for i, text := range r.Texts {
		texts[i] = string(text)
	}
	t, err := Load(r.Tokenizer)
	if err != nil {
		return err
	}
	defer t.Close()
	out := bufio.NewWriter(os.Stdout)
	for _, e := range t.EncodeBatch(context.Background(), r.Mode.inputs(texts), r.Mode.options()) {
		fmt.Fprintln(out, canonical(e))
	}
	return out.Flush()
}

// mode is how a golden's texts are encoded; the script explains it.
type mode struct {
	Pair       bool
	MaxLength  int `json:"max_length"`
	Truncation string
	Windows    bool
	Stride     int
	Bare       bool
}

func (m mode) options() Options {
	truncations := map[string]Truncation{"": LongestFirst, "only_first": OnlyFirst, "only_second": OnlySecond}
	return Options{MaxLength: m.MaxLength, Truncation: truncations[m.Truncation], Windows: m.Windows, Stride: m.Stride,
		NoSpecialTokens: m.Bare, WordIDs: true}
}

func (m mode) inputs(texts []string) []Input {
	ins := make([]Input, len(texts))
	for i, text := range texts {
		ins[i] = Input{Text: text}
		if m.Pair {
			ins[i].Pair, ins[i].IsPair = texts[len(texts)-1-i], true
		}
	}
	return ins
}

// canonical writes an outcome on one line, as the script does.
func canonical(e Encoded) string {
	if e.Err != nil {
		return "error"
	}
	var b []byte
	for i, x := range e.Encodings {
		if i > 0 {
			b = append(b, ';')
		}
		for _, numbers := range [][]int64{x.IDs, x.TypeIDs, x.Mask, x.SpecialMask} {
			for j, n := range numbers {
				if j > 0 {
					b = append(b, ',')
				}
				b = strconv.AppendInt(b, n, 10)
			}
			b = append(b, '|')
		}
		for j, s := range x.Offsets {
			if j > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendInt(b, int64(s.Start), 10)
			b = append(b, '-')
			b = strconv.AppendInt(b, int64(s.End), 10)
		}
		b = append(b, '|')
		for j, w := range x.WordIDs {
			if j > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendInt(b, int64(w), 10)
		}
	}
	return string(b)
}

// tokenizerPath finds a tokenizer of testdata/tokenizers, or MiniLM's among the models that `make deps` lays down.
func tokenizerPath(tb testing.TB, name string) string {
	tb.Helper()
	if name != "minilm" {
		return filepath.Join("..", "testdata", "tokenizers", name+".json")
	}
	deps := os.Getenv("LABELLOOP_DEPS")
	if deps == "" {
		tb.Fatal("LABELLOOP_DEPS is not set: run the tests by `make test`, which sets it")
	}
	return filepath.Join(deps, "models", "minilm", "tokenizer.json")
}

func load(tb testing.TB, name string) *Tokenizer {
	tb.Helper()
	t, err := Load(tokenizerPath(tb, name))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { t.Close() })
	return t
}

// lines reads a file of testdata.
func lines(tb testing.TB, path ...string) []string {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{"..", "testdata"}, path...)...))
	if err != nil {
		tb.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}
