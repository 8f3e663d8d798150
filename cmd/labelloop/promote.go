package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
	"github.com/labelloop/labelloop/models"
	"github.com/labelloop/labelloop/models/gate"
)

// promoteFlags are the flags of the verb models promote.
type promoteFlags struct {
	projectFlags
	force  bool
	reason string
}

func modelsPromoteCommand() *cobra.Command {
	f := &promoteFlags{}
	c := &cobra.Command{
		Use:   "promote NAME@VERSION",
		Short: "Bring a model into use in a project, if it is better than the one in use",
		Long: `Bring a model into use in a project. It is run over the evaluation set, beside the model in use, and promoted if it is shown to be
better and nothing speaks against it (docs/promotion.md). --force promotes it nonetheless; the reason goes on record.`,
		Example: `  labelloop models promote model@3f2a --project tickets
  labelloop models promote model@3f2a --project tickets --force --reason "the label set is new"`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return f.with(c.Context(), func(s *sqlite.Store) error { return f.run(c.Context(), s, args[0], c.OutOrStdout(), c.ErrOrStderr()) })
		},
	}
	f.bind(c)
	c.Flags().BoolVar(&f.force, "force", false, "promote it whatever the verdict is; needs --reason")
	c.Flags().StringVar(&f.reason, "reason", "", "why; kept in the record of promotions")
	return c
}

func (f *promoteFlags) run(ctx context.Context, s *sqlite.Store, name string, stdout, stderr io.Writer) error {
	if f.force && f.reason == "" {
		return label.Errorf(label.ErrUsage, "models promote --force: say why, by --reason TEXT")
	}
	m, err := findModel(ctx, s, projectModels(f.dir), name)
	if err != nil {
		return err
	}
	now, err := promoted(ctx, s)
	if err != nil && !errors.Is(err, label.ErrNotFound) {
		return err
	}
	if now != nil && now.String() == m.String() {
		fmt.Fprintf(stderr, "%s is in use already\n", m)
		return nil
	}
	var told *gate.Verdict
	v, err := try(ctx, s, m, now, stderr)
	switch {
	case err == nil:
		told = &v
		if err := f.tell(stdout, v); err != nil {
			return err
		}
		if !v.Promote && !f.force {
			return errRefused
		}
	case !f.force || ctx.Err() != nil:
		return err
	default:
		fmt.Fprintf(stderr, "it could not be judged: %v\n", err)
	}
	if m, err = promote(ctx, s, m, told, f.reason); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "%s is in use\n", m)
	return nil
}

// tell writes the verdict.
func (f *projectFlags) tell(stdout io.Writer, v gate.Verdict) error {
	if f.json {
		return json.NewEncoder(stdout).Encode(v)
	}
	return printVerdict(stdout, v)
}

// errRefused is what a verb ends with that did not promote what it was told to.
var errRefused = label.Errorf(label.ErrConflict, "not promoted; the model in use stays. --force --reason TEXT promotes it nonetheless")

func modelsRollbackCommand() *cobra.Command {
	var f projectFlags
	var reason string
	c := &cobra.Command{
		Use:   "rollback",
		Short: "Bring the model back that was in use before",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.with(c.Context(), func(s *sqlite.Store) error {
				m, err := rollback(c.Context(), s, reason)
				if err != nil {
					return err
				}
				if f.json {
					return json.NewEncoder(c.OutOrStdout()).Encode(map[string]any{"model": m.String()})
				}
				fmt.Fprintf(c.ErrOrStderr(), "%s is in use again\n", m)
				return nil
			})
		},
	}
	f.bind(c)
	c.Flags().StringVar(&reason, "reason", "", "why; kept in the record of promotions")
	return c
}

func modelsCompareCommand() *cobra.Command {
	var f projectFlags
	c := &cobra.Command{
		Use:     "compare A B",
		Short:   "Judge model B as if it were to take the place of model A, and change nothing",
		Example: `  labelloop models compare model@3f2a model@9c01 --project tickets`,
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return f.with(c.Context(), func(s *sqlite.Store) error {
				var pair [2]*models.Model
				for i, name := range args {
					var err error
					if pair[i], err = findModel(c.Context(), s, projectModels(f.dir), name); err != nil {
						return err
					}
				}
				v, err := judge(c.Context(), s, pair[1], pair[0], c.ErrOrStderr())
				if err != nil {
					return err
				}
				return f.tell(c.OutOrStdout(), v)
			})
		},
	}
	f.bind(c)
	return c
}

// historic is an entry of the record of promotions.
type historic struct {
	At         time.Time       `json:"at"`
	Kind       string          `json:"kind"`
	Model      string          `json:"model"`
	Before     string          `json:"before,omitempty"`
	By         string          `json:"by"`
	Reason     string          `json:"reason,omitempty"`
	Evaluation int64           `json:"evaluation,omitempty"` // version of the set
	Verdict    json.RawMessage `json:"verdict,omitempty"`
}

func modelsHistoryCommand() *cobra.Command {
	var f projectFlags
	c := &cobra.Command{
		Use:   "history",
		Short: "Tell which models came into use in a project, when and why",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.with(c.Context(), func(s *sqlite.Store) error { return f.history(c.Context(), s, c.OutOrStdout()) })
		},
	}
	f.bind(c)
	return c
}

func (f *projectFlags) history(ctx context.Context, s *sqlite.Store, out io.Writer) error {
	record, err := s.Promotions(ctx)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(out)
	for _, p := range record {
		if f.json {
			err = encoder.Encode(historic{p.At, string(p.Kind), p.String(), p.Before, p.By, p.Reason, p.Evaluation, p.Verdict})
			if err != nil {
				return err
			}
			continue
		}
		why := p.Reason
		if v := (gate.Verdict{}); p.Verdict != nil && json.Unmarshal(p.Verdict, &v) == nil {
			why = strings.TrimPrefix(why+"; "+v.Sentence, "; ")
		}
		fmt.Fprintf(out, "%s  %s  %s by %s: %s\n", p.At.Format(time.DateTime), p.Kind, p, p.By, why)
	}
	return nil
}
