package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/internal/dataset"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// importFlags are the flags of the verb import.
type importFlags struct {
	projectFlags
	options dataset.ImportOptions
	split   string
	by      string
	bare    bool
	grow    bool
}

func importCommand() *cobra.Command {
	f := &importFlags{}
	c := &cobra.Command{
		Use:   "import FILE...",
		Short: "Bring items, and the labels that they have already, into a project",
		Long: `Bring items into a project, and the labels that they have already. The same content is kept once, however often it
comes; the same command can be given again after it was cut off.`,
		Example: `  labelloop import --project tickets mails.csv
  labelloop import --project tickets --split eval --add-labels checked.jsonl
  labelloop import --project tickets --format label-studio export.json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, inputs []string) error {
			return f.with(c.Context(), func(s *sqlite.Store) error { return f.run(c.Context(), s, inputs, c.OutOrStdout(), c.ErrOrStderr()) })
		},
	}
	f.bind(c)
	flags := c.Flags()
	flags.StringVar(&f.options.Format, "format", "", strings.Join(dataset.ImportFormats(), ", ")+" (default: by content and file name)")
	flags.StringVarP(&f.options.Columns.Text, "column", "c", "", "column or field that holds the text, or the picture's path")
	flags.StringVar(&f.options.Columns.Pair, "pair-column", "", "column with the second text of a pair")
	flags.StringVar(&f.options.Columns.ID, "id-column", "", "column with the item's id")
	flags.StringVar(&f.options.Columns.Label, "label-column", "", "column with the known label")
	flags.StringVar(&f.options.Columns.Root, "image-root", "", "folder that a table's paths of pictures are relative to (default: the table's own)")
	flags.StringVar(&f.split, "split", string(label.Pool), "what the items are for: pool, eval or audit")
	flags.StringVar(&f.by, "annotator", person(), "who gave the labels that the source names nobody for")
	flags.BoolVar(&f.bare, "no-labels", false, "leave the source's labels aside: no annotations, but a column "+asideColumn+" that loop --oracle can read")
	flags.BoolVar(&f.grow, "add-labels", false, "add labels that the label set lacks")
	return c
}

func (f *importFlags) run(ctx context.Context, s *sqlite.Store, inputs []string, stdout, stderr io.Writer) error {
	project := s.Project()
	split := label.Split(f.split)
	if split != label.Pool && split != label.Eval && split != label.Audit {
		return label.Errorf(label.ErrUsage, "--split %s: want pool, eval or audit", f.split)
	}
	f.options.Columns.Images = project.Task == label.ImageClassification
	f.options.Columns.MultiLabel = project.MultiLabel
	reader, err := dataset.Import(inputs, f.options)
	if err != nil {
		return err
	}
	defer reader.Close()
	var total label.ImportReport
	said := 0
	for {
		records, err := reader.Next(ctx, sqlite.ImportBatch)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		n, report, err := f.put(ctx, s, records, split)
		if err != nil {
			return fmt.Errorf("%w (%s items are in; the same command goes on)", err, thousands(total.Added))
		}
		said += n
		total.Add(report)
	}
	return f.tell(stdout, stderr, total, said)
}

// put brings one batch in.
func (f *importFlags) put(ctx context.Context, s *sqlite.Store, records []dataset.Record, split label.Split) (taken int, report label.ImportReport, err error) {
	items := make([]label.Item, len(records))
	for i, r := range records {
		items[i] = r.Item
		if r.Item.Image != "" && r.Item.Err == nil {
			items[i].Image, items[i].Err = f.place(r.Item)
		}
		if len(r.Annotations) > 0 { // the label is theirs
			items[i].Gold = nil
		}
	}
	by := f.by
	if f.bare {
		by = ""
		for i, r := range records {
			setAside(&items[i], r.Annotations)
		}
	}
	if f.grow && !f.bare {
		if err := f.addLabels(ctx, s, records); err != nil {
			return 0, report, err
		}
	}
	report, numbers, err := s.Import(ctx, items, split, by)
	if err != nil || f.bare {
		return 0, report, err
	}
	said := []label.Annotation{}
	var places []label.Place
	for i, r := range records {
		if numbers[i] == 0 {
			continue
		}
		for k, a := range r.Annotations {
			a.Item = numbers[i]
			if a.Annotator == "" {
				a.Annotator = f.by
			}
			if a.Key == "" {
				a.Key = fmt.Sprintf("import/%d/%s/%d", a.Item, a.Annotator, k)
			}
			said, places = append(said, a), append(places, r.Item.Place)
		}
	}
	refused, err := s.AnnotateAll(ctx, said)
	for i, why := range refused {
		if why == nil {
			taken++
		} else {
			report.Failed = append(report.Failed, places[i].Errorf("%w", why))
		}
	}
	return taken, report, err
}

// place names a picture as the project keeps it: relative to the project's folder where it lies below, else in full.
func (f *importFlags) place(it label.Item) (string, error) {
	path := it.Image
	if _, err := os.Stat(path); err != nil {
		return "", it.Place.Errorf("%w; an archive has to be unpacked before its pictures are imported", err)
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	home, err := filepath.Abs(f.dir)
	if err != nil {
		return "", err
	}
	if name, err := filepath.Rel(home, full); err == nil && filepath.IsLocal(name) {
		return name, nil
	}
	return full, nil
}

// addLabels adds the labels of a batch that the set lacks, in the order in which they come.
func (f *importFlags) addLabels(ctx context.Context, s *sqlite.Store, records []dataset.Record) error {
	set, err := s.LabelSet(ctx, 0)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, name := range set.Names() {
		known[name] = true
	}
	var fresh []string
	add := func(names []string) {
		for _, name := range names {
			if !known[name] {
				known[name] = true
				fresh = append(fresh, name)
			}
		}
	}
	for _, r := range records {
		add(r.Item.Gold)
		for _, a := range r.Annotations {
			add(a.Labels)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	_, err = s.AddLabels(ctx, f.by, fresh...)
	return err
}

// tell reports what became of the items; the first few problems in full.
func (f *importFlags) tell(stdout, stderr io.Writer, r label.ImportReport, said int) error {
	const most = 10
	if f.json {
		err := json.NewEncoder(stdout).Encode(map[string]any{"added": r.Added, "known": r.Known, "duplicates": len(r.Duplicates),
			"labelled": r.Labelled, "annotations": said, "failed": len(r.Failed)})
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(stderr, "%s items added, %s there already, %s duplicates, %s labels taken\n", thousands(r.Added), thousands(r.Known),
		thousands(len(r.Duplicates)), thousands(r.Labelled+said))
	for i, d := range r.Duplicates {
		if i == most {
			fmt.Fprintf(stderr, "  and %s more duplicates\n", thousands(len(r.Duplicates)-most))
			break
		}
		fmt.Fprintf(stderr, "  %s is the same as %s\n", d.Again, d.First)
	}
	for i, err := range r.Failed {
		if i == most {
			fmt.Fprintf(stderr, "  and %s more\n", thousands(len(r.Failed)-most))
			break
		}
		fmt.Fprintf(stderr, "  %v\n", err)
	}
	if len(r.Failed) > 0 {
		return label.Errorf(label.ErrItems, "%s items were not imported", thousands(len(r.Failed)))
	}
	return nil
}

// asideColumn is the column that labels are kept in which are no annotations.
const asideColumn = "known_label"

// setAside keeps the first labels that a source gives as a column of the item.
func setAside(it *label.Item, given []label.Annotation) {
	labels := it.Gold
	for _, a := range given {
		if labels == nil && a.Verdict.GivesLabels() {
			labels = a.Labels
		}
	}
	if labels == nil {
		return
	}
	meta := maps.Clone(it.Meta)
	if meta == nil {
		meta = map[string]any{}
	}
	if meta[asideColumn] = labels; len(labels) == 1 {
		meta[asideColumn] = labels[0]
	}
	it.Meta = meta
}
