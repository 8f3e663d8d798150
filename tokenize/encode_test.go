package tokenize

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
)

// tokenIDs gives the ids of each encoding, or fails.
func tokenIDs(t *testing.T, out Encoded) [][]int64 {
	t.Helper()
	if out.Err != nil {
		t.Fatal(out.Err)
	}
	var ids [][]int64
	for _, e := range out.Encodings {
		ids = append(ids, e.IDs)
	}
	return ids
}

func TestTruncationKeepsSpecialTokens(t *testing.T) {
	tokenizer := load(t, "bert") // [CLS] is 2, [SEP] 3
	long := strings.Repeat("war ", 40)
	for _, c := range []struct {
		name string
		in   Input
		o    Options
		len  int
		seps []int // where [SEP] stands
	}{
		{"single", Input{Text: long}, Options{MaxLength: 8}, 8, []int{7}},
		{"longest first", Input{Text: long, Pair: "war", IsPair: true}, Options{MaxLength: 8}, 8, []int{5, 7}},
		{"both long", Input{Text: long, Pair: long, IsPair: true}, Options{MaxLength: 8}, 8, []int{3, 7}},
		{"only first", Input{Text: long, Pair: "war war war", IsPair: true},
			Options{MaxLength: 8, Truncation: OnlyFirst}, 8, []int{3, 7}},
		{"only second", Input{Text: "war war", Pair: long, IsPair: true},
			Options{MaxLength: 8, Truncation: OnlySecond}, 8, []int{3, 7}},
		{"do not truncate", Input{Text: long}, Options{MaxLength: 8, Truncation: DoNotTruncate}, 42, []int{41}},
		{"no room", Input{Text: long}, Options{MaxLength: 2}, 2, []int{1}},
		{"empty", Input{}, Options{MaxLength: 8}, 2, []int{1}},
		{"empty pair", Input{IsPair: true}, Options{}, 3, []int{1, 2}},
	} {
		ids := tokenIDs(t, tokenizer.Encode(c.in, c.o))[0]
		var seps []int
		for i, id := range ids {
			if id == 3 {
				seps = append(seps, i)
			}
		}
		if len(ids) != c.len || ids[0] != 2 || !slices.Equal(seps, c.seps) {
			t.Errorf("%s: ids %v, want %d with [SEP] at %v", c.name, ids, c.len, c.seps)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	tokenizer := load(t, "bert")
	pair := Input{Text: "war", Pair: strings.Repeat("war ", 20), IsPair: true}
	for _, c := range []struct {
		in   Input
		o    Options
		want string
	}{
		{pair, Options{MaxLength: 8, Truncation: OnlyFirst}, "truncate the first text"},
		{Input{Text: pair.Pair, Pair: "war", IsPair: true}, Options{MaxLength: 8, Truncation: OnlySecond}, "the second text"},
		{Input{Text: pair.Pair}, Options{MaxLength: 8, Truncation: OnlySecond}, "there is none"},
		{pair, Options{MaxLength: 2}, "special tokens alone are 3"},
		{Input{Text: pair.Pair}, Options{MaxLength: 6, Windows: true, Stride: 4}, "lower the stride"},
		{Input{Text: pair.Pair}, Options{MaxLength: 2, Windows: true}, "raise the maximal length"},
	} {
		if out := tokenizer.Encode(c.in, c.o); out.Err == nil || !strings.Contains(out.Err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %q", c.o, out.Err, c.want)
		}
	}
}

func TestEncodeBatch(t *testing.T) {
	tokenizer := load(t, "roberta")
	var ins []Input
	for _, text := range lines(t, "wiki", "wiki_sentences.txt")[:500] {
		ins = append(ins, Input{Text: text + "\x00"})
	}
	want := make([]string, len(ins))
	for i, in := range ins {
		want[i] = canonical(tokenizer.Encode(in, Options{WordIDs: true}))
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i, e := range tokenizer.EncodeBatch(context.Background(), ins, Options{WordIDs: true}) {
				if got := canonical(e); got != want[i] {
					t.Errorf("text %d: %s, alone it was %s", i, got, want[i])
				}
			}
		})
	}
	wg.Wait()
	if out := tokenizer.EncodeBatch(context.Background(), nil, Options{}); len(out) != 0 {
		t.Errorf("no inputs gave %d outcomes", len(out))
	}
}

func TestEncodeBatchCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, e := range load(t, "bert").EncodeBatch(ctx, make([]Input, 10), Options{}) {
		if !errors.Is(e.Err, context.Canceled) {
			t.Errorf("error %v, want that of the context", e.Err)
		}
	}
}

func TestClosed(t *testing.T) {
	tokenizer, err := Load(tokenizerPath(t, "bert"))
	if err != nil {
		t.Fatal(err)
	}
	tokenIDs(t, tokenizer.Encode(Input{Text: "a\x00b"}, Options{WordIDs: true}))
	for range 2 {
		if err := tokenizer.Close(); err != nil {
			t.Error(err)
		}
	}
	if out := tokenizer.Encode(Input{Text: "a"}, Options{}); !errors.Is(out.Err, errClosed) {
		t.Errorf("error %v after Close", out.Err)
	}
}

// Every stand-in for NUL must lead to the same encoding.
func TestNULStandIn(t *testing.T) {
	for _, name := range []string{"bert", "roberta", "clip", "xlmr"} {
		tokenizer := load(t, name)
		encode := func(text string) Encoding {
			out := tokenizer.Encode(Input{Text: text}, Options{NoSpecialTokens: true})
			if out.Err != nil {
				t.Fatal(out.Err)
			}
			return out.Encodings[0]
		}
		used := encode("war\x00 of\x00")
		other := encode("war\x00 of\x00 " + string(standIn)) // takes another stand-in
		n := used.Len()
		if !slices.Equal(used.IDs, other.IDs[:n]) || !slices.Equal(used.Offsets, other.Offsets[:n]) {
			t.Errorf("%s: %+v, with another stand-in %+v", name, used, other)
		}
	}
}
