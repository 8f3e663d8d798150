package tokenize

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// postProcessor is tokenizer.json's post_processor: the special tokens around a text or a pair, and the trimming of
// spaces from offsets. It follows src/processors of the tokenizers crate 0.22.
type postProcessor struct {
	single, pair         []slot
	bareSingle, barePair []slot // without special tokens

	adds    string          // type of the processor that gave the slots, "" while they are plain
	trims   []bool          // trimming passes over the offsets; true where the processor adds a prefix space
	affixes []affix         // by token id, of the vocabulary; nil without trims
	varying map[uint32]bool // added tokens whose spaces depend on the text
}

// slot is one place in a template: the special tokens ids, or, where ids is nil, the text sequence (0 or 1).
type slot struct {
	ids      []int64
	sequence int
	typeID   int64

	// overflowTypeID is the type id of a text's tokens in its windows after the first: in the crate, templates
	// give their type ids to the first alone.
	overflowTypeID int64
}

// affix counts the spaces that a token begins and ends with.
type affix struct{ leading, trailing int }

// plainPost is what no processor means: nothing added, type 0 for the first text and 1 for the second.
func plainPost() postProcessor {
	a, b := slot{}, slot{sequence: 1, typeID: 1, overflowTypeID: 1}
	return postProcessor{single: []slot{a}, pair: []slot{a, b}, bareSingle: []slot{a}, barePair: []slot{a, b}}
}

// special is the id of a token in the files' form ["[SEP]", 102].
type special []int64

func (s *special) UnmarshalJSON(data []byte) error {
	var token string
	var id int64
	entry := []any{&token, &id}
	if err := json.Unmarshal(data, &entry); err != nil {
		return err
	}
	*s = special{id}
	return nil
}

// read adds the processor of a section to p.
func (p *postProcessor) read(section json.RawMessage) error {
	var f struct {
		Type           string
		Sep, Cls       special
		TrimOffsets    bool `json:"trim_offsets"`
		AddPrefixSpace bool `json:"add_prefix_space"`
		Single, Pair   []templatePiece
		SpecialTokens  map[string]struct{ IDs []int64 } `json:"special_tokens"`
		Processors     []json.RawMessage
	}
	if err := json.Unmarshal(section, &f); err != nil {
		return err
	}
	switch f.Type {
	case "Sequence":
		for _, section := range f.Processors {
			if err := p.read(section); err != nil {
				return err
			}
		}
		return nil
	case "ByteLevel":
		if f.TrimOffsets && p.adds != "" && p.adds != "TemplateProcessing" {
			return fmt.Errorf("ByteLevel after %s is not supported: put ByteLevel first", p.adds)
		}
	case "BertProcessing", "RobertaProcessing", "TemplateProcessing":
		if p.adds != "" {
			return fmt.Errorf("%s after %s is not supported: keep one of them", f.Type, p.adds)
		}
		p.adds = f.Type
	default:
		return fmt.Errorf("type %q is not supported: use TemplateProcessing", f.Type)
	}
	if f.TrimOffsets {
		p.trims = append(p.trims, f.AddPrefixSpace)
	}
	a, b := slot{}, slot{sequence: 1, typeID: 1, overflowTypeID: 1}
	cls, sep := slot{ids: f.Cls}, slot{ids: f.Sep}
	switch f.Type {
	case "BertProcessing":
		sep1 := slot{ids: f.Sep, typeID: 1}
		p.single, p.pair = []slot{cls, a, sep}, []slot{cls, a, sep, b, sep1}
	case "RobertaProcessing":
		p.single, p.pair = []slot{cls, a, sep}, []slot{cls, a, sep, sep, {sequence: 1}, sep}
		p.barePair = []slot{a, {sequence: 1, overflowTypeID: 1}}
	case "TemplateProcessing":
		var err error
		if p.single, p.bareSingle, err = slots(f.Single, f.SpecialTokens, 1); err != nil {
			return fmt.Errorf("template for single texts: %w", err)
		}
		if p.pair, p.barePair, err = slots(f.Pair, f.SpecialTokens, 2); err != nil {
			return fmt.Errorf("template for pairs: %w", err)
		}
	}
	return nil
}

