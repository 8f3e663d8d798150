package dataset

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/labelloop/labelloop/internal/label"
)

// Prodigy's tasks are flat objects (its documentation calls this the annotation task format): the input (text, image), what
// was asked (label, or options) and what was answered (answer; accept holds the chosen options). A task with a label asks
// whether that label is right, so the label was suggested; a reject says that it isn't. What a task says of labels stays in
// the item's metadata, as the object prodigy, to come back as it was.
const prodigyKept = "prodigy"

// prodigySays are the keys that say something of labels, by whom and when.
var prodigySays = []string{"answer", "label", "accept", "_session_id", "_annotator_id", "_timestamp"}

func prodigyReserved(name string) bool {
	return slices.Contains([]string{"id", "text", "image", fieldPair, exactKey, prodigyKept}, name) || slices.Contains(prodigySays, name)
}

// isProdigy knows tasks by their hashes, view or answer. An export of our own may hold these as metadata.
func isProdigy(head []byte) bool {
	first := firstObject(head)
	for _, key := range []string{fieldAnnotations, prodigyKept} {
		if _, ok := first[key]; ok {
			return false
		}
	}
	for _, key := range []string{"_input_hash", "_task_hash", "_view_id"} {
		if _, ok := first[key]; ok {
			return true
		}
	}
	var answer string
	return json.Unmarshal(first["answer"], &answer) == nil && slices.Contains([]string{"accept", "reject", "ignore"}, answer)
}

// prodigyItem makes the item of a task.
func prodigyItem(in *input, line int, task map[string]any, c Columns) (label.Item, error) {
	content := "text"
	if c.Images {
		content = "image"
	}
	return in.object(line, task, Columns{ID: orElse(c.ID, "id"), Text: orElse(c.Text, content)})
}

func takeProdigy(it *label.Item, c Columns) ([]label.Annotation, error) {
	if pair, ok := it.Meta[fieldPair].(string); ok {
		it.Pair = pair
		delete(it.Meta, fieldPair)
	}
	says := pick(it.Meta, prodigySays)
	_, options := it.Meta["options"]
	a, gold, err := prodigySaid(says, options)
	if err != nil {
		return nil, err
	}
	if beside, ok := it.Meta[exactKey].(map[string]any); ok && a != nil {
		exact, err := annotationOf(beside["annotation"])
		if err != nil {
			return nil, err
		}
		if exact != nil && prodigyHolds(*a, *exact, options) { // else the task was answered anew since
			a = exact
		}
		if known, ok := golds(beside[fieldGold]); ok {
			gold = known
		}
		delete(it.Meta, exactKey)
	}
	it.Gold = gold
	said := a != nil || gold != nil
	if said {
		for key := range says {
			delete(it.Meta, key)
		}
	}
	unescapeAll(it.Meta, prodigyReserved)
	if said {
		if other, ok := it.Meta[prodigyKept]; ok {
			it.Meta[metaPrefix+prodigyKept] = other
		}
		it.Meta[prodigyKept] = says
	}
	if a == nil {
		return nil, nil
	}
	return []label.Annotation{*a}, nil
}

// pick gives the fields of an object that have one of the names.
func pick(object map[string]any, names []string) map[string]any {
	picked := map[string]any{}
	for _, name := range names {
		if v, ok := object[name]; ok {
			picked[name] = v
		}
	}
	return picked
}

// prodigySaid understands what a task says of labels: an annotation, or known labels where nobody answered, or neither
// where it is about something else, such as spans.
func prodigySaid(says map[string]any, options bool) (*label.Annotation, []string, error) {
	chosen, err := prodigyLabels(says["accept"], "accept")
	if err != nil {
		return nil, nil, err
	}
	asked, err := prodigyLabels(says["label"], "label")
	if err != nil {
		return nil, nil, err
	}
	if len(asked) > 1 {
		return nil, nil, badf(`"label" holds %d labels; give several as "accept"`, len(asked))
	}
	binary := chosen == nil && !options // the question is whether the label is right
	answer, answered := says["answer"].(string)
	switch {
	case !answered && chosen != nil:
		return nil, chosen, nil
	case !answered:
		return nil, asked, nil
	case binary && asked == nil:
		return nil, nil, nil
	}
	a := &label.Annotation{}
	if a.Annotator, _ = says["_session_id"].(string); a.Annotator == "" {
		a.Annotator, _ = says["_annotator_id"].(string)
	}
	if at, ok := says["_timestamp"].(json.Number); ok {
		since, err := duration(at)
		if err != nil {
			return nil, nil, err
		}
		a.At = time.Unix(0, int64(since)).UTC().Truncate(time.Millisecond)
	}
	if binary {
		a.Suggestion = asked
	}
	switch answer {
	case "accept":
		a.Verdict, a.Labels = label.Corrected, chosen
		if binary {
			a.Verdict, a.Labels = label.Accepted, asked
		} else if chosen == nil {
			a.Labels = []string{}
		}
	case "reject":
		a.Verdict = label.Rejected
		if len(chosen) > 0 {
			a.Suggestion = chosen
		}
	case "ignore":
		a.Verdict = label.Skipped
	default:
		return nil, nil, badf(`"answer" is %q; it can be accept, reject or ignore`, answer)
	}
	return a, nil, nil
}

