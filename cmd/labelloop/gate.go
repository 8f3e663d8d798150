package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
	"github.com/labelloop/labelloop/models"
	"github.com/labelloop/labelloop/models/gate"
)

// parityMetric is the metric of a manifest that tells the largest difference between logits of the exported file and of what
// was trained.
const parityMetric = "export_difference"

// judge runs the files of a candidate and of the model in use, as they would serve, over the evaluation set, and says
// whether the candidate may take its place. Where no model is in use (reference is nil), the candidate is held against what
// the project's model said that predicted last, such as a zero-shot one; where none did, against the most frequent labels.
func judge(ctx context.Context, s *sqlite.Store, candidate, reference *models.Model, log io.Writer) (gate.Verdict, error) {
	set, err := evaluationSet(ctx, s)
	if err != nil {
		return gate.Verdict{}, err
	}
	labels, err := s.LabelSet(ctx, 0)
	if err != nil {
		return gate.Verdict{}, err
	}
	e := gate.Evidence{Labels: labels.Names(), MultiLabel: s.Project().MultiLabel, Truths: set.classes(labels), First: reference == nil}
	e.Missing, e.Foreign = mismatch(e.Labels, candidate.Manifest)
	fmt.Fprintf(log, "judging %s on %s evaluation items (version %d of the set)\n", candidate, thousands(len(set.items)), set.Version)
	if e.Candidate, err = answers(ctx, s, candidate, set.items, e.Labels, log); err != nil {
		return gate.Verdict{}, err
	}
	if reference != nil {
		e.Reference, err = answers(ctx, s, reference, set.items, e.Labels, log)
	} else {
		e.Reference, err = before(ctx, s, candidate, set, labels)
	}
	if err != nil {
		return gate.Verdict{}, err
	}
	if e.Leaks, err = leaked(ctx, s, candidate, set.items); err != nil {
		return gate.Verdict{}, err
	}
	if e.Tokenizer, err = sameTokenizer(s.Dir(), candidate); err != nil {
		return gate.Verdict{}, err
	}
	if e.Parity, err = parity(ctx, s, candidate); err != nil {
		return gate.Verdict{}, err
	}
	v, err := gate.Judge(e)
	if err != nil {
		return v, err
	}
	v.Set.Version, v.Set.Digest = set.Version, set.Digest
	return v, name(ctx, s, set.items, &v)
}

// parity is the largest difference of the logits of a model's file and of what was trained; -1 where none is on record.
func parity(ctx context.Context, s *sqlite.Store, m *models.Model) (float64, error) {
	if difference, ok := m.Manifest.Metrics[parityMetric]; ok {
		return difference, nil
	}
	measured, err := recorded[exported](ctx, s, exportEvent)
	for _, e := range slices.Backward(measured) {
		if e.Model == m.String() {
			return e.Difference, err
		}
	}
	return -1, err
}

// try judges a candidate for the place of the model in use, and keeps the verdict, also where nothing comes of it.
func try(ctx context.Context, s *sqlite.Store, candidate, now *models.Model, log io.Writer) (gate.Verdict, error) {
	v, err := judge(ctx, s, candidate, now, log)
	if err != nil {
		return v, err
	}
	return v, s.Log(ctx, verdictEvent, person(), withoutChanges(v))
}

// lastVerdict gives the verdict on a model that was judged for a place; nil where none is on record.
func lastVerdict(ctx context.Context, s *sqlite.Store, model string) (*gate.Verdict, error) {
	verdicts, err := recorded[gate.Verdict](ctx, s, verdictEvent)
	for _, v := range slices.Backward(verdicts) {
		if v.Candidate == model {
			return &v, err
		}
	}
	return nil, err
}

// verdictEvent is the kind of the events that verdicts on candidates are kept as.
const verdictEvent = "verdict"

// withoutChanges is what is kept of a verdict as an event.
func withoutChanges(v gate.Verdict) gate.Verdict {
	v.Changed = nil
	return v
}

// classes gives the truths as indexes into the label set.
func (e *evaluation) classes(set label.LabelSet) [][]int {
	at := make(map[int64]int, len(set.Labels))
	for i, l := range set.Labels {
		at[l.ID] = i
	}
	rows := make([][]int, len(e.truths))
	for i, truth := range e.truths {
		for _, id := range truth {
			rows[i] = append(rows[i], at[id])
		}
	}
	return rows
}

// mismatch compares the label set with a classifier's; a zero-shot model labels by any.
func mismatch(set []string, m models.Manifest) (missing, foreign []string) {
	if m.Task != models.TextClassification && m.Task != models.ImageClassification {
		return nil, nil
	}
	for _, name := range set {
		if !slices.Contains(m.Labels, name) {
			missing = append(missing, name)
		}
	}
	for _, name := range m.Labels {
		if !slices.Contains(set, name) {
			foreign = append(foreign, name)
		}
	}
	return missing, foreign
}

