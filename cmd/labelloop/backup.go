package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/internal/sqlite"
)

func backupCommand() *cobra.Command {
	f := &projectFlags{}
	c := &cobra.Command{
		Use:   "backup FILE",
		Short: "Check a project and copy it into one file, while others go on working",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return f.with(c.Context(), func(s *sqlite.Store) error {
				faults, err := s.Check(c.Context())
				if err != nil {
					return err
				}
				if len(faults) > 0 {
					return fmt.Errorf("project %s is damaged, and was not copied over an older backup: %s", f.dir, strings.Join(faults, "; "))
				}
				if err := s.Backup(c.Context(), args[0]); err != nil {
					return err
				}
				fmt.Fprintf(c.ErrOrStderr(), "%s is sound and was copied to %s; to go back to it, put it into an empty folder as %s\n", f.dir, args[0], sqlite.File)
				return nil
			})
		},
	}
	f.bind(c)
	return c
}
