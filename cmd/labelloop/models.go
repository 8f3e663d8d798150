package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/inference/pixel"
	"github.com/labelloop/labelloop/inference/pixel/libjpeg"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
	"github.com/labelloop/labelloop/models"
)

func modelsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "models",
		Short: "List, show, import, pull and verify models; bring them into use in a project",
		RunE: func(c *cobra.Command, args []string) error {
			return label.Errorf(label.ErrUsage, "models: want list, show, import, pull, verify, bundle, promote, rollback, compare, history or prune")
		},
	}
	c.AddCommand(modelsListCommand(), modelsShowCommand(), modelsImportCommand(), modelsPullCommand(), modelsVerifyCommand(), modelsBundleCommand(),
		modelsPromoteCommand(), modelsRollbackCommand(), modelsCompareCommand(), modelsHistoryCommand(), modelsPruneCommand())
	return c
}

func modelsListCommand() *cobra.Command {
	var project string
	c := &cobra.Command{
		Use:   "list",
		Short: "List the models there are: a project's own first, the one in use marked by *",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if project == "" {
				return listModels(c.OutOrStdout(), registry(), nil)
			}
			f := projectFlags{dir: project}
			return f.with(c.Context(), func(s *sqlite.Store) error {
				now, err := promoted(c.Context(), s)
				if err != nil && !errors.Is(err, label.ErrNotFound) {
					return err
				}
				return listModels(c.OutOrStdout(), projectModels(project), now)
			})
		},
	}
	c.Flags().StringVarP(&project, "project", "p", "", "folder of a project whose own models are listed, too")
	return c
}

// listModels writes what a registry holds, and marks the model in use.
func listModels(out io.Writer, r models.Registry, now *models.Model) error {
	found, err := r.List()
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "MODEL\tTASK\tLABELS\tTOKENS\tDIRECTORY")
	for _, m := range found {
		mark := ""
		if now != nil && m.Dir == now.Dir {
			mark = " *"
		}
		fmt.Fprintf(table, "%s%s\t%s\t%d\t%d\t%s\n", m, mark, m.Manifest.Task, len(m.Manifest.Labels), m.Manifest.MaxLength, m.Dir)
	}
	table.Flush()
	return err
}

func modelsShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show MODEL",
		Short: "Show a model's manifest as JSON",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			m, err := registry().Find(args[0])
			if err != nil {
				return err
			}
			if m.Manifest.ReadsImages() {
				libjpeg.Load(below("lib")...)
				fmt.Fprintf(c.ErrOrStderr(), "JPEG is decoded by %s\n", pixel.JPEGDecoder())
			}
			out := json.NewEncoder(c.OutOrStdout())
			out.SetIndent("", "  ")
			return out.Encode(m.Manifest)
		},
	}
}

func modelsImportCommand() *cobra.Command {
	var name, project, trust string
	c := &cobra.Command{
		Use:   "import DIR|BUNDLE",
		Short: "Copy a Hugging Face export, or a bundle, into the registry, with a manifest of digests",
		Long: `Copy a Hugging Face export, or a bundle that labelloop models bundle made, into the registry. With --project it becomes one of the
project's own models; labelloop models promote brings it into use.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			m, err := importModel(c.Context(), args[0], name, project, trust, c.ErrOrStderr())
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s\n", m)
			fmt.Fprintf(c.ErrOrStderr(), "imported %s for %s into %s\n", m, m.Manifest.Task, m.Dir)
			return nil
		},
	}
	c.Flags().StringVar(&name, "name", "", "name of the model (default: the directory's, or the bundle's)")
	c.Flags().StringVarP(&project, "project", "p", "", "folder of a project that takes it among its own models")
	c.Flags().StringVar(&trust, "trust", "", "file with a public key (PEM): the bundle has to be signed with its private one")
	return c
}

func modelsVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify MODEL",
		Short: "Check a model's files against its manifest",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			m, err := registry().Find(args[0])
			if err != nil {
				return err
			}
			if err := m.Verify(); err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "%s: all %d files are as the manifest says\n", m, len(m.Manifest.Files))
			return nil
		},
	}
}
