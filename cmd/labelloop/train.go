package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
	"github.com/labelloop/labelloop/models"
	"github.com/labelloop/labelloop/models/gate"
)

// trainFlags are the flags of the verb train.
type trainFlags struct {
	projectFlags
	modelFlags
	name     string
	method   string
	seed     uint64
	balanced bool
}

func trainCommand() *cobra.Command {
	f := &trainFlags{}
	c := &cobra.Command{
		Use:   "train",
		Short: "Train a model on a project's labels, and bring it into use if it is better",
		Long: `Train a model on what people answered. By --method head a linear head is fitted to an encoder's embeddings, with what the labels'
names and the unlabelled items say, and written as one ordinary ONNX classifier among the project's models; the other
methods train the encoder itself, in Python; --method auto chooses. The model is run over the evaluation
set beside the model in use; if it is shown to be better it takes its place, and the project's items are labelled anew: the
queue and the audits first. Items that models are judged by are never trained on, nor is what is nearly the same.`,
		Example: `  labelloop train --project tickets
  labelloop train --project photos --model conse-lite0 --class-weights
  labelloop train --project tickets --method finetune`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.with(c.Context(), func(s *sqlite.Store) error {
				o, err := f.run(c.Context(), s, c.ErrOrStderr())
				if err != nil {
					return err
				}
				return f.report(o, c.OutOrStdout(), c.ErrOrStderr())
			})
		},
	}
	f.projectFlags.bind(c)
	f.bindModel(c)
	f.bindTraining(c)
	return c
}

func (f *trainFlags) bindTraining(c *cobra.Command) {
	flags := c.Flags()
	flags.Lookup("model").Usage = "encoder: a name, NAME@VERSION or a directory (default: the one that embedded most, else minilm or conse-lite0)"
	flags.StringVar(&f.labelsFile, "labels-file", "", "file that describes labels: NAME<tab>DESCRIPTION<tab>...")
	flags.StringArrayVar(&f.templates, "template", nil, "text that a label is put into at {}; several are averaged")
	flags.StringVar(&f.method, "method", "head", "head; by scripts/train.py (docs/training.md): "+strings.Join(byScript, ", ")+"; or "+methodAuto+": head or finetune, by what there is")
	flags.StringVar(&f.name, "name", "model", "name of the model among the project's own")
	flags.Uint64Var(&f.seed, "seed", 1, "of what is drawn at random")
	flags.BoolVar(&f.balanced, "class-weights", false, "each label counts the same, however many items have it")
}

// outcome is what became of a training.
type outcome struct {
	Training *trainingSet  `json:"training_set"`
	Fit      fitted        `json:"fit"`
	Model    string        `json:"model"`
	Verdict  *gate.Verdict `json:"verdict,omitempty"` // nil: there was nothing to judge by
	Promoted bool          `json:"promoted"`
	Rescored int           `json:"rescored"`
}

// run trains, judges, promotes and labels anew. Whatever it is cut off at, the model in use stays, and the same command
// goes on.
func (f *trainFlags) run(ctx context.Context, s *sqlite.Store, log io.Writer) (*outcome, error) {
	if methods := append([]string{"head", methodAuto}, byScript...); !slices.Contains(methods, f.method) {
		return nil, label.Errorf(label.ErrUsage, "--method %s: want %s", f.method, strings.Join(methods, ", "))
	}
	encoder, err := f.encoder(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := f.embedItems(ctx, s, log); err != nil {
		return nil, err
	}
	o := &outcome{}
	if o.Training, err = newTrainingSet(ctx, s); err != nil {
		return nil, err
	}
	fmt.Fprintf(log, "training set: %s\n", o.Training)
	if f.method == methodAuto {
		chosen := *f // the next round of a loop chooses again
		var why string
		chosen.method, why = methodFor(encoder, o.Training)
		fmt.Fprintf(log, "method: %s; %s\n", chosen.method, why)
		f = &chosen
	}
	fit := f.head
	if slices.Contains(byScript, f.method) {
		fit = f.script
	}
	m, err := fit(ctx, s, encoder, o, log)
	if err != nil {
		return nil, err
	}
	o.Model = m.String()
	if !o.Training.judged {
		return o, nil
	}
	return o, f.promote(ctx, s, m, o, log)
}

// promote brings a model into use if it is better than the one there is.
func (f *trainFlags) promote(ctx context.Context, s *sqlite.Store, m *models.Model, o *outcome, log io.Writer) error {
	now, err := promoted(ctx, s)
	if err != nil && !errors.Is(err, label.ErrNotFound) {
		return err
	}
	if now != nil && now.String() == m.String() {
		o.Promoted = true // by a run before; nothing was learned since
	} else {
		v, err := try(ctx, s, m, now, log)
		if err != nil {
			return err
		}
		if o.Verdict = &v; !v.Promote {
			return nil
		}
		if m, err = promote(ctx, s, m, &v, ""); err != nil {
			return err
		}
		o.Promoted = true
	}
	o.Rescored, err = f.relabel(ctx, s, m, log)
	return err
}

// report tells what became of it.
func (f *trainFlags) report(o *outcome, stdout, stderr io.Writer) error {
	if f.json {
		return json.NewEncoder(stdout).Encode(o)
	}
	switch {
	case o.Verdict != nil:
		if err := printVerdict(stdout, *o.Verdict); err != nil {
			return err
		}
	case !o.Promoted:
		fmt.Fprintf(stderr, "%s is not judged: there is no evaluation set. Import labelled items by `labelloop import --split eval`, or answer random ones "+
			"(labelloop select --strategy audit), and train again\n", o.Model)
		return nil
	}
	if !o.Promoted {
		fmt.Fprintf(stderr, "%s is kept among the project's models, but not in use\n", o.Model)
		return nil
	}
	fmt.Fprintf(stderr, "%s is in use; %s items were labelled anew\n", o.Model, thousands(o.Rescored))
	return nil
}
