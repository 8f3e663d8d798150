package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// clock tells when a project is made. What is held out of it hangs on that, so tests stop the clock.
var clock = time.Now

func initCommand() *cobra.Command {
	var project label.Project
	var labels []string
	var file string
	c := &cobra.Command{
		Use:   "init DIR --task TASK --labels a,b",
		Short: "Make a project: one folder with one database",
		Example: `  labelloop init tickets --task text-classification --labels refund,delivery,other
  labelloop init photos --task image-classification --labels-file labels.txt --multi-label`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			names, err := labelNames(labels, file)
			if err != nil {
				return err
			}
			project.Created = clock()
			store, err := sqlite.Create(c.Context(), args[0], project)
			if err != nil {
				return err
			}
			defer store.Close()
			if len(names) > 0 {
				if _, err := store.AddLabels(c.Context(), person(), names...); err != nil {
					return err
				}
			}
			fmt.Fprintf(c.ErrOrStderr(), "made project %s for %s with %d labels; next: labelloop import --project %s FILE...\n",
				args[0], project.Task, len(names), args[0])
			return nil
		},
	}
	flags := c.Flags()
	flags.StringVar(&project.Task, "task", label.TextClassification, strings.Join([]string{label.TextClassification, label.ImageClassification}, " or "))
	flags.BoolVar(&project.MultiLabel, "multi-label", false, "an item may have several labels, or none")
	flags.StringSliceVarP(&labels, "labels", "l", nil, "the label set")
	flags.StringVar(&file, "labels-file", "", "file with a label a line")
	return c
}

// labelNames gives the label set out of --labels or --labels-file.
func labelNames(labels []string, file string) ([]string, error) {
	f := modelFlags{labels: labels, labelsFile: file}
	if labels != nil && file != "" {
		return nil, label.Errorf(label.ErrUsage, "--labels and --labels-file: give one of them")
	}
	classes, err := f.classes()
	return names(classes), err
}
