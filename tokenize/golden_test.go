package tokenize

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestGoldens compares digests of all encodings of the corpora with those of Hugging Face tokenizers, written by
// scripts/tokenizer_parity.py --golden.
func TestGoldens(t *testing.T) {
	var goldens struct {
		Block   int
		Modes   map[string]mode
		Digests map[string]map[string]map[string][]string // by tokenizer, corpus and mode
	}
	readJSON(t, "goldens.json", &goldens)
	corpora := map[string][]string{"wiki": lines(t, "wiki", "wiki_sentences.txt"), "clinc150": queries(t),
		"nasty": quoted(t, "nasty.txt"), "long": quoted(t, "long.txt")}
	for name, byCorpus := range goldens.Digests {
		t.Run(name, func(t *testing.T) {
			tokenizer := load(t, name)
			for corpus, byMode := range byCorpus {
				for m, want := range byMode {
					mode := goldens.Modes[m]
					inputs := mode.inputs(corpora[corpus])
					got := 0
					for block := range slices.Chunk(inputs, goldens.Block) {
						h := sha256.New()
						for _, e := range tokenizer.EncodeBatch(context.Background(), block, mode.options()) {
							h.Write([]byte(canonical(e) + "\n"))
						}
						if got == len(want) {
							t.Fatalf("%s, %s: more than the %d blocks of the golden", corpus, m, len(want))
						}
						if digest := hex.EncodeToString(h.Sum(nil)[:16]); digest != want[got] {
							t.Errorf("%s, %s: texts from %d on are encoded otherwise", corpus, m, got*goldens.Block)
						}
						got++
					}
					if got < len(want) {
						t.Errorf("%s, %s: %d blocks of texts, golden has %d", corpus, m, got, len(want))
					}
				}
			}
		})
	}
}

// TestCases compares the goldens that are spelled out.
func TestCases(t *testing.T) {
	var goldens struct{ Modes map[string]mode }
	readJSON(t, "goldens.json", &goldens)
	var cases []struct {
		Tokenizer, Text string
		Pair            *string
		Mode            string
		Encodings       []struct {
			IDs     []int64
			TypeIDs []int64 `json:"type_ids"`
			Special []int64
			Offsets [][2]int
			Words   []int
		}
	}
	readJSON(t, "cases.json", &cases)
	tokenizers := map[string]*Tokenizer{}
	for i, c := range cases {
		if tokenizers[c.Tokenizer] == nil {
			tokenizers[c.Tokenizer] = load(t, c.Tokenizer)
		}
		in := Input{Text: c.Text}
		if c.Pair != nil {
			in.Pair, in.IsPair = *c.Pair, true
		}
		out := tokenizers[c.Tokenizer].Encode(in, goldens.Modes[c.Mode].options())
		if out.Err != nil || len(out.Encodings) != len(c.Encodings) {
			t.Errorf("case %d: %d encodings, error %v, want %d", i, len(out.Encodings), out.Err, len(c.Encodings))
			continue
		}
		for j, want := range c.Encodings {
			got := out.Encodings[j]
			spans := make([][2]int, got.Len())
			for k, s := range got.Offsets {
				spans[k] = [2]int{s.Start, s.End}
			}
			if !slices.Equal(got.IDs, want.IDs) || !slices.Equal(got.TypeIDs, want.TypeIDs) ||
				!slices.Equal(got.SpecialMask, want.Special) || !slices.Equal(spans, want.Offsets) ||
				!slices.Equal(got.WordIDs, want.Words) {
				t.Errorf("case %d, %s of %q, encoding %d:\n got %+v\nwant %+v", i, c.Tokenizer, c.Text, j, got, want)
			}
		}
	}
}

func readJSON(t *testing.T, name string, v any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "testdata", "tokenizers", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// queries are the texts of testdata/clinc150.
func queries(t *testing.T) []string {
	t.Helper()
	var texts []string
	for _, split := range []string{"train", "val", "test", "oos_test"} {
		f, err := os.Open(filepath.Join("..", "testdata", "clinc150", split+".csv"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		rows, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows[1:] {
			texts = append(texts, row[0])
		}
	}
	return texts
}

// quoted reads texts that stand in base64, one a line; *N repeats one.
func quoted(t *testing.T, name string) []string {
	t.Helper()
	var texts []string
	for _, line := range lines(t, "tokenizers", name) {
		code, times, _ := strings.Cut(line, "*")
		text, err := base64.StdEncoding.DecodeString(code)
		if err != nil {
			t.Fatal(err)
		}
		n := 1
		if times != "" {
			if n, err = strconv.Atoi(times); err != nil {
				t.Fatal(err)
			}
		}
		texts = append(texts, strings.Repeat(string(text), n))
	}
	return texts
}
