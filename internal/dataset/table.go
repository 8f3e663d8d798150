package dataset

import (
	"strings"

	"github.com/labelloop/labelloop/internal/label"
)

// takeTable understands the rows of tables and of JSONL: annotations stand in the field annotations, the second text of a
// pair in the field pair.
func takeTable(it *label.Item, c Columns) ([]label.Annotation, error) {
	said, ok, err := annotationsOf(it.Meta[fieldAnnotations])
	if err != nil {
		return nil, err
	}
	if ok {
		delete(it.Meta, fieldAnnotations)
	}
	if c.Pair != "" {
		delete(it.Meta, c.Pair) // it is Item.Pair
	} else if pair, ok := it.Meta[fieldPair].(string); ok {
		it.Pair = pair
		delete(it.Meta, fieldPair)
	}
	unescapeAll(it.Meta, c.reserved)
	return said, nil
}

// tableRows gives the form of a record in a table or in JSONL.
func tableRows(r Record, l layout) ([]row, error) {
	return rowsOf(r, l, "text", "image", func(gold []string) (any, error) { return l.labelValue(gold) })
}

func rowsOf(r Record, l layout, text, image string, value func(gold []string) (any, error)) ([]row, error) {
	content, err := l.content(r.Item, text, image)
	if err != nil {
		return nil, err
	}
	gold, err := value(r.Item.Gold)
	if err != nil {
		return nil, err
	}
	labelName := orElse(l.Columns.Label, "label")
	fields := []field{{orElse(l.Columns.ID, "id"), orNil(r.Item.ID)}, content, {orElse(l.Columns.Pair, fieldPair), orNil(r.Item.Pair)}, {labelName, gold}}
	if len(r.Annotations) > 0 {
		fields = append(fields, field{fieldAnnotations, annotationsJSON(r.Annotations)})
	}
	meta := escapeAll(r.Item.Meta, l.Columns.reserved)
	if l.cells {
		meta = escapeAll(meta, isFieldMeta)
	}
	// Spans and the like stand where labels do, and are told from them.
	if spans, ok := r.Item.Meta[labelName]; ok && gold == nil && !l.cells {
		if _, labels := golds(spans); !labels {
			delete(meta, escape(labelName, l.Columns.reserved))
			meta[labelName] = spans
		}
	}
	return []row{{fields, meta}}, nil
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// labelValue gives the form of an item's labels: a string for one, a list for several or for none of them, nil where they
// aren't known. Where Columns.MultiLabel asks for it, cells hold labels joined by '#' if these can be told apart again, and
// other forms are lists even of one label.
func (l layout) labelValue(gold []string) (any, error) {
	switch {
	case gold == nil:
		return nil, nil
	case l.cells && l.Columns.MultiLabel:
		if text, ok := joinLabels(gold); ok {
			return text, nil
		}
	case len(gold) == 1 && !l.Columns.MultiLabel && !(l.cells && isList(gold[0])):
		return gold[0], nil
	}
	return gold, nil
}

// joinLabels puts labels into one cell as doccano does. ok is false where they could not be told apart again.
func joinLabels(gold []string) (text string, ok bool) {
	for _, name := range gold {
		if strings.Contains(name, labelSeparator) {
			return "", false
		}
	}
	text = strings.Join(gold, labelSeparator)
	return text, text != "" && !isList(text)
}

func isList(text string) bool {
	_, is := labelsIn(text)
	return is
}
