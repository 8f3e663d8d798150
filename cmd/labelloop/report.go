package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/activelearn/acceptance"
	"github.com/labelloop/labelloop/activelearn/calibration"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/report"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// reportFlags are the flags of the verb report.
type reportFlags struct {
	projectFlags
	boundFlags
	output string
}

func reportCommand() *cobra.Command {
	f := &reportFlags{}
	c := &cobra.Command{
		Use:   "report",
		Short: "Write one HTML page about a project, with plots, that opens from disk",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.with(c.Context(), func(s *sqlite.Store) error { return f.run(c.Context(), s, c.ErrOrStderr()) })
		},
	}
	c.Flags().StringVarP(&f.dir, "project", "p", ".", "folder of the project")
	f.boundFlags.bind(c)
	c.Flags().StringVarP(&f.output, "output", "o", "report.html", "file to write to")
	return c
}

func (f *reportFlags) run(ctx context.Context, s *sqlite.Store, stderr io.Writer) error {
	page, err := f.page(ctx, s)
	if err != nil {
		return err
	}
	out, err := os.Create(f.output)
	if err != nil {
		return err
	}
	err = page.Write(out)
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		fmt.Fprintf(stderr, "the report is in %s\n", f.output)
	}
	return err
}

// page gathers what is known of a project.
func (f *reportFlags) page(ctx context.Context, s *sqlite.Store) (*report.Page, error) {
	counts, err := s.Counts(ctx)
	if err != nil {
		return nil, err
	}
	all, labelled := 0, 0
	for _, states := range counts.Splits {
		all += sum(states)
		labelled += states[label.Labelled]
	}
	name, err := filepath.Abs(f.dir)
	if err != nil {
		return nil, err
	}
	page := &report.Page{Title: filepath.Base(name), Made: time.Now(), Facts: []report.Fact{
		{Name: "items", Value: thousands(all)}, {Name: "labelled by people", Value: thousands(labelled)}, {Name: "labels", Value: thousands(len(counts.Labels))}}}
	crowd, err := readCrowd(ctx, s)
	if err != nil {
		return nil, err
	}
	followed, err := crowd.following(ctx, s)
	if err != nil {
		return nil, err
	}
	odd, err := oddities(ctx, s, counts)
	if err != nil {
		return nil, err
	}
	m, err := currentModel(ctx, s, f.model)
	switch {
	case err == nil:
		a, err := openPool(ctx, s, m)
		if err != nil {
			return nil, err
		}
		sections, err := f.judge(ctx, s, a, counts)
		if err != nil {
			return nil, err
		}
		page.Sections = append(page.Sections, sections...)
		right, of := a.accuracy()
		if of > 0 {
			i := acceptance.ClopperPearson(right, of, 0.05)
			page.Facts = append(page.Facts, report.Fact{Name: fmt.Sprintf("accuracy on %s audits (%.1f to %.1f %%)", thousands(of), 100*i.Low, 100*i.High),
				Value: fmt.Sprintf("%.1f %%", 100*i.Estimate)})
		}
		if _, page.Subtitle, err = f.threshold(ctx, s, a); err != nil {
			return nil, err
		}
		issues, err := crowd.issues(ctx, s, a)
		if err != nil {
			return nil, err
		}
		page.Sections = append(page.Sections, queue(counts), crowd.throughput(), crowd.agreement(), followed.section(), issues, odd)
	case f.model == "" && errNoModel(err):
		page.Subtitle = "No model has labelled the pool yet."
		page.Sections = []report.Section{distribution(counts, nil), queue(counts), crowd.throughput(), crowd.agreement(), followed.section(), odd}
	default:
		return nil, err
	}
	return page, nil
}

// judge is what there is to say of a model.
func (f *reportFlags) judge(ctx context.Context, s *sqlite.Store, a *audit, counts label.Counts) ([]report.Section, error) {
	accepted, t, err := f.accepted(ctx, s, a)
	if err != nil {
		return nil, err
	}
	rounds, err := s.Rounds(ctx)
	if err != nil {
		return nil, err
	}
	reliable, err := reliability(a)
	if err != nil {
		return nil, err
	}
	sections := []report.Section{accepted, progress(rounds), distribution(counts, a), reliable, f.risk(a, t)}
	if a.project.MultiLabel {
		return append(sections, a.scores()), nil
	}
	return append(sections, a.confusion()), nil
}

// accepted is what can be accepted, of all labels and of each by itself.
func (f *reportFlags) accepted(ctx context.Context, s *sqlite.Store, a *audit) (report.Acceptance, acceptance.Threshold, error) {
	section := report.Acceptance{Epsilon: f.bound.Epsilon, Delta: f.bound.Delta}
	t, words, err := f.threshold(ctx, s, a)
	if err != nil {
		return section, t, err
	}
	section.Sentence = words
	if words == "" {
		return section, t, nil
	}
	rule := func(name string, t acceptance.Threshold, pool int) report.AcceptanceRule {
		r := report.AcceptanceRule{Label: name, Threshold: math.NaN(), Coverage: t.Coverage, Accepted: int(math.Round(t.Coverage * float64(pool))),
			Audited: t.Over, Wrong: t.Wrong, Bound: t.Bound.Epsilon}
		if t.Coverage > 0 {
			r.Threshold = t.Confidence
		}
		return r
	}
	section.Rules = append(section.Rules, rule("", t, len(a.items)))
	if a.project.MultiLabel {
		return section, t, nil
	}
	pools := make([][]float64, len(a.model.Labels))
	for i := range a.items {
		top, c := label.Probabilities{Probs: a.probs.Row(i)}.Top(false)
		pools[top] = append(pools[top], float64(c))
	}
	plans, err := acceptance.NewPlans(pools, f.bound, usualAudits)
	if err != nil {
		return section, t, err
	}
	audits := make([][]acceptance.Audit, len(pools))
	for i, item := range a.answered {
		top, _ := label.Probabilities{Probs: a.probs.Row(a.row(item))}.Top(false)
		audits[top] = append(audits[top], a.answers[i])
	}
	for k, plan := range plans {
		if len(plan.Steps) > 0 {
			section.Rules = append(section.Rules, rule(a.model.Labels[k], plan.Anytime(audits[k]), len(pools[k])))
		}
	}
	return section, t, nil
}

