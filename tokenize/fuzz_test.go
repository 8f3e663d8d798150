package tokenize

import (
	"testing"
	"unicode/utf8"
)

func FuzzEncode(f *testing.F) {
	var tokenizers []*Tokenizer
	for _, name := range []string{"bert", "roberta", "gpt2", "clip", "t5"} {
		tokenizers = append(tokenizers, load(f, name))
	}
	for i, text := range []string{"", "a b", "\x00\xff", "<mask> \u3000[MASK]", "e\u0301👩‍👧", "one two three four five six"} {
		f.Add(text, "fine, and you?", uint8(i*4), uint8(i), uint8(i*37))
	}
	f.Fuzz(func(t *testing.T, text, pair string, maxLength, stride, flags uint8) {
		o := Options{MaxLength: int(maxLength), Stride: int(stride), Truncation: Truncation(flags & 3),
			Windows: flags&4 != 0, NoSpecialTokens: flags&8 != 0, WordIDs: flags&16 != 0}
		in := Input{Text: text, Pair: pair, IsPair: flags&32 != 0}
		for _, tokenizer := range tokenizers {
			out := tokenizer.Encode(in, o)
			if (out.Err == nil) != (len(out.Encodings) > 0) {
				t.Fatalf("%d encodings with error %v", len(out.Encodings), out.Err)
			}
			longest := max(utf8.RuneCountInString(text), utf8.RuneCountInString(pair))
			for _, e := range out.Encodings {
				check(t, tokenizer, e, longest)
				if o.MaxLength > 0 && o.Truncation != DoNotTruncate && e.Len() > o.MaxLength {
					t.Fatalf("%d tokens, over the maximal length of %d", e.Len(), o.MaxLength)
				}
			}
		}
	})
}

// check looks for what is wrong with any encoding of texts of up to n code points.
func check(t *testing.T, tokenizer *Tokenizer, e Encoding, n int) {
	t.Helper()
	for _, l := range []int{len(e.TypeIDs), len(e.Mask), len(e.SpecialMask), len(e.Offsets)} {
		if l != e.Len() {
			t.Fatalf("slices differ in length: %+v", e)
		}
	}
	if e.WordIDs != nil && len(e.WordIDs) != e.Len() {
		t.Fatalf("%d word ids for %d tokens", len(e.WordIDs), e.Len())
	}
	for i, s := range e.Offsets {
		if s.Start < 0 || s.Start > s.End || s.End > n {
			t.Fatalf("token %d covers %v of %d code points", i, s, n)
		}
		if e.IDs[i] < 0 || e.IDs[i] > int64(tokenizer.MaxID()) {
			t.Fatalf("id %d is not in 0..%d", e.IDs[i], tokenizer.MaxID())
		}
		if e.SpecialMask[i] == 1 && s != (Span{}) {
			t.Fatalf("special token %d covers %v", i, s)
		}
	}
}

// FuzzLoad fuzzes the part of a tokenizer.json that is read here.
func FuzzLoad(f *testing.F) {
	for _, seed := range badDefinitions {
		f.Add([]byte(seed.json))
	}
	f.Add([]byte(`{"model":{"type":"Unigram","vocab":[["a",0.5]]},"padding":{"pad_id":3}}`))
	f.Add([]byte(`{"model":{"type":"BPE","vocab":{"Ġa":1}},"added_tokens":[{"id":2,"content":" <m>","lstrip":true}],` +
		`"post_processor":{"type":"RobertaProcessing","sep":["s",1],"cls":["c",0],"trim_offsets":true}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := parse(data)
		if err != nil {
			return
		}
		for _, pair := range []bool{false, true} {
			if d.post.added(pair) < 0 || len(d.post.slots(pair, true)) == 0 {
				t.Fatalf("template without texts: %+v", d.post)
			}
		}
		if d.maxID < 0 || d.maxID >= idLimit {
			t.Fatalf("largest id is %d", d.maxID)
		}
	})
}
