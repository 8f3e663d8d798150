package tokenize

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// definition is a tokenizer.json: the parts that this package acts on, and the sections that it hands on unread.
type definition struct {
	sections  map[string]json.RawMessage // version, added_tokens, normalizer, pre_tokenizer, model
	model     model
	added     []addedToken
	post      postProcessor
	maxID     int
	padID     int64
	padTypeID int64
}

type model struct {
	Type         string
	Vocab        vocabulary
	UnkToken     string `json:"unk_token"`
	FuseUnk      bool   `json:"fuse_unk"`
	ByteFallback bool   `json:"byte_fallback"`
	Prefix       string `json:"continuing_subword_prefix"`
	Suffix       string `json:"end_of_word_suffix"`
}

// modelTypes are the models of tokenizers 0.22.
var modelTypes = []string{"BPE", "Unigram", "WordLevel", "WordPiece"}

type addedToken struct {
	ID                         int
	Content                    string
	LStrip, RStrip, Normalized bool
}

// varies says whether the text that the token covers can differ from its content.
func (a addedToken) varies() bool { return a.LStrip || a.RStrip || a.Normalized }

// vocabulary maps a token to its id. In the file it is that map, or Unigram's list of [token, score] in order of id.
type vocabulary map[string]int

func (v *vocabulary) UnmarshalJSON(data []byte) error {
	if !bytes.HasPrefix(data, []byte("[")) {
		return json.Unmarshal(data, (*map[string]int)(v))
	}
	var list []scoredToken
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	*v = make(vocabulary, len(list))
	for id, token := range list {
		(*v)[string(token)] = id
	}
	return nil
}

// scoredToken is the token of Unigram's [token, score].
type scoredToken string

func (s *scoredToken) UnmarshalJSON(data []byte) error {
	var token string
	entry := []any{&token, new(float64)}
	if err := json.Unmarshal(data, &entry); err != nil {
		return err
	}
	*s = scoredToken(token)
	return nil
}

// parse reads a tokenizer.json.
func parse(data []byte) (*definition, error) {
	var file map[string]json.RawMessage
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, jsonError(data, err)
	}
	d := &definition{sections: map[string]json.RawMessage{}}
	for _, name := range []string{"version", "added_tokens", "normalizer", "pre_tokenizer", "model"} {
		if section, ok := file[name]; ok {
			d.sections[name] = section
		}
	}
	if isNull(file["model"]) {
		return nil, errors.New(`no "model" section: name a tokenizer.json as save_pretrained of a fast tokenizer writes it`)
	}
	if err := json.Unmarshal(file["model"], &d.model); err != nil {
		return nil, fmt.Errorf(`read section "model": %w`, err)
	}
	if d.model.Type != "" && !slices.Contains(modelTypes, d.model.Type) {
		return nil, fmt.Errorf("model type %q is not supported: export the tokenizer as one of %q", d.model.Type, modelTypes)
	}
	if !isNull(file["added_tokens"]) {
		if err := json.Unmarshal(file["added_tokens"], &d.added); err != nil {
			return nil, fmt.Errorf(`read section "added_tokens": %w`, err)
		}
	}
	if err := d.readPadding(file["padding"]); err != nil {
		return nil, fmt.Errorf(`read section "padding": %w`, err)
	}
	d.post = plainPost()
	if !isNull(file["post_processor"]) {
		if err := d.post.read(file["post_processor"]); err != nil {
			return nil, fmt.Errorf(`read section "post_processor": %w`, err)
		}
	}
	if err := d.findMaxID(); err != nil {
		return nil, err
	}
	d.post.measure(d)
	return d, nil
}

// idLimit is far over the largest vocabulary: an id past it is a damaged file.
const idLimit = 1 << 24

func (d *definition) findMaxID() error {
	note := func(token string, id int) error {
		if id < 0 || id >= idLimit {
			return fmt.Errorf("token %q has id %d, which no vocabulary reaches: export the file again", token, id)
		}
		d.maxID = max(d.maxID, id)
		return nil
	}
	for token, id := range d.model.Vocab {
		if err := note(token, id); err != nil {
			return err
		}
	}
	for _, a := range d.added {
		if err := note(a.Content, a.ID); err != nil {
			return err
		}
	}
	return nil
}

// readPadding finds the padding id, in the section or by the name of the token.
func (d *definition) readPadding(section json.RawMessage) error {
	if !isNull(section) {
		var p struct {
			ID     int64 `json:"pad_id"`
			TypeID int64 `json:"pad_type_id"`
		}
		err := json.Unmarshal(section, &p)
		d.padID, d.padTypeID = p.ID, p.TypeID
		return err
	}
	for _, name := range []string{"[PAD]", "<pad>"} {
		for _, a := range d.added {
			if a.Content == name {
				d.padID = int64(a.ID)
				return nil
			}
		}
		if id, ok := d.model.Vocab[name]; ok {
			d.padID = int64(id)
			return nil
		}
	}
	return nil
}

func isNull(section json.RawMessage) bool {
	return len(section) == 0 || bytes.Equal(section, []byte("null"))
}

// jsonError adds the line to an error of syntax.
func jsonError(data []byte, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		line := 1 + bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n"))
		return fmt.Errorf("line %d is not JSON (%w): fetch or export the file again", line, err)
	}
	return fmt.Errorf("not a tokenizer.json: %w", err)
}
