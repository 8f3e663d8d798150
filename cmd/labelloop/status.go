package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/activelearn/acceptance"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// boundFlags say which model is judged, and by which bound.
type boundFlags struct {
	model  string
	bound  acceptance.Bound
	audits int
}

func (f *boundFlags) bind(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVarP(&f.model, "model", "m", "", "model whose predictions are meant (default: the one that predicted last)")
	flags.Float64Var(&f.bound.Epsilon, "epsilon", 0.02, "largest share of accepted labels that may be wrong")
	flags.Float64Var(&f.bound.Delta, "delta", 0.05, "probability with which the bound may fail")
	flags.IntVar(&f.audits, "audits", 0, "judge by the first N audits, a number that was set before; more is accepted by it "+
		"than with 0, which holds after each answer")
}

// threshold tells what can be accepted by the audits there are, and says it in words; nil where there is no pool.
func (f *boundFlags) threshold(ctx context.Context, s *sqlite.Store, a *audit) (t acceptance.Threshold, words string, err error) {
	planned := f.audits
	if planned == 0 {
		planned = usualAudits
	}
	t.Bound = f.bound
	plan, err := a.plan(f.bound, planned)
	switch {
	case err != nil || plan == nil:
		return t, "", err
	case f.audits == 0:
		t = plan.Anytime(a.answers)
		return t, promise(t) + outlook(plan, a.answers, t), nil
	case len(a.answers) < f.audits:
		most, err := a.held.size(ctx, s)
		if err == nil && most < f.audits {
			return t, promise(t) + fmt.Sprintf(": %s items of the pool are held out for audits, so --audits %s can't be reached; give %s at most.",
				thousands(most), thousands(f.audits), thousands(most)), nil
		}
		return t, promise(t) + fmt.Sprintf(", before all of %s audits are answered; %s are.", thousands(f.audits), thousands(len(a.answers))), err
	}
	t = plan.Fixed(a.answers[:f.audits])
	return t, promise(t) + ".", nil
}

// usualTarget is the accuracy that is aimed at where nobody says another one.
const usualTarget = 0.9

// statusFlags are the flags of the verb status.
type statusFlags struct {
	projectFlags
	boundFlags
	check  bool
	target float64
}

func statusCommand() *cobra.Command {
	f := &statusFlags{}
	c := &cobra.Command{
		Use:   "status",
		Short: "Tell where a project stands, and which of its labels can be accepted unseen",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.with(c.Context(), func(s *sqlite.Store) error { return f.run(c.Context(), s, c.OutOrStdout()) })
		},
	}
	f.projectFlags.bind(c)
	f.boundFlags.bind(c)
	c.Flags().BoolVar(&f.check, "check", false, "read the whole project and look for damage")
	c.Flags().Float64Var(&f.target, "target", usualTarget, "accuracy until which the labels left are forecast, 0 to 1")
	return c
}

// standing is what status tells.
type standing struct {
	Project    string                      `json:"project"`
	Task       string                      `json:"task"`
	MultiLabel bool                        `json:"multi_label"`
	Items      map[label.Split]splitCounts `json:"items"`
	Duplicates int                         `json:"duplicates"`
	Labels     map[string]int              `json:"labels"`
	Queue      map[label.Reason]int        `json:"queue"`
	Annotators map[string]int              `json:"annotators"`
	Models     map[string]int              `json:"models"`
	Rounds     int                         `json:"rounds"`
	Acceptance *accepted                   `json:"acceptance,omitempty"`
	Course     *course                     `json:"course,omitempty"`
	Faults     []string                    `json:"faults,omitempty"`
	names      []string                    // labels in order
}

// splitCounts counts the items of a split by their state.
type splitCounts struct {
	All   int                 `json:"all"`
	State map[label.State]int `json:"state"`
}

// accepted is what can be accepted of a model's labels.
type accepted struct {
	Model    string               `json:"model"`
	Sentence string               `json:"sentence"`
	Accuracy acceptance.Interval  `json:"accuracy"` // of the model, on the audited sample
	Audited  int                  `json:"audited"`
	Found    acceptance.Threshold `json:"threshold"`
	Items    int                  `json:"items"` // unlabelled ones that can be accepted
}

func (f *statusFlags) run(ctx context.Context, s *sqlite.Store, out io.Writer) error {
	st, err := f.standing(ctx, s)
	if err != nil {
		return err
	}
	if f.json {
		err = json.NewEncoder(out).Encode(st)
	} else {
		err = st.print(out)
	}
	if err == nil && len(st.Faults) > 0 {
		err = fmt.Errorf("project %s is damaged; go back to a backup", f.dir)
	}
	return err
}

func (f *statusFlags) standing(ctx context.Context, s *sqlite.Store) (*standing, error) {
	counts, err := s.Counts(ctx)
	if err != nil {
		return nil, err
	}
	p := s.Project()
	st := &standing{
		Project: f.dir, Task: p.Task, MultiLabel: p.MultiLabel, Duplicates: counts.Duplicates, Queue: counts.Queue, Rounds: counts.Rounds,
		Items: map[label.Split]splitCounts{}, Labels: map[string]int{}, Annotators: map[string]int{}, Models: map[string]int{},
	}
	for split, states := range counts.Splits {
		c := splitCounts{State: states}
		for _, n := range states {
			c.All += n
		}
		st.Items[split] = c
	}
	for _, l := range counts.Labels {
		st.Labels[l.Label.Name] = l.Items
		st.names = append(st.names, l.Label.Name)
	}
	for _, a := range counts.Annotators {
		for _, n := range a.Verdicts {
			st.Annotators[a.Name] += n
		}
	}
	for _, m := range counts.Models {
		st.Models[m.Model.String()] = m.Predictions
	}
	if err := f.judge(ctx, s, st); err != nil {
		return nil, err
	}
	if f.check {
		st.Faults, err = s.Check(ctx)
	}
	return st, err
}

