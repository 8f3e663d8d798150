package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
	"github.com/labelloop/labelloop/models"
	"github.com/labelloop/labelloop/models/gate"
)

// pruneFlags are the flags of the verb models prune.
type pruneFlags struct {
	projectFlags
	keep int
	dry  bool
}

// keptBefore is how many models that were in use before stay for rollback, where nobody says another number.
const keptBefore = 3

func modelsPruneCommand() *cobra.Command {
	f := &pruneFlags{}
	c := &cobra.Command{
		Use:   "prune",
		Short: "Remove a project's models that nothing needs: refused, rolled back, or replaced long ago",
		Long: `Remove those of a project's models that were judged and refused, that were rolled back, or that were in use before the last few
(--keep). The model in use stays, and so do the last one that was refused, models that were not judged yet, and models that
others were trained from or that embedded the project's items. What became of the others stays on record.`,
		Example: `  labelloop models prune --project tickets --dry-run`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.with(c.Context(), func(s *sqlite.Store) error { return f.run(c.Context(), s, c.OutOrStdout(), c.ErrOrStderr()) })
		},
	}
	f.bind(c)
	c.Flags().IntVar(&f.keep, "keep", keptBefore, "models that were in use before to keep for rollback")
	c.Flags().BoolVar(&f.dry, "dry-run", false, "tell what would be removed, and remove nothing")
	return c
}

// pruned is a model that was removed from a project, or may be; kept as an event.
type pruned struct {
	Model string `json:"model"`
	Bytes int64  `json:"bytes"` // of its files
	Why   string `json:"why"`
	own   *models.Model
}

// pruneEvent is the kind of the events that removals are kept as.
const pruneEvent = "prune"

func (f *pruneFlags) run(ctx context.Context, s *sqlite.Store, stdout, stderr io.Writer) error {
	if f.keep < 0 {
		return label.Errorf(label.ErrUsage, "models prune --keep %d: want 0 or more", f.keep)
	}
	list, err := needless(ctx, s, f.keep)
	if err != nil {
		return err
	}
	bytes := int64(0)
	for _, p := range list {
		bytes += p.Bytes
	}
	said := "removed"
	if f.dry {
		said = "would remove"
	} else if err := prune(ctx, s, list); err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(stdout).Encode(map[string]any{"models": append([]pruned{}, list...), "bytes": bytes, "dry_run": f.dry})
	}
	table := tabwriter.NewWriter(stdout, 0, 8, 2, ' ', 0)
	for _, p := range list {
		fmt.Fprintf(table, "%s\t%.1f MB\t%s\n", p.Model, float64(p.Bytes)/1e6, p.Why)
	}
	fmt.Fprintf(stderr, "%s %s models, %.1f MB\n", said, thousands(len(list)), float64(bytes)/1e6)
	return table.Flush()
}

// prune puts on record why models go, and removes them. One that came into use meanwhile stays, which is an error.
func prune(ctx context.Context, s *sqlite.Store, list []pruned) error {
	for _, p := range list {
		if err := s.Log(ctx, pruneEvent, person(), p); err != nil {
			return err
		}
		if err := ownModels(s.Dir()).Remove(p.own.Manifest.Name, p.own.Manifest.Version); err != nil {
			return err
		}
	}
	return nil
}

// needless gives a project's own models that nothing needs, and why: those that the gate refused, but for the last one;
// those that were rolled back; and those in use before the last keep ones before the present one.
func needless(ctx context.Context, s *sqlite.Store, keep int) ([]pruned, error) {
	why, err := refused(ctx, s)
	if err != nil {
		return nil, err
	}
	all, err := happened(ctx, s)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		why[p.String()] = "it was in use, and rolled back"
	}
	stack, err := inForce(ctx, s)
	if err != nil {
		return nil, err
	}
	for i, p := range stack {
		if why[p.String()] = ""; i < len(stack)-1-keep {
			why[p.String()] = fmt.Sprintf("it was in use, and %s models came into use after it", thousands(len(stack)-1-i))
		}
	}
	counts, err := s.Counts(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range counts.Encoders {
		why[encoderModel(e.Encoder)] = ""
	}
	own, _ := ownModels(s.Dir()).List() // what can't be opened is left as it is
	named := map[string]*models.Model{}
	for _, m := range own {
		if named[m.String()] = m; isCurrent(m, s.Dir()) {
			why[m.String()] = ""
		}
	}
	for _, m := range own {
		for m != nil && why[m.String()] == "" { // what it was trained from stays with it
			why[m.Manifest.Parent] = ""
			m = named[m.Manifest.Parent]
		}
	}
	var list []pruned
	for _, m := range own {
		if why[m.String()] == "" {
			continue
		}
		p := pruned{Model: m.String(), Why: why[m.String()], own: m}
		for _, f := range m.Manifest.Files {
			p.Bytes += f.Size
		}
		list = append(list, p)
	}
	return list, nil
}

// isCurrent tells whether a model is the one that its name alone means.
func isCurrent(m *models.Model, project string) bool {
	now, err := ownModels(project).Promoted(m.Manifest.Name)
	return err == nil && now.Manifest.Version == m.Manifest.Version
}

// refused gives the models that the gate refused when they were judged last, with what it said, but for the one that it
// refused last: somebody may want that one nonetheless.
func refused(ctx context.Context, s *sqlite.Store) (map[string]string, error) {
	verdicts, err := recorded[gate.Verdict](ctx, s, verdictEvent)
	if err != nil {
		return nil, err
	}
	why := map[string]string{}
	last := ""
	for _, v := range verdicts {
		if why[v.Candidate] = ""; !v.Promote {
			why[v.Candidate], last = v.Sentence, v.Candidate
		}
	}
	why[last] = ""
	return why, nil
}

// findModel finds a model by name, and tells of one that was removed from the project what became of it.
func findModel(ctx context.Context, s *sqlite.Store, r models.Registry, name string) (*models.Model, error) {
	m, err := r.Find(name)
	if !errors.Is(err, models.ErrNotFound) {
		return m, err
	}
	removed, readErr := recorded[pruned](ctx, s, pruneEvent)
	if readErr != nil {
		return nil, readErr
	}
	for _, p := range slices.Backward(removed) {
		if strings.Contains(name, "@") && strings.HasPrefix(p.Model, name) {
			return nil, label.Errorf(label.ErrNotFound, "model %s was removed from the project to save space (%s); train or import it again", p.Model, p.Why)
		}
	}
	return nil, err
}
