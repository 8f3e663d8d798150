package models

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// TrainingName is the file of a model that lists what it was trained on: a line for each example, sorted, with the SHA-256
// of the item's content and its labels as JSON. The SHA-256 of the file is Manifest.TrainingSet. The contents themselves
// stay where they are: a list of digests can travel with the model, and tells anywhere whether an item was trained on.
const TrainingName = "training.txt"

// maxTraining bounds the list: two million examples.
const maxTraining = 256 << 20

// Example is an item that a model was trained on.
type Example struct {
	Digest [sha256.Size]byte // of its content
	Labels []string
}

// EncodeTraining gives the content of training.txt, and its SHA-256 in hex.
func EncodeTraining(examples []Example) (text []byte, digest string, err error) {
	lines := make([]string, len(examples))
	for i, e := range examples {
		labels, err := json.Marshal(append([]string{}, e.Labels...))
		if err != nil {
			return nil, "", err
		}
		lines[i] = hex.EncodeToString(e.Digest[:]) + " " + string(labels) + "\n"
	}
	slices.Sort(lines)
	text = []byte(strings.Join(lines, ""))
	sum := sha256.Sum256(text)
	return text, hex.EncodeToString(sum[:]), nil
}

// Training reads what the model was trained on; nil where it does not tell. A list that is not the one of
// Manifest.TrainingSet gives an error that wraps ErrDamaged.
func (m *Model) Training() ([]Example, error) {
	f, err := openFolder(m.Dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if !f.has(TrainingName) {
		return nil, nil
	}
	data, err := f.readAtMost(TrainingName, maxTraining)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != m.Manifest.TrainingSet {
		return nil, fmt.Errorf("read %s: it is not the training set of the manifest, %s: %w", f.path(TrainingName), m.Manifest.TrainingSet, ErrDamaged)
	}
	var list []Example
	for line := range bytes.Lines(data) {
		digest, labels, _ := bytes.Cut(line, []byte(" "))
		var e Example
		if n, err := hex.Decode(e.Digest[:], digest[:min(len(digest), hex.EncodedLen(len(e.Digest)))]); err != nil || n != len(e.Digest) {
			return nil, fmt.Errorf("read %s:%d: no SHA-256 at its beginning: %w", f.path(TrainingName), len(list)+1, ErrDamaged)
		}
		if err := json.Unmarshal(labels, &e.Labels); err != nil {
			return nil, fmt.Errorf("read %s:%d: %w: %w", f.path(TrainingName), len(list)+1, err, ErrDamaged)
		}
		list = append(list, e)
	}
	return list, nil
}
