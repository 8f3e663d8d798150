package review

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"
	"unicode"

	"github.com/labelloop/labelloop/internal/label"
)

// Bounds of an explanation: each span that is left out is another text for the model.
const (
	mostSpans   = 64
	mostWords   = 5000
	patience    = 30 * time.Second
	wordJoiners = "'’-"
)

// explanation tells which words of a text speak for a label.
type explanation struct {
	Label string  `json:"label"`
	Model string  `json:"model"`
	Prob  float64 `json:"prob"`  // of the label, by the whole text
	Spans []span  `json:"spans"` // in the order of the text
}

// span is a word, or in a long text some words side by side.
type span struct {
	Part   int     `json:"part"`  // 0: the text, 1: the second text of a pair
	Start  int     `json:"start"` // in code points
	End    int     `json:"end"`
	Weight float64 `json:"weight"` // log-odds of the label less those without the span: above 0 it speaks for the label
}

// getExplanation explains the suggestion for an item by occlusion (Zeiler and Fergus 2014, "Visualizing and understanding
// convolutional networks"; for words Li, Monroe and Jurafsky 2016, "Understanding neural networks through representation
// erasure"): each word is left out in turn, and the model that suggests judges what is left. Its own log-odds are compared, for
// a probability near 1 hardly moves, and a calibrated one may stand still. One item is explained at a time.
func (s *Server) getExplanation(r *http.Request, who string) (any, error) {
	number, err := itemOf(r)
	if err != nil {
		return nil, err
	}
	records, err := s.Store.Records(r.Context(), []int64{number})
	if err != nil {
		return nil, err
	}
	it := records[0].Item
	if it.Image != "" {
		return nil, label.Errorf(label.ErrConflict, "item %d is a picture; explanations are for texts", number)
	}
	if s.blind(number, who) {
		return nil, label.Errorf(label.ErrConflict, "item %d is shown to you without a suggestion; its explanation would tell it", number)
	}
	m, err := s.suggester(r.Context(), number)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	select {
	case s.judging <- struct{}{}:
		defer func() { <-s.judging }()
	case <-ctx.Done():
		return nil, fmt.Errorf("explain item %d: others are explained now; try again", number)
	}
	found, err := s.explain(ctx, m, it)
	if err != nil {
		return nil, fmt.Errorf("explain item %d: %w", number, err)
	}
	return found, nil
}

// suggester gives the model version that makes the suggestion for an item.
func (s *Server) suggester(ctx context.Context, item int64) (label.Model, error) {
	suggested, err := s.suggest(ctx, []int64{item})
	if err != nil {
		return label.Model{}, err
	}
	models, err := s.Store.Models(ctx)
	if err != nil {
		return label.Model{}, err
	}
	i := slices.IndexFunc(models, func(m label.Model) bool { return m.ID == suggested[0].model })
	if i < 0 {
		return label.Model{}, label.Errorf(label.ErrConflict, "item %d has no suggestion to explain", item)
	}
	return models[i], nil
}

// explain judges a text whole and without each of its spans.
func (s *Server) explain(ctx context.Context, m label.Model, it label.Item) (*explanation, error) {
	parts := [2][]rune{[]rune(it.Text), []rune(it.Pair)}
	spans, err := spansOf(parts)
	if err != nil {
		return nil, err
	}
	texts := []label.Item{it}
	for _, sp := range spans {
		rest := parts
		rest[sp.Part] = slices.Concat(parts[sp.Part][:sp.Start], parts[sp.Part][sp.End:])
		texts = append(texts, label.Item{Number: it.Number, ID: it.ID, Text: string(rest[0]), Pair: string(rest[1])})
	}
	rows, err := s.Judge(ctx, m, texts)
	if err != nil {
		return nil, err
	}
	shown := rows[0] // as the page shows it
	if m.Calibration != nil {
		if shown, err = s.Calibrate(m.Calibration, shown); err != nil {
			return nil, fmt.Errorf("calibrate model %s: %w", m, err)
		}
	}
	top, _ := label.Probabilities{Probs: shown}.Top(false)
	multi := s.Store.Project().MultiLabel
	whole := logOdds(rows[0], top, multi)
	for i := range spans {
		spans[i].Weight = whole - logOdds(rows[i+1], top, multi)
	}
	name, err := s.labelOf(ctx, m, top)
	return &explanation{Label: name, Model: m.String(), Prob: float64(shown[top]), Spans: spans}, err
}

// logOdds gives the natural logarithm of a label's odds by the probabilities of all labels. Where one of the labels is right, the
// others' sum stands for 1 - p: near 1 a float32 can't tell what is missing, near 0 it can.
func logOdds(probs []float32, at int, multi bool) float64 {
	p := float64(probs[at])
	other := max(1-p, 0x1p-25) // half a step of a float32 below 1
	if !multi {
		other = math.SmallestNonzeroFloat32
		for i, q := range probs {
			if i != at {
				other += float64(q)
			}
		}
	}
	return math.Log(max(p, math.SmallestNonzeroFloat32)) - math.Log(other)
}

// labelOf is the present name of the label that a model has at a place.
func (s *Server) labelOf(ctx context.Context, m label.Model, place int) (string, error) {
	ids, err := s.Store.ModelLabels(ctx, m.ID)
	if err != nil {
		return "", err
	}
	set, err := s.Store.LabelSet(ctx, 0)
	if err != nil {
		return "", err
	}
	for _, l := range set.Labels {
		if l.ID == ids[place] {
			return l.Name, nil
		}
	}
	return m.Labels[place], nil
}

// spansOf cuts texts into at most mostSpans spans of whole words.
func spansOf(parts [2][]rune) ([]span, error) {
	var words []span
	for part, text := range parts {
		words = append(words, wordsOf(part, text)...)
	}
	if n := len(words); n > mostWords {
		return nil, label.Errorf(label.ErrConflict, "the text has %d words, and %d can be explained", n, mostWords)
	}
	most := int(math.Ceil(float64(len(words)) / mostSpans)) // words of a span
	spans := []span{}
	inLast := 0
	for _, w := range words {
		if last := len(spans) - 1; last >= 0 && inLast < most && spans[last].Part == w.Part {
			spans[last].End = w.End
			inLast++
		} else {
			spans, inLast = append(spans, w), 1
		}
	}
	return spans, nil
}

// wordsOf finds the words of a text: letters and digits side by side. In scripts without spaces each character is one.
func wordsOf(part int, text []rune) []span {
	var words []span
	open := false // the last word goes on
	for i, c := range text {
		switch {
		case unicode.In(c, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) && !unicode.IsMark(c):
			words, open = append(words, span{Part: part, Start: i, End: i + 1}), false
		case unicode.IsMark(c) && len(words) > 0 && words[len(words)-1].End == i:
			words[len(words)-1].End = i + 1
		case unicode.IsLetter(c) || unicode.IsNumber(c) || unicode.IsMark(c):
			if !open {
				words = append(words, span{Part: part, Start: i})
			}
			words[len(words)-1].End, open = i+1, true
		default:
			joins := open && i+1 < len(text) && unicode.IsLetter(text[i+1]) && slices.Contains([]rune(wordJoiners), c)
			if joins {
				words[len(words)-1].End = i + 1
			}
			open = joins
		}
	}
	return words
}
