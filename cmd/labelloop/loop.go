package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/activelearn/acceptance"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
	"github.com/labelloop/labelloop/models"
	"github.com/labelloop/labelloop/models/gate"
)

// loopFlags are the flags of the verb loop.
type loopFlags struct {
	trainFlags
	budget, batch int
	target        float64
	oracle        string
	strategy      string
	control       float64
}

func loopCommand() *cobra.Command {
	f := &loopFlags{}
	c := &cobra.Command{
		Use:   "loop --budget N",
		Short: "Predict, select, review, train, judge and promote, round by round, until the target is met",
		Long: `Go round: label the pool, choose what a person should see, wait for the answers, train, judge, promote, calibrate. Each call does
what can be done until people are needed, so call it again when the queue is answered. With --oracle the known labels in a
column answer, and it goes on by itself. It ends when the model in use is shown to reach the target on the evaluation set
(with 95 % certainty), or when the budget of labels is spent.`,
		Example: `  labelloop loop --project tickets --budget 1000 --target 0.95
  labelloop loop --project tickets --budget 500 --oracle known_label`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.with(c.Context(), func(s *sqlite.Store) error { return f.run(c.Context(), s, c.OutOrStdout(), c.ErrOrStderr()) })
		},
	}
	f.projectFlags.bind(c)
	f.bindModel(c)
	f.bindTraining(c)
	flags := c.Flags()
	flags.IntVar(&f.budget, "budget", 0, "labels that may be asked for, in all")
	flags.IntVarP(&f.batch, "batch", "n", 100, "items of a round")
	flags.Float64Var(&f.target, "target", 0.95, "accuracy on the evaluation set that is wanted")
	flags.StringVar(&f.oracle, "oracle", "", "column that holds the known labels, such as known_label after import --no-labels: it answers in place of people")
	flags.StringVar(&f.strategy, "strategy", "hybrid", "query strategy, as of select")
	flags.Float64Var(&f.control, "control", 0.1, "share of a round that is drawn at random")
	return c
}

// loopRound is one round of the loop, kept as an event of the project.
type loopRound struct {
	Labels   int     `json:"labels"` // of people, in the pool
	Trained  int     `json:"trained"`
	Model    string  `json:"model"`
	Accuracy float64 `json:"accuracy"` // of the model that was trained, on the evaluation set
	Low      float64 `json:"low"`      // one-sided bound of that of the model in use, 95 % sure
	InUse    float64 `json:"in_use"`   // accuracy of the model in use after the round
	Items    int     `json:"items"`    // evaluation items
	Promoted bool    `json:"promoted"`
	Verdict  string  `json:"verdict"`
}

// roundEvent is the kind of the events that turns are kept as.
const roundEvent = "loop"

func (f *loopFlags) run(ctx context.Context, s *sqlite.Store, stdout, stderr io.Writer) error {
	if f.budget < 1 || f.batch < 1 || f.target <= 0 || f.target > 1 {
		return label.Errorf(label.ErrUsage, "loop: want --budget and --batch of 1 or more, and --target over 0 and at most 1")
	}
	turns, err := recorded[loopRound](ctx, s, roundEvent)
	if err != nil {
		return err
	}
	if err := f.begin(ctx, s, stderr); err != nil {
		return err
	}
	for {
		waiting, err := f.answer(ctx, s, stderr)
		if err != nil {
			return err
		}
		if waiting > 0 {
			fmt.Fprintf(stderr, "%s items wait for people: labelloop review --project %s; then call loop again\n", thousands(waiting), f.dir)
			return f.tellTurns(turns, "waiting", stdout)
		}
		labels, err := s.Truths(ctx, label.Pool)
		if err != nil {
			return err
		}
		if n := len(turns); len(labels) > 0 && (n == 0 || turns[n-1].Labels != len(labels)) {
			t, err := f.turn(ctx, s, len(labels), turns, stderr)
			switch {
			case errors.Is(err, errUntrained): // all of them are held out, or nearly are: more are needed
				fmt.Fprintln(stderr, err)
			case err != nil:
				return err
			default:
				turns = append(turns, t)
				fmt.Fprintf(stderr, "%s labels: %s\n", thousands(t.Labels), t.Verdict)
				if err := f.tidy(ctx, s, turns); err != nil {
					return err
				}
			}
		}
		if n := len(turns); n > 0 && turns[n-1].Low >= f.target {
			return f.tellTurns(turns, "target met", stdout)
		}
		left := f.budget - len(labels)
		if left <= 0 {
			return f.tellTurns(turns, "budget spent", stdout)
		}
		if err := f.choose(ctx, s, min(left, f.batch), stderr); err != nil {
			return err
		}
		if queued, err := s.Queued(ctx); err != nil || len(queued) == 0 {
			return errors.Join(err, f.tellTurns(turns, "pool used up", stdout))
		}
	}
}

