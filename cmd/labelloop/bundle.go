package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/models"
)

func modelsBundleCommand() *cobra.Command {
	var output, key, project string
	c := &cobra.Command{
		Use:   "bundle MODEL -o FILE.tar.gz|FILE.zip",
		Short: "Pack a model into one archive with manifest and digests, signed if there is a key",
		Example: `  labelloop models bundle model@3f2a --project tickets -o tickets.tar.gz
  openssl genpkey -algorithm ed25519 -out key.pem; openssl pkey -in key.pem -pubout -out public.pem
  labelloop models bundle intents -o intents.zip --key key.pem
  labelloop models import intents.zip --trust public.pem`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r := registry()
			if project != "" {
				r = projectModels(project)
			}
			m, err := r.Find(args[0])
			if err != nil {
				return err
			}
			if err := bundle(c.Context(), m, output, key); err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "packed %s into %s\n", m, output)
			return nil
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "", "archive to write, named .tar.gz or .zip")
	c.Flags().StringVar(&key, "key", "", "file with an Ed25519 private key (PEM) to sign with")
	c.Flags().StringVarP(&project, "project", "p", "", "folder of the project whose own models are meant, too")
	return c
}

// bundle writes the archive under a temporary name, so that there is all of it or nothing.
func bundle(ctx context.Context, m *models.Model, output, keyFile string) error {
	format := models.Zip
	switch {
	case strings.HasSuffix(output, ".tar.gz") || strings.HasSuffix(output, ".tgz"):
		format = models.TarGzip
	case !strings.HasSuffix(output, ".zip"):
		return label.Errorf(label.ErrUsage, "models bundle: --output %q: name a file that ends in .tar.gz or .zip", output)
	}
	var key ed25519.PrivateKey
	if keyFile != "" {
		var err error
		if key, err = readKey[ed25519.PrivateKey](keyFile, "PRIVATE KEY", x509.ParsePKCS8PrivateKey); err != nil {
			return err
		}
	}
	temp, err := os.CreateTemp(filepath.Dir(output), ".bundle-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", output, err)
	}
	defer os.Remove(temp.Name()) // does nothing once it is renamed
	defer temp.Close()
	buffered := bufio.NewWriterSize(temp, 1<<20)
	if err := m.Bundle(ctx, buffered, format, key); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", output, err)
	}
	if err := temp.Chmod(0o644); err != nil {
		return fmt.Errorf("write %s: %w", output, err)
	}
	if err := temp.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", output, err)
	}
	return os.Rename(temp.Name(), output)
}

// readKey reads an Ed25519 key out of a PEM file, as openssl writes it.
func readKey[K any](file, kind string, parse func([]byte) (any, error)) (K, error) {
	var none K
	data, err := os.ReadFile(file)
	if err != nil {
		return none, fmt.Errorf("read key: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != kind {
		return none, label.Errorf(label.ErrUsage, "read key %s: want a PEM file with a %s, as `openssl genpkey -algorithm ed25519` "+
			"and `openssl pkey -pubout` write them", file, kind)
	}
	parsed, err := parse(block.Bytes)
	if err != nil {
		return none, label.Errorf(label.ErrUsage, "read key %s: %w", file, err)
	}
	key, ok := parsed.(K)
	if !ok {
		return none, label.Errorf(label.ErrUsage, "read key %s: it is no Ed25519 key", file)
	}
	return key, nil
}

// importModel takes a directory or a bundle into the user's registry, where it becomes the current version of its name, or
// into a project, where nothing is in use before it is promoted.
func importModel(ctx context.Context, source, name, project, trust string, stderr io.Writer) (*models.Model, error) {
	to := registry()
	if project != "" {
		f := projectFlags{dir: project}
		s, err := f.open(ctx) // the folder has to be a project
		if err != nil {
			return nil, err
		}
		s.Close()
		to = ownModels(project)
	}
	info, err := os.Stat(source)
	switch {
	case err == nil && info.Mode().IsRegular():
		return importBundle(ctx, to, source, name, trust, project == "", stderr)
	case trust != "":
		return nil, label.Errorf(label.ErrUsage, "models import --trust: only a bundle can be signed, and %s is none", source)
	case project != "":
		return to.Add(ctx, source, name)
	}
	return to.Import(ctx, source, name)
}

func importBundle(ctx context.Context, to models.Registry, source, name, trust string, current bool, stderr io.Writer) (*models.Model, error) {
	var key ed25519.PublicKey
	if trust != "" {
		var err error
		if key, err = readKey[ed25519.PublicKey](trust, "PUBLIC KEY", x509.ParsePKIXPublicKey); err != nil {
			return nil, err
		}
		fmt.Fprintf(stderr, "the signature of %s is checked against %s\n", source, trust)
	}
	m, err := to.AddBundle(ctx, source, name, key)
	if err != nil || !current {
		return m, err
	}
	return to.Promote(m.Manifest.Name, m.Manifest.Version)
}