// judge adds what there is to say of the model, if one has said anything yet.
func (f *statusFlags) judge(ctx context.Context, s *sqlite.Store, st *standing) error {
	if !(f.target > 0 && f.target < 1) {
		return label.Errorf(label.ErrUsage, "--target %g: want an accuracy between 0 and 1", f.target)
	}
	m, err := currentModel(ctx, s, f.model)
	if f.model == "" && errNoModel(err) {
		return nil
	}
	if err != nil {
		return err
	}
	a, err := openAudit(ctx, s, m)
	if err != nil {
		return err
	}
	if st.Acceptance, err = f.acceptance(ctx, s, a); err != nil {
		return err
	}
	st.Course, err = readCourse(ctx, s, a, f.target)
	return err
}

// acceptance is nil where there is no pool.
func (f *statusFlags) acceptance(ctx context.Context, s *sqlite.Store, a *audit) (*accepted, error) {
	t, words, err := f.threshold(ctx, s, a)
	if err != nil || words == "" {
		return nil, err
	}
	found := &accepted{Model: a.model.String(), Sentence: words, Found: t}
	right, of := a.accuracy()
	found.Accuracy, found.Audited = acceptance.ClopperPearson(right, of, 0.05), of
	if t.Coverage > 0 {
		if found.Items, err = a.acceptables(ctx, s, t); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (st *standing) print(out io.Writer) error {
	kind := st.Task
	if st.MultiLabel {
		kind += ", several labels an item"
	}
	fmt.Fprintf(out, "%s: %s\n\n", st.Project, kind)
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for _, split := range []label.Split{label.Pool, label.Eval, label.Audit} {
		c, ok := st.Items[split]
		if !ok {
			continue
		}
		fmt.Fprintf(table, "%s\t%s items", split, thousands(c.All))
		for _, state := range []label.State{label.Labelled, label.Unlabelled, label.Stale, label.StateRejected, label.StateSkipped, label.StateFlagged} {
			if n := c.State[state]; n > 0 {
				name := string(state)
				if state == label.Unlabelled {
					name = "unlabelled"
				}
				fmt.Fprintf(table, "\t%s %s", thousands(n), name)
			}
		}
		fmt.Fprintln(table)
	}
	if st.Duplicates > 0 {
		fmt.Fprintf(table, "duplicates\t%s\n", thousands(st.Duplicates))
	}
	fmt.Fprintf(table, "labels\t%d\t%s\n", len(st.names), frequent(st.names, st.Labels))
	if total := sum(st.Queue); total > 0 {
		var reasons []string
		for _, r := range []label.Reason{label.Uncertain, label.Control, label.ForAudit, label.Relabel, label.Cold} {
			if n := st.Queue[r]; n > 0 {
				reasons = append(reasons, fmt.Sprintf("%s %s", thousands(n), r))
			}
		}
		fmt.Fprintf(table, "queue\t%s\t%s\n", thousands(total), strings.Join(reasons, ", "))
	}
	for _, name := range sortedKeys(st.Annotators) {
		fmt.Fprintf(table, "by %s\t%s answers\n", name, thousands(st.Annotators[name]))
	}
	for _, name := range sortedKeys(st.Models) {
		fmt.Fprintf(table, "model\t%s predictions\t%s\n", thousands(st.Models[name]), name)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	switch a := st.Acceptance; {
	case a == nil:
		fmt.Fprintln(out, "\nNo model has labelled the pool yet: labelloop predict --model M.")
	default:
		fmt.Fprintf(out, "\n%s\n%s\n", a.Model, a.Sentence)
		if a.Audited > 0 {
			fmt.Fprintf(out, "Accuracy on %s audited items: %.1f %% (95 %% interval %.1f to %.1f).\n",
				thousands(a.Audited), 100*a.Accuracy.Estimate, 100*a.Accuracy.Low, 100*a.Accuracy.High)
		} else {
			fmt.Fprintln(out, "No item was audited yet: labelloop select --strategy audit -n 500, then review.")
		}
		if a.Items > 0 {
			fmt.Fprintf(out, "%s unlabelled items have a label that can be accepted: labelloop export --accepted.\n", thousands(a.Items))
		}
	}
	if c := st.Course; c != nil {
		for _, line := range []string{c.stopping(), c.Sentence} {
			if line != "" {
				fmt.Fprintln(out, line)
			}
		}
	}
	for _, fault := range st.Faults {
		fmt.Fprintf(out, "damage: %s\n", fault)
	}
	return nil
}

// frequent lists the labels that most items have.
func frequent(names []string, items map[string]int) string {
	names = slices.Clone(names)
	slices.SortStableFunc(names, func(a, b string) int { return items[b] - items[a] })
	var list []string
	for _, name := range names[:min(len(names), 6)] {
		list = append(list, fmt.Sprintf("%s %s", name, thousands(items[name])))
	}
	if len(names) > 6 {
		list = append(list, "...")
	}
	return strings.Join(list, ", ")
}

func sum[K comparable](counts map[K]int) int {
	total := 0
	for _, n := range counts {
		total += n
	}
	return total
}

func sortedKeys(m map[string]int) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
