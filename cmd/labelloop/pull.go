package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/models/hub"
)

// modelsPullCommand is the only verb that opens a connection.
func modelsPullCommand() *cobra.Command {
	var name, revision, precision string
	c := &cobra.Command{
		Use:   "pull OWNER/NAME",
		Short: "Fetch a model from the hub that HF_ENDPOINT names, and import it",
		Long: "Fetch an ONNX export from a Hugging Face hub, or a mirror of one, and import it. HF_ENDPOINT is the hub's address;\n" +
			"HF_TOKEN is sent to it where it is set. A pull that was cut off goes on where it stopped. This is the only verb that\n" +
			"opens a connection.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			endpoint := os.Getenv("HF_ENDPOINT")
			if endpoint == "" {
				return label.Errorf(label.ErrUsage, "HF_ENDPOINT is not set: set it to the address of your hub, https://HOST")
			}
			client, err := hub.New(endpoint, os.Getenv("HF_TOKEN"))
			if err != nil {
				return label.Errorf(label.ErrUsage, "HF_ENDPOINT: %w", err)
			}
			cache, err := os.UserCacheDir()
			if err != nil {
				return fmt.Errorf("find a place for the download: %w", err)
			}
			told := time.Now()
			dir, err := client.Pull(c.Context(), hub.Options{
				Repo: args[0], Revision: revision, Precision: precision, Dir: filepath.Join(cache, "labelloop", "pull"),
				Progress: func(done, total int64, file string) {
					if time.Since(told) > time.Second {
						told = time.Now()
						fmt.Fprintf(c.ErrOrStderr(), "%5.1f %% of %d MB: %s\n", 100*float64(done)/float64(max(total, 1)), total/1e6, file)
					}
				},
			})
			if err != nil {
				return err
			}
			m, err := registry().Import(c.Context(), dir, name)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s\n", m)
			fmt.Fprintf(c.ErrOrStderr(), "pulled %s for %s into %s\n", m, m.Manifest.Task, m.Dir)
			return os.RemoveAll(filepath.Dir(dir)) // imported, and so on disk twice
		},
	}
	c.Flags().StringVar(&name, "name", "", "name of the model (default: the repository's)")
	c.Flags().StringVar(&revision, "revision", "main", "branch, tag or commit")
	c.Flags().StringVar(&precision, "precision", "fp32", "which graphs to fetch: fp32, fp16, int8, quantized, ...")
	return c
}
