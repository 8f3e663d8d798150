package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/inference/pixel"
	"github.com/labelloop/labelloop/inference/pixel/libjpeg"
	"github.com/labelloop/labelloop/internal/label"
)

func modelsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "models",
		Short: "List, show, import, pull and verify models",
		RunE: func(c *cobra.Command, args []string) error {
			return label.Errorf(label.ErrUsage, "models: want list, show, import, pull or verify")
		},
	}
	c.AddCommand(modelsListCommand(), modelsShowCommand(), modelsImportCommand(), modelsPullCommand(), modelsVerifyCommand())
	return c
}

func modelsListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the models there are",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, args []string) error {
			found, err := registry().List()
			table := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
			fmt.Fprintln(table, "MODEL\tTASK\tLABELS\tTOKENS\tDIRECTORY")
			for _, m := range found {
				fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\n", m, m.Manifest.Task, len(m.Manifest.Labels), m.Manifest.MaxLength, m.Dir)
			}
			table.Flush()
			return err
		},
	}
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
	var name string
	c := &cobra.Command{
		Use:   "import DIR",
		Short: "Copy a Hugging Face export into the registry, with a manifest of digests",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			m, err := registry().Import(c.Context(), args[0], name)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s\n", m)
			fmt.Fprintf(c.ErrOrStderr(), "imported %s for %s into %s\n", m, m.Manifest.Task, m.Dir)
			return nil
		},
	}
	c.Flags().StringVar(&name, "name", "", "name of the model (default: the directory's)")
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
