package dataset

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/labelloop/labelloop/internal/label"
)

// cellReader understands the cells of a table that holds texts: metadata that makes no columns of its own is a JSON object
// in the column meta; several labels of an item, or none of them, are a JSON list in the label's cell. An empty cell in
// the columns meta, annotations and pair says nothing.
type cellReader struct{ reader }

// readCells reads a table whose cells are text.
func readCells(read func(*input, Columns) (reader, error)) func(*input, Columns) (reader, error) {
	return func(in *input, c Columns) (reader, error) {
		r, err := read(in, c)
		if err != nil {
			return nil, err
		}
		return cellReader{r}, nil
	}
}

func (r cellReader) next() (label.Item, error) {
	it, err := r.reader.next()
	for _, name := range []string{fieldMeta, fieldAnnotations, fieldPair} {
		if v, ok := it.Meta[name]; ok && (v == nil || v == "") {
			delete(it.Meta, name)
		}
	}
	if text, ok := it.Meta[fieldMeta].(string); ok {
		if packed := objectIn(text); packed != nil && disjoint(packed, it.Meta) {
			delete(it.Meta, fieldMeta)
			maps.Copy(it.Meta, packed)
		}
	}
	unescapeAll(it.Meta, isFieldMeta)
	if list, ok := labelsIn(strings.Join(it.Gold, labelSeparator)); ok {
		it.Gold = list
	}
	return it, err
}

func isFieldMeta(name string) bool { return name == fieldMeta }

// objectIn reads the text of a JSON object; nil where it is something else.
func objectIn(text string) map[string]any {
	if !strings.HasPrefix(text, "{") || !json.Valid([]byte(text)) {
		return nil
	}
	value, _ := parseJSON([]byte(text))
	object, _ := value.(map[string]any)
	return object
}

// labelsIn reads the text of a JSON list of labels.
func labelsIn(text string) ([]string, bool) {
	if !strings.HasPrefix(text, "[") {
		return nil, false
	}
	list := []string{}
	if json.Unmarshal([]byte(text), &list) != nil || slices.Contains(list, "") {
		return nil, false
	}
	return list, true
}

// disjoint tells whether what was packed into the column meta can be told from the columns.
func disjoint(packed, columns map[string]any) bool {
	for name := range packed {
		if _, both := columns[name]; both && name != fieldMeta {
			return false
		}
	}
	return true
}

// cellText gives the text of a field in a cell: a string as it is, all else as JSON.
func cellText(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	}
	b, err := appendJSON(nil, v)
	return string(b), err
}
