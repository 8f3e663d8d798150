package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/activelearn"
	"github.com/labelloop/labelloop/activelearn/calibration"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// calibrateFlags are the flags of the verb calibrate.
type calibrateFlags struct {
	projectFlags
	model, method string
}

func calibrateCommand() *cobra.Command {
	f := &calibrateFlags{}
	c := &cobra.Command{
		Use:   "calibrate",
		Short: "Make a model's confidence mean what it says, by the audited random items",
		Long: `Fit a calibration of a model's probabilities to the audited random items. It is kept if it lowers the log loss of items that it
was not fitted on (five-fold cross-validation); else what was there stays.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.with(c.Context(), func(s *sqlite.Store) error { return f.run(c.Context(), s, c.OutOrStdout(), c.ErrOrStderr()) })
		},
	}
	f.bind(c)
	c.Flags().StringVarP(&f.model, "model", "m", "", "model whose predictions are meant (default: the one that predicted last)")
	c.Flags().StringVar(&f.method, "method", string(calibration.Temperature), "temperature, vector or isotonic")
	return c
}

// sample is the labelled part of a model's random sample, in its classes.
type sample struct {
	link   calibration.Link
	probs  activelearn.Matrix
	labels [][]int
}

// sample leaves out the items whose label the model does not know: no probability of it can be right.
func (a *audit) sample() sample {
	class := make(map[int64]int, len(a.ids))
	for i, id := range a.ids {
		class[id] = i
	}
	s := sample{link: calibration.Softmax}
	if a.project.MultiLabel {
		s.link = calibration.Sigmoid
	}
	var rows []int
	for _, item := range a.answered {
		truth, labelled := a.truths[item]
		row := []int{}
		for _, id := range truth {
			if k, ok := class[id]; ok {
				row = append(row, k)
			}
		}
		if labelled && len(row) == len(truth) {
			rows, s.labels = append(rows, a.row(item)), append(s.labels, row)
		}
	}
	s.probs = a.probs.Gather(rows)
	return s
}

// part keeps the items of a sample whose place modulo folds is (or is not) fold.
func (s sample) part(fold, folds int, in bool) sample {
	p := sample{link: s.link}
	var rows []int
	for i := range s.labels {
		if (i%folds == fold) == in {
			rows, p.labels = append(rows, i), append(p.labels, s.labels[i])
		}
	}
	p.probs = s.probs.Gather(rows)
	return p
}

// apply gives the sample with calibrated probabilities.
func (s sample) apply(c calibration.Calibration) (sample, error) {
	out := activelearn.NewMatrix(s.probs.Rows, s.probs.Cols)
	for i := range s.labels {
		row, err := c.Apply(s.probs.Row(i))
		if err != nil {
			return s, err
		}
		copy(out.Row(i), row)
	}
	return sample{s.link, out, s.labels}, nil
}

// crossed gives the sample as calibrated by maps that were fitted on the other four fifths of it.
func (s sample) crossed(method calibration.Method) (sample, error) {
	const folds = 5
	out := sample{s.link, activelearn.NewMatrix(s.probs.Rows, s.probs.Cols), s.labels}
	for fold := range folds {
		c, err := calibration.Fit(method, s.link, s.part(fold, folds, false).probs, s.part(fold, folds, false).labels)
		if err != nil {
			return s, err
		}
		held, err := s.part(fold, folds, true).apply(c)
		if err != nil {
			return s, err
		}
		for i := range held.labels {
			copy(out.probs.Row(fold+i*folds), held.probs.Row(i))
		}
	}
	return out, nil
}

// outcome is the confidence of each decision and whether it was right: of the top label or, with several, of each label.
func (s sample) outcome() (confidence []float64, right []bool) {
	if s.link == calibration.Softmax {
		top := make([]int, len(s.labels))
		for i, row := range s.labels {
			top[i] = row[0]
		}
		return calibration.TopLabel(s.probs, top)
	}
	for i, row := range s.labels {
		for k, p := range s.probs.Row(i) {
			applies := slices.Contains(row, k)
			confidence, right = append(confidence, float64(max(p, 1-p))), append(right, applies == (p >= 0.5))
		}
	}
	return confidence, right
}

// fit is how well probabilities mean what they say.
type fit struct {
	ECE   float64 `json:"ece"` // expected calibration error, 15 bins of equal width
	Brier float64 `json:"brier"`
	NLL   float64 `json:"nll"`
}

func (s sample) fit() fit {
	confidence, right := s.outcome()
	return fit{calibration.ECE(calibration.EqualWidth(confidence, right, 15)), calibration.Brier(s.link, s.probs, s.labels),
		calibration.NLL(s.link, s.probs, s.labels)}
}

func (f *calibrateFlags) run(ctx context.Context, s *sqlite.Store, stdout, stderr io.Writer) error {
	m, err := currentModel(ctx, s, f.model)
	if err != nil {
		return err
	}
	a, err := openPool(ctx, s, m)
	if err != nil {
		return err
	}
	data := a.sample()
	method := calibration.Method(f.method)
	fitted, err := calibration.Fit(method, data.link, data.probs, data.labels)
	if err != nil {
		return label.Errorf(label.ErrUsage, "%w; audit more by `labelloop select --strategy audit`", err)
	}
	after, err := data.crossed(method)
	if err != nil {
		return label.Errorf(label.ErrUsage, "%w; audit more by `labelloop select --strategy audit`", err)
	}
	was, is := data.fit(), after.fit()
	better := is.NLL < was.NLL
	if better {
		if m.Calibration, err = json.Marshal(fitted); err != nil {
			return err
		}
		if _, err := s.RegisterModel(ctx, m); err != nil {
			return err
		}
	}
	if f.json {
		return json.NewEncoder(stdout).Encode(map[string]any{"model": m.String(), "method": method, "samples": len(data.labels), "kept": better,
			"before": was, "after": is})
	}
	fmt.Fprintf(stderr, "%s: %s calibration on %s audited items\n", m, method, thousands(len(data.labels)))
	if !better {
		fmt.Fprintf(stderr, "  not kept: by so few items probabilities would get no better; audit more by `labelloop select --strategy audit`\n")
	}
	fmt.Fprintf(stderr, "  calibration error  %.2f %% -> %.2f %%\n  Brier score        %.4f -> %.4f\n  log loss           %.4f -> %.4f   (after: cross-validated)\n",
		100*was.ECE, 100*is.ECE, was.Brier, is.Brier, was.NLL, is.NLL)
	return nil
}