// before is what is in use before any model was promoted.
func before(ctx context.Context, s *sqlite.Store, candidate *models.Model, set *evaluation, labels label.LabelSet) (gate.Side, error) {
	list, err := s.Models(ctx)
	if err != nil {
		return gate.Side{}, err
	}
	for _, m := range slices.Backward(list) {
		if m.Name == candidate.Manifest.Name && strings.HasPrefix(m.Version, candidate.Manifest.Version) {
			continue
		}
		return stored(ctx, s, m, set, labels)
	}
	return mostFrequent(set.classes(labels), len(labels.Labels)), nil
}

// stored is what a model said of the evaluation items when it predicted.
func stored(ctx context.Context, s *sqlite.Store, m label.Model, set *evaluation, labels label.LabelSet) (gate.Side, error) {
	said, err := s.Predictions(ctx, m, set.items)
	if err != nil {
		return gate.Side{}, err
	}
	ids, err := s.ModelLabels(ctx, m.ID)
	if err != nil {
		return gate.Side{}, err
	}
	side := gate.Side{Name: m.String(), Probs: make([][]float32, len(said))}
	unseen := 0
	for i, p := range said {
		switch {
		case p.Probs == nil && p.Err == "":
			unseen++
		case p.Probs != nil:
			side.Probs[i] = make([]float32, len(labels.Labels))
			for k, l := range labels.Labels {
				if from := slices.Index(ids, l.ID); from >= 0 {
					side.Probs[i][k] = p.Probs[from]
				}
			}
		}
	}
	if unseen > 0 {
		return side, label.Errorf(label.ErrUsage, "%s has not labelled %s of the evaluation items that a first model is judged by; "+
			"run `labelloop predict --model %s` again", m, thousands(unseen), m.Name)
	}
	return side, nil
}

// mostFrequent gives every item the labels' frequencies.
func mostFrequent(truths [][]int, labels int) gate.Side {
	frequencies := make([]float32, labels)
	for _, truth := range truths {
		for _, k := range truth {
			frequencies[k] += 1 / float32(len(truths))
		}
	}
	for k := range frequencies {
		frequencies[k] = min(frequencies[k], 1) // which rounding may exceed
	}
	return gate.Side{Name: "giving every item the most frequent labels", Rule: true, Probs: slices.Repeat([][]float32{frequencies}, len(truths))}
}

// leaked counts the evaluation items that a model was trained on, or nearly; -1 where it does not tell.
func leaked(ctx context.Context, s *sqlite.Store, m *models.Model, evaluation []int64) (int, error) {
	examples, err := m.Training()
	if err != nil || examples == nil {
		return -1, err
	}
	digests := make([][32]byte, len(examples))
	for i, e := range examples {
		digests[i] = e.Digest
	}
	training, err := s.Find(ctx, digests)
	if err != nil {
		return 0, err
	}
	training = slices.DeleteFunc(training, func(item int64) bool { return item == 0 })
	pairs, err := leaks(ctx, s, training, evaluation)
	seen := map[int64]bool{}
	for _, l := range pairs {
		seen[l.evaluation] = true
	}
	return len(seen), err
}

// sameTokenizer compares what a model prepares its inputs by, tokenizer and preprocessing of pictures, with that of the model
// that it was trained from.
func sameTokenizer(project string, m *models.Model) (gate.Finding, error) {
	parent := m.Manifest.Parent
	if parent == "" {
		return gate.Finding{Outcome: gate.Unknown, Says: "the model does not tell what it was trained from"}, nil
	}
	list, err := projectModels(project).List()
	if err != nil && len(list) == 0 {
		return gate.Finding{}, err
	}
	for _, from := range list { // what else could not be opened is no parent
		if from.Manifest.Version != parent && from.String() != parent {
			continue
		}
		for _, path := range []string{"tokenizer.json", "preprocessor_config.json"} {
			if sum := digestOf(m, path); sum != "" && sum != digestOf(from, path) {
				return gate.Finding{Outcome: gate.Refused, Says: fmt.Sprintf("%s is not that of %s, from which it was trained: put that model's there", path, from)}, nil
			}
		}
		return gate.Finding{Outcome: gate.Fine, Says: "that of " + from.String() + ", from which it was trained"}, nil
	}
	return gate.Finding{Outcome: gate.Unknown, Says: parent + ", from which it was trained, is in no registry here"}, nil
}

// digestOf gives the SHA-256 of a model's file, "" where it has none of that name.
func digestOf(m *models.Model, path string) string {
	for _, f := range m.Manifest.Files {
		if f.Path == path {
			return f.SHA256
		}
	}
	return ""
}

// name tells which items the changes are of.
func name(ctx context.Context, s *sqlite.Store, items []int64, v *gate.Verdict) error {
	numbers := make([]int64, len(v.Changed))
	for i, c := range v.Changed {
		numbers[i] = items[c.Index]
	}
	records, err := s.Records(ctx, numbers)
	if err != nil {
		return err
	}
	for i, r := range records {
		c := &v.Changed[i]
		c.Item, c.ID, c.Text = r.Item.Number, r.Item.ID, r.Item.Text
		if r.Item.Image != "" {
			c.Text = r.Item.Image
		}
	}
	return nil
}
