package models

import "slices"

// defaultLength is used where no file names a limit: what most encoders were trained with.
const defaultLength = 512

// padded lists the model types whose positions start after the padding token's id (transformers'
// create_position_ids_from_input_ids), so that they take pad_token_id + 1 tokens fewer than they have positions.
var padded = []string{"camembert", "data2vec-text", "ibert", "lilt", "longformer", "luke", "mpnet", "roberta",
	"roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"}

// positions gives the number of tokens that the model has positions for, 0 where config.json doesn't say.
func (c *config) positions() int {
	if c.TextConfig != nil {
		return max(c.TextConfig.MaxPositions, 0)
	}
	n := max(c.MaxPositions, c.NPositions, 0)
	if slices.Contains(padded, c.ModelType) {
		pad := 1
		if c.PadTokenID != nil {
			pad = *c.PadTokenID
		}
		n -= min(max(pad, 0), n) + 1
	}
	return max(n, 0)
}

// maxLength gives the longest input in tokens: sentence-transformers' max_seq_length, else the tokenizer's
// model_max_length, else the number of positions; never more than there are positions.
func (f *folder) maxLength(c config) (int, error) {
	var sentence struct {
		MaxSeqLength int `json:"max_seq_length"`
	}
	if err := f.readJSON("sentence_bert_config.json", &sentence); err != nil {
		return 0, err
	}
	// A tokenizer without a limit of its own is saved with int(1e30).
	var tokenizer struct {
		ModelMaxLength float64 `json:"model_max_length"`
	}
	if err := f.readJSON("tokenizer_config.json", &tokenizer); err != nil {
		return 0, err
	}
	length := sentence.MaxSeqLength
	if t := tokenizer.ModelMaxLength; length < 1 && t >= 1 && t < 100_000 {
		length = int(t)
	}
	positions := c.positions()
	switch {
	case length < 1 && positions < 1:
		return defaultLength, nil
	case length < 1:
		return positions, nil
	case positions < 1:
		return length, nil
	}
	return min(length, positions), nil
}