// begin makes what the first selection goes by: embeddings, and zero-shot labels.
func (f *loopFlags) begin(ctx context.Context, s *sqlite.Store, log io.Writer) error {
	encoder, err := f.encoder(ctx, s)
	if err != nil {
		return err
	}
	if err := f.embedItems(ctx, s, log); err != nil {
		return err
	}
	if _, err := currentModel(ctx, s, ""); !errNoModel(err) {
		return err
	}
	switch task := encoder.Manifest.Task; {
	case task == models.ImageFeatureExtraction, task == models.FeatureExtraction && s.Project().MultiLabel:
		return nil // it can't label by words: the first rounds choose without a model
	}
	p := &predictFlags{projectFlags: projectFlags{dir: f.dir}, modelFlags: f.modelFlags}
	p.task = taskAuto
	if err := p.run(ctx, s, io.Discard, log); !errors.Is(err, label.ErrItems) {
		return err
	}
	return nil
}

// answer lets the oracle answer the queue, and tells how many items wait for people.
func (f *loopFlags) answer(ctx context.Context, s *sqlite.Store, log io.Writer) (waiting int, err error) {
	if f.oracle == "" {
		queued, err := s.Queued(ctx)
		return len(queued), err
	}
	for {
		entries, err := s.Lease(ctx, oracleName, windowTexts, leaseTerm)
		if err != nil || len(entries) == 0 {
			return 0, err
		}
		list := make([]label.Annotation, len(entries))
		numbers := make([]int64, len(entries))
		for i, e := range entries {
			numbers[i] = e.Item
		}
		records, err := s.Records(ctx, numbers)
		if err != nil {
			return 0, err
		}
		for i, e := range entries {
			known, err := knownLabels(records[i].Item, f.oracle)
			if err != nil {
				return 0, err
			}
			list[i] = label.Annotation{Key: fmt.Sprintf("oracle/%d", e.ID), Item: e.Item, Annotator: oracleName, Verdict: label.Corrected,
				Labels: known, Round: e.Round}
		}
		refused, err := s.AnnotateAll(ctx, list)
		if err := errors.Join(append(refused, err)...); err != nil {
			return 0, fmt.Errorf("answer by column %s: %w", f.oracle, err)
		}
		fmt.Fprintf(log, "column %s answered %s items\n", f.oracle, thousands(len(list)))
	}
}

const (
	oracleName = "oracle"    // the annotator that known labels are kept under
	leaseTerm  = time.Minute // an oracle that was killed gives back what it had before it
)

// knownLabels reads the known labels of an item.
func knownLabels(it label.Item, column string) ([]string, error) {
	switch v := it.Meta[column].(type) {
	case string:
		return []string{v}, nil
	case []any:
		labels := make([]string, len(v))
		for i := range v {
			labels[i] = fmt.Sprint(v[i])
		}
		return labels, nil
	}
	return nil, label.Errorf(label.ErrUsage, "%s: no label in column %q; name another by --oracle; import --no-labels keeps labels in known_label",
		it.Place, column)
}

