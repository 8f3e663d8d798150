package dataset

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/labelloop/labelloop/internal/label"
)

// studioSaid understands one of a task's annotations: what somebody said, and the labels that it makes known. Both are nil
// where it is about something else.
func studioSaid(raw any, control string) (*label.Annotation, []string, error) {
	a, gold, err := studioForm(raw, control)
	object, _ := raw.(map[string]any)
	exact, ok := object[exactKey].(map[string]any)
	if err != nil || a == nil || !ok {
		return a, gold, err
	}
	full, err := annotationOf(exact)
	if err != nil || full == nil {
		return a, gold, err
	}
	if form, _, err := studioForm(studioAnnotation(*full, control, "", ""), control); err == nil && form != nil && equal(*form, *a) {
		return full, gold, nil
	}
	return a, gold, nil // it was changed since
}

// studioForm understands the fields that Label Studio knows.
func studioForm(raw any, control string) (*label.Annotation, []string, error) {
	object, _ := raw.(map[string]any)
	labels, from, err := studioChoices(object["result"], control)
	if err != nil {
		return nil, nil, err
	}
	cancelled, _ := object["was_cancelled"].(bool)
	truth, _ := object["ground_truth"].(bool)
	if from == nil && !cancelled {
		return nil, nil, nil
	}
	var gold []string
	if truth && !cancelled {
		gold = labels
		if object["completed_by"] == nil {
			return nil, gold, nil
		}
	}
	a := &label.Annotation{Annotator: studioWho(object["completed_by"]), Verdict: label.Corrected, Labels: labels}
	if at, ok := object["created_at"].(string); ok {
		if a.At, err = timeOf(at); err != nil {
			return nil, nil, err
		}
		a.At = a.At.Truncate(time.Millisecond)
	}
	if took, ok := object["lead_time"].(json.Number); ok {
		if a.Took, err = duration(took); err != nil {
			return nil, nil, err
		}
		a.Took = a.Took.Truncate(time.Millisecond)
	}
	if shown, ok := object["prediction"].(map[string]any); ok {
		if a.Suggestion, _, err = studioChoices(shown["result"], control); err != nil {
			return nil, nil, err
		}
	}
	switch {
	case cancelled:
		a.Verdict, a.Labels = label.Skipped, nil
	case sameLabels(a.Labels, a.Suggestion):
		a.Verdict = label.Accepted
	}
	return a, gold, nil
}

// studioChoices gives the labels that results hold, and the result that they were found in; nil where there are none.
func studioChoices(results any, control string) (labels []string, from map[string]any, err error) {
	list, _ := results.([]any)
	for _, v := range list {
		result, _ := v.(map[string]any)
		value, _ := result["value"].(map[string]any)
		_, span := value["start"]
		_, box := value["x"]
		choices, ok := value["choices"]
		if result["type"] != "choices" || !ok || span || box || control != "" && result["from_name"] != control {
			continue
		}
		if from != nil && from["from_name"] != result["from_name"] {
			return nil, nil, badf("there are choices of %v and of %v; name the one that holds the labels by --label-column", from["from_name"], result["from_name"])
		}
		some, ok := golds(choices)
		if !ok {
			return nil, nil, badf(`"choices" is %s; make it a list of labels`, kind(choices))
		}
		if from == nil {
			labels = []string{}
		}
		labels, from = append(labels, some...), result
	}
	return labels, from, nil
}

// studioWho gives the name of a user: the e-mail address where there is one, else the number.
func studioWho(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case map[string]any:
		if mail, ok := v["email"].(string); ok {
			return mail
		}
		return studioWho(v["id"])
	}
	return ""
}

// studioAnnotations gives a task's list of annotations.
func studioAnnotations(r Record, around map[string]any, c Columns, content string) ([]any, error) {
	out := []any{}
	left := slices.Clone(r.Annotations)
	var known []string // the labels that the list makes known
	control, to := orElse(c.Label, studioLabel), content
	raws, _ := around["annotations"].([]any)
	for _, raw := range raws {
		a, gold, err := studioSaid(raw, c.Label)
		if err != nil {
			return nil, err
		}
		object, _ := raw.(map[string]any)
		if _, from, err := studioChoices(object["result"], c.Label); err == nil && from != nil {
			control, _ = from["from_name"].(string)
			to, _ = from["to_name"].(string)
		}
		at := -1
		if a != nil {
			at = slices.IndexFunc(left, func(b label.Annotation) bool { return equal(*a, b) })
		}
		switch {
		case at >= 0:
			left = slices.Delete(left, at, at+1)
		case a != nil, gold != nil && !sameLabels(gold, r.Item.Gold):
			continue // it doesn't hold any more
		}
		if gold != nil {
			known = gold
		}
		out = append(out, raw)
	}
	for _, a := range left {
		form := studioAnnotation(a, c.Label, control, to)
		if b, _, err := studioForm(form, c.Label); err != nil || b == nil || !equal(*b, a) {
			form[exactKey] = toJSON(a)
		}
		out = append(out, form)
	}
	if gold := r.ownGold(); gold != nil && !sameLabels(known, gold) {
		out = append(out, map[string]any{"ground_truth": true, "was_cancelled": false, "result": studioResult(gold, control, to)})
	}
	return out, nil
}

// studioAnnotation gives the form of an annotation in a task, as far as it can hold it.
func studioAnnotation(a label.Annotation, asked, control, to string) map[string]any {
	form := map[string]any{"was_cancelled": !a.Verdict.GivesLabels(), "ground_truth": false, "result": []any{}}
	if a.Verdict.GivesLabels() {
		form["result"] = studioResult(a.Labels, orElse(asked, control), to)
	}
	if a.Suggestion != nil {
		form["prediction"] = map[string]any{"result": studioResult(a.Suggestion, orElse(asked, control), to)}
	}
	switch {
	case wholeNumber.MatchString(a.Annotator):
		form["completed_by"] = json.Number(a.Annotator)
	case a.Annotator != "":
		form["completed_by"] = map[string]any{"email": a.Annotator}
	}
	if !a.At.IsZero() {
		form["created_at"] = a.At.UTC().Format(time.RFC3339Nano)
	}
	if a.Took != 0 {
		form["lead_time"] = seconds(a.Took)
	}
	return form
}

// studioResult gives labels as the result of a control.
func studioResult(labels []string, control, to string) []any {
	return []any{map[string]any{"from_name": control, "to_name": to, "type": "choices", "value": map[string]any{"choices": listOf(labels)}}}
}