// prodigyLabels reads the labels in a value; options may be known by numbers.
func prodigyLabels(v any, key string) ([]string, error) {
	if list, ok := v.([]any); ok && len(list) == 0 {
		return []string{}, nil
	}
	labels, ok := golds(v)
	if !ok {
		return nil, badf("%q is %s; make it a label, or a list of labels", key, kind(v))
	}
	return labels, nil
}

// prodigyRows gives a task for each annotation, or one for an item that nobody has annotated.
func prodigyRows(r Record, l layout) ([]row, error) {
	content, err := l.content(r.Item, "text", "image")
	if err != nil {
		return nil, err
	}
	meta := maps.Clone(r.Item.Meta)
	_, options := meta["options"]
	kept, _ := meta[prodigyKept].(map[string]any)
	was, gold, err := prodigySaid(kept, options)
	if err != nil || len(pick(kept, prodigySays)) != len(kept) {
		was, gold = nil, nil // it is metadata that happens to be called so
	}
	if was != nil || gold != nil {
		delete(meta, prodigyKept)
	}
	var id any
	if !generated(r.Item) {
		id = orNil(r.Item.ID)
	}
	base := []field{{orElse(l.Columns.ID, "id"), id}, content, {fieldPair, orNil(r.Item.Pair)}}
	if len(r.Annotations) == 0 {
		out := escapeAll(meta, prodigyReserved)
		switch {
		case r.Item.Gold == nil:
			// An answer that is about something else, such as spans, stays where it was.
			says := pick(meta, prodigySays)
			if a, gold, err := prodigySaid(says, options); a == nil && gold == nil && err == nil {
				for name, v := range says {
					delete(out, escape(name, prodigyReserved))
					out[name] = v
				}
			}
		case sameLabels(r.Item.Gold, gold):
			maps.Copy(out, kept)
		case len(r.Item.Gold) == 1 && !options:
			out["label"] = r.Item.Gold[0]
		default:
			out["accept"] = r.Item.Gold
		}
		return []row{{base, out}}, nil
	}
	var rows []row
	for _, a := range r.Annotations {
		says, beside := kept, map[string]any{}
		if was == nil || !equal(*was, a) {
			says = prodigyForm(a, options)
			if back, _, err := prodigySaid(says, options); err != nil || back == nil || !equal(*back, a) {
				beside["annotation"] = toJSON(a)
			}
		}
		if gold := r.ownGold(); gold != nil {
			beside[fieldGold] = gold
		}
		out := escapeAll(meta, prodigyReserved)
		maps.Copy(out, says)
		if len(beside) > 0 {
			out[exactKey] = beside
		}
		rows = append(rows, row{base, out})
	}
	return rows, nil
}

// prodigyForm gives the fields of a task that say what an annotation does, as far as they can.
func prodigyForm(a label.Annotation, options bool) map[string]any {
	says := map[string]any{"answer": "ignore"}
	labels := a.Labels
	switch a.Verdict {
	case label.Accepted, label.Corrected:
		says["answer"] = "accept"
	case label.Rejected:
		says["answer"] = "reject"
		labels = a.Suggestion
	}
	if len(labels) == 1 && !options && sameLabels(labels, a.Suggestion) {
		says["label"] = labels[0]
	} else {
		says["accept"] = listOf(labels)
	}
	if a.Annotator != "" {
		says["_session_id"] = a.Annotator
	}
	if !a.At.IsZero() {
		says["_timestamp"] = seconds(time.Duration(a.At.Truncate(time.Millisecond).UnixNano()))
	}
	return says
}

// prodigyHolds tells whether a task that says one thing is what the form of another annotation makes of it.
func prodigyHolds(said, exact label.Annotation, options bool) bool {
	form, _, err := prodigySaid(prodigyForm(exact, options), options)
	return err == nil && form != nil && equal(*form, said)
}
