package dataset

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/labelloop/labelloop/internal/label"
)

// fastTextLabel is what fastText's labels begin with: a line is labels, then the text, all parted by white space.
const fastTextLabel = "__label__"

// fastTextSpace parts words for fastText.
const fastTextSpace = " \t\n\v\f\r\x00"

func isFastText(head []byte) bool { return strings.HasPrefix(string(head), fastTextLabel) }

// fastTextReader reads lines. Blank ones are stepped over.
type fastTextReader struct{ in *input }

func readFastText(in *input, c Columns) (reader, error) { return fastTextReader{in}, nil }

func (r fastTextReader) next() (label.Item, error) {
	w := r.in.window
	for {
		line, err := w.line()
		switch {
		case err == errLongLine:
			return r.in.fail(w.lines, errLongLine), nil
		case err == io.EOF:
			return label.Item{}, io.EOF
		case err != nil:
			return label.Item{}, r.in.wrap(err)
		case strings.Trim(string(line), fastTextSpace) == "":
			continue
		case !utf8.Valid(line):
			return r.in.fail(w.lines, badUTF8(line)), nil
		}
		it := r.in.item(w.lines, "")
		if it.Gold, it.Text, err = fastTextLine(string(line)); err != nil {
			return r.in.fail(w.lines, err), nil
		}
		return it, nil
	}
}

// fastTextLine parts the labels from the text. One space ends the last label; others belong to the text.
func fastTextLine(line string) (labels []string, text string, err error) {
	text = line
	for {
		rest := strings.TrimLeft(text, fastTextSpace)
		if !strings.HasPrefix(rest, fastTextLabel) {
			break
		}
		end := strings.IndexAny(rest, fastTextSpace)
		if end < 0 {
			end = len(rest)
		}
		name := rest[len(fastTextLabel):end]
		if name == "" {
			return nil, "", badf("%q without a name; write the label behind it", fastTextLabel)
		}
		labels = append(labels, name)
		if text = rest[end:]; text != "" {
			text = text[1:]
		}
	}
	if strings.Trim(text, fastTextSpace) == "" {
		return nil, "", badf("labels without a text; add it, or delete the row")
	}
	if hasLabel(text) {
		return nil, "", badf("a label stands within the text, where fastText takes it for one of the item's; put it in front")
	}
	return labels, text, nil
}

// hasLabel tells whether fastText would find a label among the words of a text.
func hasLabel(text string) bool {
	return slices.ContainsFunc(fastTextWords(text), func(word string) bool { return strings.HasPrefix(word, fastTextLabel) })
}

func fastTextWords(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(fastTextSpace, r) })
}

// fastTextRows gives the line of a record.
func fastTextRows(r Record, l layout) ([]row, error) {
	it := r.Item
	var lost []string
	if len(it.Meta) > 0 {
		lost = append(lost, "metadata")
	}
	if len(r.Annotations) > 0 {
		lost = append(lost, "annotations")
	}
	if it.Pair != "" {
		lost = append(lost, "a second text")
	}
	if !generated(it) && it.ID != "" {
		lost = append(lost, "ids")
	}
	if it.Gold != nil && len(it.Gold) == 0 {
		lost = append(lost, "the difference between no label and none that applies")
	}
	text := it.Text
	if strings.ContainsAny(text, "\n\x00") || strings.HasSuffix(text, "\r") || len(it.Gold) == 0 && strings.HasPrefix(text, "\ufeff") {
		lost = append(lost, "line ends and NUL in texts")
		text = strings.Join(fastTextWords(strings.TrimPrefix(text, "\ufeff")), " ")
	}
	switch {
	case it.Image != "":
		return nil, label.Errorf(label.ErrUsage, "fastText has texts, not pictures; take jsonl or %s", imageFolder)
	case len(lost) > 0:
		if err := l.lose("fastText has no place for %s", strings.Join(lost, ", ")); err != nil {
			return nil, err
		}
	}
	if strings.Trim(text, fastTextSpace) == "" {
		return nil, errors.New("fastText takes its text for white space; leave it out")
	}
	if hasLabel(text) {
		return nil, fmt.Errorf("fastText would take a word of its text for a label, as it begins with %s; take jsonl", fastTextLabel)
	}
	var line strings.Builder
	for _, name := range it.Gold {
		if strings.ContainsAny(name, fastTextSpace) {
			return nil, fmt.Errorf("the label %q holds white space, which ends fastText's labels; rename it, or take jsonl", name)
		}
		line.WriteString(fastTextLabel + name + " ")
	}
	line.WriteString(text)
	return []row{{fields: []field{{"", line.String()}}}}, nil
}

// textFraming writes lines of text.
type textFraming struct{ w io.Writer }

func frameText(w io.Writer, path string) (framing, error) { return textFraming{w}, nil }

func (f textFraming) put(r row) error {
	_, err := io.WriteString(f.w, r.fields[0].value.(string)+"\n")
	return err
}

func (f textFraming) finish() error { return nil }
