// Package tokenize turns text into token ids, masks and offsets, equal to what Hugging Face's tokenizers library gives.
//
// The native library (through daulet/tokenizers) normalises, splits and looks up the pieces of one text. Everything
// that depends on more than one text is done here: pairs, truncation, overlapping windows, special tokens, word ids.
// Texts may hold any bytes. Each byte that is not part of valid UTF-8 counts as one U+FFFD, as in []rune(text), and
// offsets are indexes into that slice: bytes never leave this package.
package tokenize

import (
	"errors"
	"fmt"
	"os"
)

// Tokenizer encodes texts by one tokenizer.json. It is safe for use by many goroutines.
type Tokenizer struct {
	def    *definition
	pieces *native

	splits *native // the same with a model that makes one piece of each split; see words.go
}

// Load reads a tokenizer.json. Its own truncation and padding sections are ignored: Options says how to truncate,
// and padding is for whoever builds batches (see PadID).
func Load(path string) (*Tokenizer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("load tokenizer: %w", err)
	}
	def, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("load tokenizer %s: %w", path, err)
	}
	t := &Tokenizer{
		def:    def,
		pieces: &native{sections: def.sections},
		splits: &native{sections: splitSections(def.sections)},
	}
	if _, err := t.pieces.load(0); err != nil {
		return nil, fmt.Errorf("load tokenizer %s: %w: export it again with tokenizers 0.22 or older", path, err)
	}
	return t, nil
}

// Close frees the native memory. No other call may be running; later ones give an error.
func (t *Tokenizer) Close() error {
	return errors.Join(t.pieces.close(), t.splits.close())
}

// MaxID is the largest id that the tokenizer can give, of its vocabulary and its added tokens. A model whose embedding
// has MaxID rows or fewer does not belong to this tokenizer.
func (t *Tokenizer) MaxID() int { return t.def.maxID }

// PadID is the id that fills up shorter rows of a batch: the one that tokenizer.json's padding section names, else that
// of the token [PAD] or <pad>, else 0.
func (t *Tokenizer) PadID() int64 { return t.def.padID }

// PadTypeID is the type id that goes with PadID.
func (t *Tokenizer) PadTypeID() int64 { return t.def.padTypeID }
