package tokenize

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/daulet/tokenizers"
)

// native encodes single texts, without special tokens, truncation or padding.
//
// The library takes C strings, so a NUL would end the text. Such a text goes, with a stand-in for NUL, to a second
// tokenizer whose normalizer first turns the stand-in back into NUL: from there on it sees what it should. The stand-in
// is one code point, so that offsets in code points stay as they are.
type native struct {
	sections map[string]json.RawMessage // tokenizer.json

	mu     sync.Mutex
	plain  *tokenizers.Tokenizer // loaded on first use
	nul    *tokenizers.Tokenizer // the same for texts in which standIn stands for NUL
	closed bool
}

// standIn stands for NUL in texts that don't hold this code point, a noncharacter, themselves.
const standIn rune = utf8.MaxRune

// errClosed is returned by calls that follow Close.
var errClosed = errors.New("tokenizer is closed")

// load gives the tokenizer in which the code point r stands for NUL, or the plain one for r = 0. It owns these for
// standIn and 0; any other is for the caller to close.
func (n *native) load(r rune) (*tokenizers.Tokenizer, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, errClosed
	}
	var owned **tokenizers.Tokenizer
	switch r {
	case 0:
		owned = &n.plain
	case standIn:
		owned = &n.nul
	default:
		owned = new(*tokenizers.Tokenizer)
	}
	if *owned == nil {
		sections := n.sections
		if r != 0 {
			sections = restoreNUL(sections, r)
		}
		data, err := json.Marshal(sections)
		if err != nil {
			return nil, err
		}
		if *owned, err = tokenizers.FromBytes(data); err != nil {
			return nil, err
		}
	}
	return *owned, nil
}

func (n *native) close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	var errs []error
	for _, owned := range []**tokenizers.Tokenizer{&n.plain, &n.nul} {
		if *owned != nil {
			errs = append(errs, (*owned).Close())
			*owned = nil
		}
	}
	return errors.Join(errs...)
}

// pieces are the tokens of one text.
type pieces struct {
	ids    []uint32
	spans  []Span
	tokens []string // nil unless asked for
}

// encode gives the pieces of text. It can be called by many goroutines.
func (n *native) encode(text string, wantTokens bool) (pieces, error) {
	if text == "" {
		return pieces{}, nil
	}
	if !utf8.ValidString(text) {
		text = string([]rune(text))
	}
	var r rune
	if strings.Contains(text, "\x00") {
		r = unusedRune(text)
		text = strings.ReplaceAll(text, "\x00", string(r))
	}
	tokenizer, err := n.load(r)
	if err != nil {
		return pieces{}, err
	}
	if r != 0 && r != standIn {
		defer tokenizer.Close()
	}
	options := []tokenizers.EncodeOption{tokenizers.WithReturnOffsets()}
	if wantTokens {
		options = append(options, tokenizers.WithReturnTokens())
	}
	enc, err := tokenizer.EncodeWithOptionsErr(text, false, options...)
	if err != nil {
		return pieces{}, fmt.Errorf("the tokenizer's model can't encode %.40q: it may lack an unknown token", text)
	}
	return pieces{ids: enc.IDs, spans: codePoints(text, enc.Offsets), tokens: enc.Tokens}, nil
}

// unusedRune finds a code point that the text doesn't hold: standIn, or another of the private use planes. There are
// 131,072 of those; a text that holds each of them is taken to mean the last.
func unusedRune(text string) rune {
	if !strings.ContainsRune(text, standIn) {
		return standIn
	}
	used := map[rune]bool{}
	for _, r := range text {
		used[r] = true
	}
	r := standIn
	for used[r] && r > 0xF0000 {
		r--
	}
	return r
}

// restoreNUL adds to the normalizer a first step that turns r into NUL.
func restoreNUL(sections map[string]json.RawMessage, r rune) map[string]json.RawMessage {
	steps := fmt.Sprintf(`{"type":"Replace","pattern":{"String":"%c"},"content":"\u0000"}`, r)
	if own := sections["normalizer"]; !isNull(own) {
		steps += "," + string(own)
	}
	return replaceSection(sections, "normalizer", `{"type":"Sequence","normalizers":[`+steps+`]}`)
}

func replaceSection(sections map[string]json.RawMessage, name, content string) map[string]json.RawMessage {
	replaced := map[string]json.RawMessage{name: json.RawMessage(content)}
	for key, section := range sections {
		if key != name {
			replaced[key] = section
		}
	}
	return replaced
}

// codePoints turns byte offsets into code points, by the rules of BytesToCharOffsetConverter in the tokenizers crate
// (tokenizer/pre_tokenizer.rs): a byte inside a code point means the code point.
func codePoints(text string, offsets []tokenizers.Offset) []Span {
	spans := make([]Span, len(offsets))
	n := utf8.RuneCountInString(text)
	if n == len(text) {
		for i, o := range offsets {
			spans[i] = Span{int(o[0]), int(o[1])}
		}
		return spans
	}
	index := make([]int32, len(text)+1) // by byte
	at := int32(-1)
	for b := range len(text) {
		if utf8.RuneStart(text[b]) {
			at++
		}
		index[b] = at
	}
	index[len(text)] = int32(n)
	for i, o := range offsets {
		spans[i] = Span{int(index[o[0]]), int(index[o[1]])}
	}
	return spans
}
