package tokenize

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// splitModel makes one piece of whatever pre-tokenization splits off, whose token is the split's normalized text:
// Unigram fuses neighbouring unknown characters, and to this vocabulary all are unknown.
const splitModel = `{"type":"Unigram","unk_id":0,"vocab":[["�",0.0]],"byte_fallback":false}`

// splitSections is the tokenizer that shows how another splits texts into words.
func splitSections(sections map[string]json.RawMessage) map[string]json.RawMessage {
	return replaceSection(sections, "model", splitModel)
}

// wordIDs numbers the words (the splits of pre-tokenization, added tokens among them) that the tokens are parts of.
// The native library keeps the numbers to itself, so the tokens are laid along the texts of the splits. It gives nil
// if they don't fit: unknown characters that the model drops or fuses leave no trace of their length.
func (t *Tokenizer) wordIDs(text string, tokens []string) ([]int, error) {
	splits, err := t.splits.encode(text, true)
	if err != nil {
		return nil, fmt.Errorf("find words: %w", err)
	}
	ids := make([]int, 0, len(tokens))
	for word, rest := range splits.tokens {
		for first := true; rest != ""; first = false {
			if len(ids) == len(tokens) {
				return nil, nil
			}
			n := t.def.model.covers(tokens[len(ids)], rest, first)
			if n == 0 {
				return nil, nil
			}
			ids = append(ids, word)
			rest = rest[n:]
		}
	}
	if len(ids) < len(tokens) {
		return nil, nil
	}
	return ids, nil
}

// covers gives the number of bytes of a word's rest that the token stands for, 0 if it doesn't fit there.
func (m *model) covers(token, rest string, first bool) int {
	if first && token == rest {
		return len(rest) // an added token, or a whole word
	}
	if !first {
		token = strings.TrimPrefix(token, m.Prefix)
	}
	if strings.HasPrefix(rest, token) {
		return len(token)
	}
	if m.Suffix != "" && strings.TrimSuffix(token, m.Suffix) == rest {
		return len(rest)
	}
	if m.ByteFallback && len(token) == len("<0xFF>") {
		if b, err := strconv.ParseUint(token[3:5], 16, 8); err == nil && rest[0] == byte(b) {
			return 1
		}
	}
	if token == m.UnkToken && first && m.Type != "BPE" {
		return len(rest)
	}
	if token == m.UnkToken && !m.FuseUnk && m.Type == "BPE" {
		_, size := utf8.DecodeRuneInString(rest)
		return size
	}
	return 0
}
