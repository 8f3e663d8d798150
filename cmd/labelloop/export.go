package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/activelearn/acceptance"
	"github.com/labelloop/labelloop/internal/dataset"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// exportFlags are the flags of the verb export.
type exportFlags struct {
	projectFlags
	boundFlags
	options  dataset.ExportOptions
	output   string
	split    string
	all      bool
	queue    bool
	accepted bool
}

func exportCommand() *cobra.Command {
	f := &exportFlags{}
	c := &cobra.Command{
		Use:   "export --output FILE",
		Short: "Take labels out of a project",
		Long: `Take the labels that people gave out of a project, with who gave them. With --accepted also the model's labels that can be
accepted with a stated bound; each of these carries the bound and the audit that it rests on.`,
		Example: `  labelloop export --project tickets --output labels.jsonl
  labelloop export --project tickets --accepted --epsilon 0.02 --output all.parquet
  labelloop export --project tickets --format label-studio --output tasks.json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.with(c.Context(), func(s *sqlite.Store) error { return f.run(c.Context(), s, c.OutOrStdout(), c.ErrOrStderr()) })
		},
	}
	f.projectFlags.bind(c)
	f.boundFlags.bind(c)
	flags := c.Flags()
	flags.StringVarP(&f.output, "output", "o", "", "file to write to")
	flags.StringVar(&f.options.Format, "format", "", strings.Join(dataset.ExportFormats(), ", ")+" (default: by file name)")
	flags.StringVar(&f.split, "split", "", "only the items of pool, eval or audit")
	flags.BoolVar(&f.all, "all", false, "items without a label, too")
	flags.BoolVar(&f.queue, "queue", false, "the items of the review queue, to be labelled elsewhere and imported again")
	flags.BoolVar(&f.accepted, "accepted", false, "labels of the model that can be accepted, too")
	flags.BoolVar(&f.options.Overwrite, "overwrite", false, "replace an output that is there")
	flags.BoolVar(&f.options.Lossy, "lossy", false, "leave out what the format has no place for")
	flags.StringVar(&f.options.Columns.Root, "image-root", "", "folder that pictures are named from (default: the output's own)")
	return c
}

// provenance is what an exported label of a model rests on.
type provenance struct {
	Route      label.Route          `json:"route"`
	Model      string               `json:"model"`
	Confidence float64              `json:"confidence"`
	Audit      acceptance.Threshold `json:"audit"`
}

func (f *exportFlags) run(ctx context.Context, s *sqlite.Store, stdout, stderr io.Writer) error {
	if f.output == "" {
		return label.Errorf(label.ErrUsage, "--output is missing: name the file to write")
	}
	project := s.Project()
	f.options.Columns.Images = project.Task == label.ImageClassification
	f.options.Columns.MultiLabel = project.MultiLabel
	var a *audit
	var t acceptance.Threshold
	if f.accepted {
		m, err := currentModel(ctx, s, f.model)
		if err != nil {
			return err
		}
		if a, err = openPool(ctx, s, m); err != nil {
			return err
		}
		if t, _, err = f.threshold(ctx, s, a); err != nil {
			return err
		}
	}
	set, err := s.LabelSet(ctx, 0)
	if err != nil {
		return err
	}
	named := make(map[int64]string, len(set.Labels))
	for _, l := range set.Labels {
		named[l.ID] = l.Name
	}
	w, err := dataset.Export(f.output, f.options)
	if err != nil {
		return err
	}
	defer w.Close()
	var queued []int64
	if f.queue {
		if queued, err = s.Queued(ctx); err != nil {
			return err
		}
	}
	people, machine, bare := 0, 0, 0
	filter := sqlite.Filter{Split: label.Split(f.split), State: label.AnyState}
	for r, err := range s.Items(ctx, filter) {
		if err != nil {
			return err
		}
		record, err := f.record(ctx, s, r)
		if err != nil {
			return err
		}
		_, waiting := slices.BinarySearch(queued, r.Item.Number)
		switch given, confidence, ok := a.acceptable(r.Item.Number, t); {
		case f.queue && !waiting:
			continue
		case r.State == label.Labelled:
			people++
		case ok && r.State == label.Unlabelled:
			machine++
			record.Item.Gold = []string{}
			for _, id := range given {
				record.Item.Gold = append(record.Item.Gold, named[id])
			}
			if record.Item.Meta, err = with(record.Item.Meta, provenance{label.Accept, a.model.String(), confidence, t}); err != nil {
				return err
			}
		case !f.all && !waiting && len(record.Annotations) == 0:
			continue
		default:
			bare++
		}
		if err := w.Put(ctx, []dataset.Record{record}); err != nil {
			return fmt.Errorf("export item %d: %w", r.Item.Number, err)
		}
	}
	if err := w.Finish(); err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(stdout).Encode(map[string]any{"people": people, "accepted": machine, "unlabelled": bare, "output": f.output})
	}
	fmt.Fprintf(stderr, "%s: %s labels by people, %s accepted from the model, %s items without a label\n", f.output, thousands(people), thousands(machine), thousands(bare))
	return nil
}

// record is an item with its labels and what still holds of what people said.
func (f *exportFlags) record(ctx context.Context, s *sqlite.Store, r label.Record) (dataset.Record, error) {
	record := dataset.Record{Item: r.Item}
	if record.Item.Image != "" && !filepath.IsAbs(record.Item.Image) {
		record.Item.Image = filepath.Join(f.dir, record.Item.Image)
	}
	record.Item.Gold = r.Labels
	if r.State == label.Unlabelled {
		return record, nil
	}
	said, err := s.AnnotationsOf(ctx, r.Item.Number)
	if err != nil {
		return record, err
	}
	undone := map[int64]bool{}
	for _, a := range said {
		undone[a.Undoes] = true
	}
	for _, a := range said {
		if a.Verdict != label.Undone && !undone[a.ID] {
			record.Annotations = append(record.Annotations, a)
		}
	}
	return record, nil
}

// acceptable gives the model's labels of an item, and its confidence, where they can stand unseen.
func (a *audit) acceptable(item int64, t acceptance.Threshold) (labels []int64, confidence float64, ok bool) {
	if a == nil {
		return nil, 0, false
	}
	labels, confidence, ok = a.decide(item)
	return labels, confidence, ok && t.Accepts(confidence)
}

// acceptables counts the unlabelled items of the pool whose label can stand unseen.
func (a *audit) acceptables(ctx context.Context, s *sqlite.Store, t acceptance.Threshold) (int, error) {
	n := 0
	for _, confidence := range a.pool {
		if t.Accepts(confidence) {
			n++
		}
	}
	for _, state := range []label.State{label.Labelled, label.Stale, label.StateRejected, label.StateSkipped, label.StateFlagged} {
		items, err := s.Numbers(ctx, label.Pool, state)
		if err != nil {
			return 0, err
		}
		said, err := s.Predictions(ctx, a.model, items)
		if err != nil {
			return 0, err
		}
		for _, p := range said {
			if _, confidence := p.Top(a.project.MultiLabel); p.Probs != nil && t.Accepts(float64(confidence)) {
				n--
			}
		}
	}
	return n, nil
}

// with adds what a label rests on to an item's metadata, under the name that is ours.
func with(meta map[string]any, p provenance) (map[string]any, error) {
	data, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return nil, err
	}
	out := map[string]any{"accepted": value}
	for k, v := range meta {
		if k != "accepted" {
			out[k] = v
		}
	}
	return out, nil
}
