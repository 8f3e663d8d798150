package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

func labelSetCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "labels",
		Short: "Show and change a project's label set: past annotations follow, and each change is on record",
		RunE: func(c *cobra.Command, args []string) error {
			return label.Errorf(label.ErrUsage, "labels: want list, add, rename, merge, split or delete")
		},
	}
	change := func(use, short string, least int, do func(context.Context, *sqlite.Store, []string) (label.LabelChange, error)) *cobra.Command {
		f := &projectFlags{}
		sub := &cobra.Command{
			Use: use, Short: short, Args: cobra.MinimumNArgs(least),
			RunE: func(c *cobra.Command, args []string) error {
				return f.with(c.Context(), func(s *sqlite.Store) error {
					done, err := do(c.Context(), s, args)
					if err == nil {
						fmt.Fprintf(c.ErrOrStderr(), "revision %d of the label set; %s items were touched\n", done.Revision, thousands(done.Items))
					}
					return err
				})
			},
		}
		f.bind(sub)
		return sub
	}
	by := person()
	c.AddCommand(
		labelSetListCommand(),
		change("add LABEL...", "Add labels", 1, func(ctx context.Context, s *sqlite.Store, args []string) (label.LabelChange, error) {
			return s.AddLabels(ctx, by, args...)
		}),
		change("rename FROM TO", "Give a label another name", 2, func(ctx context.Context, s *sqlite.Store, args []string) (label.LabelChange, error) {
			return s.RenameLabel(ctx, by, args[0], args[1])
		}),
		change("merge INTO FROM...", "Make labels one: what had any of them has the first", 2, func(ctx context.Context, s *sqlite.Store, args []string) (label.LabelChange, error) {
			return s.MergeLabels(ctx, by, args[1:], args[0])
		}),
		change("split FROM INTO...", "Part a label: what had it needs another look", 3, func(ctx context.Context, s *sqlite.Store, args []string) (label.LabelChange, error) {
			return s.SplitLabel(ctx, by, args[0], args[1:]...)
		}),
		change("delete LABEL", "Take a label away: what had it has it no more", 1, func(ctx context.Context, s *sqlite.Store, args []string) (label.LabelChange, error) {
			return s.DeleteLabel(ctx, by, args[0])
		}),
	)
	return c
}

func labelSetListCommand() *cobra.Command {
	f := &projectFlags{}
	c := &cobra.Command{
		Use:   "list",
		Short: "List the labels, and the changes that made the set",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, args []string) error {
			return f.with(c.Context(), func(s *sqlite.Store) error {
				set, err := s.LabelSet(c.Context(), 0)
				if err != nil {
					return err
				}
				changes, err := s.LabelChanges(c.Context())
				if err != nil {
					return err
				}
				for _, name := range set.Names() {
					fmt.Fprintln(c.OutOrStdout(), name)
				}
				for _, ch := range changes {
					fmt.Fprintf(c.ErrOrStderr(), "%s  %-8s %s  %s -> %s\n", ch.At.Local().Format("2006-01-02 15:04"), ch.By, ch.Kind,
						strings.Join(ch.Before, ", "), strings.Join(ch.After, ", "))
				}
				return nil
			})
		},
	}
	f.bind(c)
	return c
}
