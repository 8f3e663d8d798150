// Command labelloop labels texts and images on this machine with exported ONNX models.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/internal/label"
)

// version is set by the linker.
var version = "dev"

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitItems  = 3 // done, but some items failed
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := execute(ctx, command())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "labelloop:", err)
	}
	os.Exit(exitCode(err))
}

// execute runs a command. What cobra refuses before the verb begins is wrong usage.
func execute(ctx context.Context, root *cobra.Command) error {
	began := false
	root.PersistentPreRun = func(*cobra.Command, []string) { began = true }
	ran, err := root.ExecuteContextC(ctx)
	if err != nil && !began {
		return label.Errorf(label.ErrUsage, "%w; see '%s --help'", err, ran.CommandPath())
	}
	return err
}

// command is the root of the command line: one verb a file.
func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "labelloop",
		Short:         "Label texts and images on this machine, with exported ONNX models and no network",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(
		labelCommand(), serveCommand(), modelsCommand(), benchCommand(), tuneCommand(), // files
		initCommand(), importCommand(), predictCommand(), selectCommand(), trainCommand(), loopCommand(), calibrateCommand(), statusCommand(), exportCommand(), labelSetCommand(), backupCommand(), // projects
		reportCommand(), simulateCommand(), reviewCommand(),
	)
	return root
}

// exitCode is the one table from errors to exit codes.
func exitCode(err error) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, label.ErrItems):
		return exitItems
	case errors.Is(err, label.ErrUsage):
		return exitUsage
	}
	return exitFailed
}