// turn trains on the labels there are, and keeps what came out.
func (f *loopFlags) turn(ctx context.Context, s *sqlite.Store, labels int, turns []loopRound, log io.Writer) (loopRound, error) {
	o, err := f.trainFlags.run(ctx, s, log)
	if err != nil {
		return loopRound{}, err
	}
	t := loopRound{Labels: labels, Trained: o.Training.Items, Model: o.Model, Promoted: o.Promoted, Verdict: "not judged: there is no evaluation set yet"}
	if n := len(turns); n > 0 {
		t.InUse, t.Low, t.Items = turns[n-1].InUse, turns[n-1].Low, turns[n-1].Items
	}
	v := o.Verdict
	if v == nil && t.Promoted { // it is in use already: nothing was learned since it was judged
		if v, err = lastVerdict(ctx, s, t.Model); err != nil {
			return t, err
		}
		t.Verdict = t.Model + " is in use already"
	}
	if v != nil {
		t.Verdict, t.Items = v.Sentence, v.Set.Items
		t.measure(*v)
	}
	if t.Promoted {
		c := &calibrateFlags{projectFlags: projectFlags{dir: f.dir}, method: "temperature"}
		if err := c.run(ctx, s, io.Discard, log); err != nil {
			if ctx.Err() != nil {
				return t, err
			}
			fmt.Fprintf(log, "not calibrated on the audits: %v\n", err)
		}
	}
	return t, s.Log(ctx, roundEvent, person(), t)
}

// tidy removes what nothing needs of the models that the loop made: rounds shall not fill the disk.
func (f *loopFlags) tidy(ctx context.Context, s *sqlite.Store, turns []loopRound) error {
	list, err := needless(ctx, s, keptBefore)
	if err != nil {
		return err
	}
	return prune(ctx, s, slices.DeleteFunc(list, func(p pruned) bool {
		return !slices.ContainsFunc(turns, func(t loopRound) bool { return t.Model == p.Model })
	}))
}

// measure takes the accuracies out of a verdict.
func (t *loopRound) measure(v gate.Verdict) {
	at := slices.IndexFunc(v.Checks, func(c gate.Check) bool { return c.Name == "accuracy" })
	if at < 0 {
		return
	}
	t.Accuracy, t.InUse = v.Checks[at].Numbers["after"], v.Checks[at].Numbers["before"]
	if v.Promote {
		t.InUse = t.Accuracy
	}
	right := int(t.InUse*float64(t.Items) + 0.5)
	t.Low = acceptance.ClopperPearson(right, t.Items, 0.1).Low
}

// choose fills the queue.
func (f *loopFlags) choose(ctx context.Context, s *sqlite.Store, n int, log io.Writer) error {
	q := &selectFlags{projectFlags: projectFlags{dir: f.dir}, strategy: f.strategy, n: n, people: 1, control: f.control, seed: f.seed}
	return q.run(ctx, s, io.Discard, log)
}

// tellTurns writes the rounds so far, and why the loop ends.
func (f *loopFlags) tellTurns(turns []loopRound, why string, stdout io.Writer) error {
	if f.json {
		return json.NewEncoder(stdout).Encode(map[string]any{"rounds": turns, "end": why})
	}
	table := tabwriter.NewWriter(stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "ROUND\tLABELS\tTRAINED ON\tACCURACY\tIN USE\tPROMOTED\tMODEL")
	for i, t := range turns {
		promoted := "no"
		if t.Promoted {
			promoted = "yes"
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%.1f %%\t%.1f %%\t%s\t%s\n", i+1, thousands(t.Labels), thousands(t.Trained), 100*t.Accuracy, 100*t.InUse, promoted, t.Model)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(stdout, "%s\n", why)
	return err
}
