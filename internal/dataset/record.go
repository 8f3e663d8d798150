package dataset

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/labelloop/labelloop/internal/label"
)

// failure gives the error of a result, beginning with the item's place; "" where there is none.
func failure(r label.Result) string {
	err := r.Err
	if err == nil {
		err = r.Item.Err
	}
	if err == nil {
		return ""
	}
	text := err.Error()
	if place := r.Item.Place; place.File != "" && !strings.HasPrefix(text, place.String()+":") {
		text = place.String() + ": " + text
	}
	return text
}

// oneOrMany gives labels as a list where an item may have several, else as a string.
func oneOrMany(labels []string, multi bool) any {
	switch {
	case multi && labels == nil:
		return []string{}
	case multi || len(labels) > 1:
		return labels
	case len(labels) == 0:
		return ""
	}
	return labels[0]
}

// appendJSON writes a value without the escapes that only HTML needs. Invalid UTF-8 becomes U+FFFD.
func appendJSON(to []byte, value any) ([]byte, error) {
	b := bytes.NewBuffer(to)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return to, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// appendProb writes a probability with six significant digits, which is what fp32 models are good for; null if it is
// no number.
func appendProb(to []byte, p float64) []byte {
	if math.IsNaN(p) || math.IsInf(p, 0) {
		return append(to, "null"...)
	}
	return strconv.AppendFloat(to, p, 'g', 6, 64)
}

// appendScores writes {"label":probability,...} in the order of the scores.
func appendScores(to []byte, scores label.Scores) []byte {
	to = append(to, '{')
	for i, s := range scores {
		if i > 0 {
			to = append(to, ',')
		}
		to, _ = appendJSON(to, s.Label) // strings never fail
		to = appendProb(append(to, ':'), s.Prob)
	}
	return append(to, '}')
}

// appendFloats writes an embedding, each number as short as its 32 bits allow.
func appendFloats(to []byte, v []float32) []byte {
	to = append(to, '[')
	for i, f := range v {
		if i > 0 {
			to = append(to, ',')
		}
		if f64 := float64(f); math.IsNaN(f64) || math.IsInf(f64, 0) {
			to = append(to, "null"...)
			continue
		}
		to = strconv.AppendFloat(to, float64(f), 'g', -1, 32)
	}
	return append(to, ']')
}