// progress is how the models did on the audited items when rounds began.
func progress(rounds []label.Round) report.LearningCurves {
	l := report.LearningCurves{Title: "Accuracy by round", Metric: "accuracy on audited items", Level: 0.95}
	c := report.Curve{Name: "model"}
	for _, p := range curve(rounds) {
		c.Points = append(c.Points, report.CurvePoint{Labels: p.Labels, Value: p.Accuracy.Estimate, Low: p.Accuracy.Low, High: p.Accuracy.High})
	}
	if c.Points != nil {
		l.Curves = []report.Curve{c}
	}
	return l
}

func distribution(counts label.Counts, a *audit) report.LabelDistribution {
	given := map[int64]int{}
	if a != nil {
		for _, item := range a.items {
			labels, _, _ := a.decide(item)
			for _, id := range labels {
				given[id]++
			}
		}
	}
	var d report.LabelDistribution
	for _, l := range counts.Labels {
		d.Labels = append(d.Labels, report.LabelCount{Label: l.Label.Name, Labelled: l.Items, Predicted: given[l.Label.ID]})
	}
	return d
}

func queue(counts label.Counts) report.Queue {
	var q report.Queue
	for _, r := range []label.Reason{label.Uncertain, label.Control, label.ForAudit, label.Relabel, label.Cold} {
		if n := counts.Queue[r]; n > 0 {
			q.Reasons = append(q.Reasons, report.QueueReason{Reason: string(r), Waiting: n})
		}
	}
	return q
}

// reliability compares confidence with accuracy on the audited items, before calibration and after.
func reliability(a *audit) (report.Reliability, error) {
	var r report.Reliability
	add := func(name string, s sample) {
		confidence, right := s.outcome()
		f := s.fit()
		curve := report.ReliabilityCurve{Name: name, ECE: f.ECE, Brier: f.Brier, NLL: f.NLL}
		for _, b := range calibration.EqualMass(confidence, right, 10) {
			curve.Bins = append(curve.Bins, report.ReliabilityBin{Low: b.Low, High: b.High, Confidence: b.Confidence, Accuracy: b.Accuracy, Items: b.Samples})
		}
		r.Curves = append(r.Curves, curve)
	}
	data := a.sample()
	if len(data.labels) == 0 {
		return r, nil
	}
	add("as the model gives it", data)
	if a.model.Calibration != nil {
		var c calibration.Calibration
		if err := json.Unmarshal(a.model.Calibration, &c); err != nil {
			return r, fmt.Errorf("read the calibration of %s: %w", a.model, err)
		}
		if after, err := data.crossed(c.Method); err == nil { // too few items to try it on: only the first curve
			add(string(c.Method)+" calibration, cross-validated", after)
		}
	}
	return r, nil
}

// risk is the share of wrong labels among those accepted, by the share that is.
func (f *reportFlags) risk(a *audit, t acceptance.Threshold) report.RiskCoverage {
	r := report.RiskCoverage{Epsilon: f.bound.Epsilon, Chosen: t.Coverage}
	if len(a.answers) == 0 {
		return r
	}
	confidence, right := make([]float64, len(a.answers)), make([]bool, len(a.answers))
	for i, answer := range a.answers {
		confidence[i], right[i] = answer.Confidence, !answer.Wrong
	}
	curve := report.RiskCurve{Name: "audited items"}
	points, _ := calibration.RiskCoverage(confidence, right)
	for _, p := range points {
		n := int(math.Round(p.Coverage * float64(len(right))))
		bound := acceptance.ClopperPearson(int(math.Round(p.Risk*float64(n))), n, 2*f.bound.Delta).High
		curve.Points = append(curve.Points, report.RiskPoint{Threshold: p.Confidence, Coverage: p.Coverage, Risk: p.Risk, Bound: bound})
	}
	r.Curves = []report.RiskCurve{curve}
	return r
}

// confusion counts the audited items by their label and by the model's.
func (a *audit) confusion() report.Confusion {
	c := report.Confusion{Labels: a.model.Labels, Counts: make([][]int, len(a.model.Labels))}
	for i := range c.Counts {
		c.Counts[i] = make([]int, len(a.model.Labels))
	}
	s := a.sample()
	for i, row := range s.labels {
		top, _ := label.Probabilities{Probs: s.probs.Row(i)}.Top(false)
		c.Counts[row[0]][top]++
	}
	return c
}

// scores counts, for each label, how often the model was right.
func (a *audit) scores() report.LabelScores {
	l := report.LabelScores{Labels: make([]report.LabelScore, len(a.model.Labels))}
	s := a.sample()
	for k, name := range a.model.Labels {
		l.Labels[k].Label = name
	}
	for i, row := range s.labels {
		for k, p := range s.probs.Row(i) {
			switch applies, given := slices.Contains(row, k), p >= 0.5; {
			case applies && given:
				l.Labels[k].Right++
			case given:
				l.Labels[k].Wrong++
			case applies:
				l.Labels[k].Missed++
			}
		}
	}
	return l
}