// templatePiece is one element of TemplateProcessing's single or pair; one of its fields is set.
type templatePiece struct {
	Sequence, SpecialToken *struct {
		ID     string
		TypeID int64 `json:"type_id"`
	}
}

func slots(pieces []templatePiece, tokens map[string]struct{ IDs []int64 }, texts int) (all, bare []slot, err error) {
	var seen [2]bool
	for _, piece := range pieces {
		switch {
		case piece.Sequence != nil:
			s := slot{typeID: piece.Sequence.TypeID}
			if piece.Sequence.ID == "B" {
				s.sequence, s.overflowTypeID = 1, 1
			}
			seen[s.sequence] = true
			all, bare = append(all, s), append(bare, s)
		case piece.SpecialToken != nil:
			token, ok := tokens[piece.SpecialToken.ID]
			if !ok || len(token.IDs) == 0 {
				return nil, nil, fmt.Errorf("special token %q has no ids in special_tokens", piece.SpecialToken.ID)
			}
			all = append(all, slot{ids: token.IDs, typeID: piece.SpecialToken.TypeID})
		default:
			return nil, nil, errors.New("an element is neither Sequence nor SpecialToken")
		}
	}
	if !seen[0] || seen[1] != (texts == 2) {
		return nil, nil, fmt.Errorf("it must use its %d text sequence(s), A first", texts)
	}
	return all, bare, nil
}

// slots gives the template for a single text or a pair.
func (p *postProcessor) slots(pair, bare bool) []slot {
	switch {
	case pair && bare:
		return p.barePair
	case pair:
		return p.pair
	case bare:
		return p.bareSingle
	}
	return p.single
}

// added counts the special tokens around a single text or a pair.
func (p *postProcessor) added(pair bool) int {
	n := 0
	for _, s := range p.slots(pair, false) {
		n += len(s.ids)
	}
	return n
}

// measure counts the spaces of all tokens, where offsets are to be trimmed.
func (p *postProcessor) measure(d *definition) {
	if len(p.trims) == 0 {
		return
	}
	p.affixes, p.varying = make([]affix, d.maxID+1), map[uint32]bool{}
	for token, id := range d.model.Vocab {
		p.affixes[id] = spaces(token)
	}
	for _, a := range d.added {
		p.affixes[a.ID] = spaces(a.Content)
		if a.varies() {
			p.varying[uint32(a.ID)] = true
		}
	}
}

// spaces counts white space, and the byte-level alphabet's sign for a space, at both ends.
func spaces(token string) affix {
	space := func(r rune) bool { return r == 'Ġ' || unicode.IsSpace(r) }
	var a affix
	for s := token; s != ""; a.leading++ {
		r, size := utf8.DecodeRuneInString(s)
		if !space(r) {
			break
		}
		s = s[size:]
	}
	for s := token; s != ""; a.trailing++ {
		r, size := utf8.DecodeLastRuneInString(s)
		if !space(r) {
			break
		}
		s = s[:len(s)-size]
	}
	return a
}

// trim takes the spaces off the span of a token; first says whether it begins its window. This is process_offsets in
// pre_tokenizers/byte_level.rs.
func (a affix) trim(s Span, first, addPrefixSpace bool) Span {
	leading := a.leading
	if leading == 1 && addPrefixSpace && (first || s.Start == 0) {
		leading = 0 // the space that the pre-tokenizer added is not in the text
	}
	s.Start = min(s.Start+leading, s.End)
	if a.trailing > 0 && s.End >= a.trailing {
		s.End = max(s.End-a.trailing, s.Start)
	}
	return s
}
