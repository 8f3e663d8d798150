package tokenize

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// Options say how texts are encoded. The zero value gives all tokens, with special tokens.
type Options struct {
	MaxLength       int        // most tokens of an encoding, special tokens included; 0 is no limit
	Truncation      Truncation // which text gives way
	Windows         bool       // keep what truncation cuts off, as further encodings
	Stride          int        // tokens that a window shares with the one before
	NoSpecialTokens bool       // add none (those that stand in the text are found all the same)
	WordIDs         bool       // fill Encoding.WordIDs, at about three times the cost
}

// Input is a text, or a pair where IsPair is set.
type Input struct {
	Text, Pair string
	IsPair     bool
}

// Span is a range of code points, End not included, of the text that the token comes from: of []rune(text).
type Span struct{ Start, End int }

// Encoding is one row for a model. All its slices have one element per token.
type Encoding struct {
	IDs         []int64
	TypeIDs     []int64
	Mask        []int64 // attention mask: all 1, as nothing is padded here
	SpecialMask []int64 // 1 for the special tokens that were added around the texts
	Offsets     []Span  // 0, 0 for special tokens

	// WordIDs numbers the words from 0 in each text, -1 for special tokens. It is nil where Options.WordIDs is not
	// set, and where the tokens don't show how they make up the words (characters unknown to some models).
	WordIDs []int
}

// Len is the number of tokens.
func (e *Encoding) Len() int { return len(e.IDs) }

// Encoded is the outcome for one input: one encoding, which Options.Windows lets the overflowing windows follow (for
// a pair, each window of the first text with each of the second), or an error.
type Encoded struct {
	Encodings []Encoding
	Err       error
}

// Encode encodes one input.
func (t *Tokenizer) Encode(in Input, o Options) Encoded {
	encodings, err := t.encode(in, o)
	if err != nil {
		return Encoded{Err: fmt.Errorf("encode text: %w", err)}
	}
	return Encoded{Encodings: encodings}
}

// EncodeBatch encodes the inputs on all processors, and gives the outcomes in the order of the inputs. Inputs that
// were not begun when ctx ended have ctx's error.
func (t *Tokenizer) EncodeBatch(ctx context.Context, ins []Input, o Options) []Encoded {
	out := make([]Encoded, len(ins))
	var next atomic.Int64
	work := func() {
		for {
			i := int(next.Add(1)) - 1
			if i >= len(ins) {
				return
			}
			if err := ctx.Err(); err != nil {
				out[i].Err = fmt.Errorf("encode text: %w", err)
			} else {
				out[i] = t.Encode(ins[i], o)
			}
		}
	}
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(ins)) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	return out
}

// sequence is one encoded text of an input.
type sequence struct {
	pieces
	words   []int
	affixes []affix // spaces at the ends of each token, where offsets are to be trimmed
}

func (t *Tokenizer) encode(in Input, o Options) ([]Encoding, error) {
	var texts [2]sequence
	var err error
	if texts[0], err = t.sequence(in.Text, o.WordIDs); err != nil {
		return nil, err
	}
	if in.IsPair {
		if texts[1], err = t.sequence(in.Pair, o.WordIDs); err != nil {
			return nil, err
		}
	}
	n := [2]int{len(texts[0].ids), len(texts[1].ids)}
	room := n[0] + n[1]
	if o.MaxLength > 0 && o.Truncation != DoNotTruncate {
		room = o.MaxLength
		if !o.NoSpecialTokens {
			room -= t.def.post.added(in.IsPair)
		}
		if room < 0 {
			return nil, fmt.Errorf("the special tokens alone are %d, over the maximal length of %d: raise it",
				o.MaxLength-room, o.MaxLength)
		}
	}
	cuts, err := truncate(n, in.IsPair, room, o)
	if err != nil {
		return nil, err
	}
	rows := fill(t.def.post.slots(in.IsPair, o.NoSpecialTokens), cuts)
	encodings := make([]Encoding, len(rows))
	for i, row := range rows {
		encodings[i] = t.assemble(row, &texts, o.WordIDs)
	}
	return encodings, nil
}

// sequence encodes one text.
func (t *Tokenizer) sequence(text string, wordIDs bool) (sequence, error) {
	p, err := t.pieces.encode(text, wordIDs)
	s := sequence{pieces: p}
	if err != nil {
		return s, err
	}
	if post := &t.def.post; len(post.trims) > 0 {
		s.affixes = make([]affix, len(p.ids))
		for i, id := range p.ids {
			if post.varying[id] && p.tokens == nil {
				return t.sequence(text, true)
			}
			if s.affixes[i] = post.affixes[id]; post.varying[id] {
				s.affixes[i] = spaces(p.tokens[i])
			}
		}
	}
	if wordIDs {
		s.words, err = t.wordIDs(text, p.tokens)
	}
	return s, err
}
