package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// projectFlags are the flags that every verb which works on a project has.
type projectFlags struct {
	dir  string
	json bool
}

func (f *projectFlags) bind(c *cobra.Command) {
	c.Flags().StringVarP(&f.dir, "project", "p", ".", "folder of the project")
	c.Flags().BoolVar(&f.json, "json", false, "write the summary as JSON")
}

func (f *projectFlags) open(ctx context.Context) (*sqlite.Store, error) {
	return sqlite.Open(ctx, f.dir)
}

// with opens the project for work and closes it.
func (f *projectFlags) with(ctx context.Context, work func(*sqlite.Store) error) error {
	store, err := f.open(ctx)
	if err != nil {
		return err
	}
	err = work(store)
	if closeErr := store.Close(); err == nil {
		err = closeErr
	}
	return err
}

// person is who labels where nobody else is named: the user of this machine. The environment says so; the system's own
// table of users would be asked through a socket.
func person() string {
	return cmp.Or(os.Getenv("USER"), os.Getenv("LOGNAME"), "me")
}

// recorded reads what was kept as events of a kind, the oldest first.
func recorded[T any](ctx context.Context, s *sqlite.Store, kind string) ([]T, error) {
	var list []T
	last := int64(0)
	for {
		events, err := s.Events(ctx, last, 1000)
		if err != nil || len(events) == 0 {
			return list, err
		}
		for _, e := range events {
			if last = e.ID; e.Kind != kind {
				continue
			}
			var value T
			if err := json.Unmarshal(e.Data, &value); err != nil {
				return nil, fmt.Errorf("read event %d, %s: %w", e.ID, kind, err)
			}
			list = append(list, value)
		}
	}
}

// currentModel finds the model version that a project's verbs go by: the one named, else the one in use, if it has predicted,
// else the one registered last.
func currentModel(ctx context.Context, s *sqlite.Store, name string) (label.Model, error) {
	list, err := s.Models(ctx)
	if err != nil {
		return label.Model{}, err
	}
	if name == "" {
		now, err := promoted(ctx, s)
		if err != nil && !errors.Is(err, label.ErrNotFound) {
			return label.Model{}, err
		}
		for _, m := range slices.Backward(list) {
			if now != nil && m.Name == now.Manifest.Name && strings.HasPrefix(m.Version, now.Manifest.Version) {
				return m, nil
			}
		}
	}
	for i := len(list) - 1; i >= 0; i-- {
		if m := list[i]; name == "" || name == m.Name || name == m.String() {
			return m, nil
		}
	}
	if name == "" {
		return label.Model{}, label.Errorf(label.ErrNotFound, "project %s has no predictions yet; make them with `labelloop predict --model M`", s.Dir())
	}
	return label.Model{}, label.Errorf(label.ErrNotFound, "project %s has no predictions of model %s; make them with `labelloop predict --model %s`", s.Dir(), name, name)
}
