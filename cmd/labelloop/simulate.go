package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/activelearn"
	"github.com/labelloop/labelloop/activelearn/simulation"
	"github.com/labelloop/labelloop/internal/dataset"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/pipeline"
	"github.com/labelloop/labelloop/internal/report"
)

// simulateFlags are the flags of the verb simulate.
type simulateFlags struct {
	modelFlags
	columns    dataset.Columns
	data, test []string
	strategies []string
	start      string
	rounds     int
	perRound   int
	seeds      int
	seed       uint64
	few        []string
	output     string
}

func simulateCommand() *cobra.Command {
	f := &simulateFlags{}
	c := &cobra.Command{
		Use:   "simulate --data FILE --model MODEL --output DIR",
		Short: "Replay active learning on labelled data: learning curves of query strategies beside random",
		Long: `Replay active learning on data whose labels are known. The items are embedded once; in each round a strategy asks for a batch,
the known labels answer, and a linear head is fitted and tried on held-out items. Writes DIR/report.html, curves.svg, curves.md and
curves.csv.`,
		Example: `  labelloop simulate --data train.csv --test test.csv --model minilm --strategies breaking-ties,hybrid --output curves`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f.bindModel(c)
	flags := c.Flags()
	flags.StringSliceVar(&f.data, "data", nil, "labelled data to ask about")
	flags.StringSliceVar(&f.test, "test", nil, "labelled data to try the head on (default: a fifth of --data)")
	flags.StringVarP(&f.columns.Text, "column", "c", "", "column or field that holds the text, or the picture's path")
	flags.StringVar(&f.columns.Label, "label-column", "", "column with the known label")
	flags.StringSliceVar(&f.strategies, "strategies", []string{"breaking-ties", "hybrid"}, "query strategies; random is always among them")
	flags.StringVar(&f.start, "start", "typi-clust", "strategy that picks the first batch, the same for all")
	flags.IntVar(&f.rounds, "rounds", 10, "rounds of each run")
	flags.IntVarP(&f.perRound, "batch", "n", 100, "items that are asked for in a round")
	flags.BoolVar(&f.multiLabel, "multi-label", false, "an item may have several labels, or none")
	flags.IntVar(&f.seeds, "seeds", 5, "runs of each strategy")
	flags.Uint64Var(&f.seed, "seed", 1, "of the first run with --per-class; the others count on from it")
	flags.StringSliceVar(&f.few, "per-class", nil, "instead: train the head of `labelloop train` on so many labels of each class (1,8,64,all), drawn at random")
	flags.StringVarP(&f.output, "output", "o", "", "folder to write to")
	return c
}

func (f *simulateFlags) run(ctx context.Context, stdout, stderr io.Writer) error {
	options, err := f.options()
	if err != nil {
		return err
	}
	model, err := f.find()
	if err != nil {
		return err
	}
	f.columns.Images, f.columns.MultiLabel = model.Manifest.ReadsImages(), f.multiLabel
	f.task = taskEmbed
	if model.Manifest.ReadsImages() {
		f.task = taskImageEmbed
	}
	e, err := f.open(ctx, model, stderr)
	if err != nil {
		return err
	}
	defer e.Close()
	classes := map[string]int{}
	var data simulation.Data
	data.Multi = f.multiLabel
	if data.Pool, data.PoolLabels, err = f.embed(ctx, e, f.data, classes, stderr); err != nil {
		return err
	}
	if f.test != nil {
		data.Test, data.TestLabels, err = f.embed(ctx, e, f.test, classes, stderr)
	} else {
		data = holdOut(data)
	}
	if err != nil {
		return err
	}
	data.Classes = len(classes)
	if f.few != nil {
		names, err := f.labelCenters(ctx, model, classNames(classes), stderr)
		if err != nil {
			return err
		}
		return f.fewShot(ctx, data, names, stdout, stderr)
	}
	told := time.Now()
	options.Progress = func(done, all int) {
		if time.Since(told) >= meterEvery || done == all {
			told = time.Now()
			fmt.Fprintf(stderr, "%d of %d rounds\n", done, all)
		}
	}
	curves, err := simulation.Run(ctx, data, options)
	if err != nil {
		return err
	}
	if err := f.write(curves, len(data.PoolLabels), len(data.TestLabels), len(classes), model.String()); err != nil {
		return err
	}
	fmt.Fprint(stdout, shown(curves, f.seeds).Markdown())
	fmt.Fprintf(stderr, "plots and tables are in %s\n", f.output)
	return nil
}

// options reads what is to be compared.
func (f *simulateFlags) options() (simulation.Options, error) {
	o := simulation.Options{Rounds: f.rounds, Batch: f.perRound, Seeds: f.seeds}
	if f.data == nil || f.output == "" && f.few == nil {
		return o, label.Errorf(label.ErrUsage, "simulate: --data and --output are needed")
	}
	names := f.strategies
	if !slices.Contains(names, "random") {
		names = append([]string{"random"}, names...)
	}
	for _, name := range names {
		s, err := activelearn.Named(name)
		if err != nil {
			return o, label.Errorf(label.ErrUsage, "--strategies: %w", err)
		}
		if h, ok := s.(activelearn.Hybrid); ok {
			h.Multi = f.multiLabel
			s = h
		}
		o.Contenders = append(o.Contenders, simulation.Contender{Name: name, Strategy: s})
		if strings.HasSuffix(name, "bald") || strings.HasSuffix(name, "vote-entropy") {
			o.Committee = 5
		}
	}
	var err error
	if o.Start, err = activelearn.Named(f.start); err != nil {
		return o, label.Errorf(label.ErrUsage, "--start: %w", err)
	}
	return o, nil
}

// embed reads labelled items and embeds them. Labels that are new get the next class.
func (f *simulateFlags) embed(ctx context.Context, e *engine, inputs []string, classes map[string]int, stderr io.Writer) (x activelearn.Matrix, labels [][]int, err error) {
	reader, err := dataset.Import(inputs, dataset.ImportOptions{Columns: f.columns})
	if err != nil {
		return x, nil, err
	}
	defer reader.Close()
	sink := &goldSink{classes: classes, multi: f.multiLabel}
	bar := newMeter(stderr, reader.Progress)
	_, err = pipeline.Job{
		Source: recordSource{reader}, Sink: sink, Task: e.task, Session: e.session, Decide: func(label.Prediction) label.Route { return label.Accept },
		Model: e.model.String(), Workers: e.Workers, Budget: e.Budget, Window: e.window, Progress: bar.show,
	}.Run(ctx)
	bar.close()
	if err == nil && len(sink.labels) == 0 {
		err = label.Errorf(label.ErrUsage, "%s holds no item with a known label; name the column by --label-column", strings.Join(inputs, ", "))
	}
	if err != nil {
		return x, nil, err
	}
	return activelearn.Matrix{Rows: len(sink.labels), Cols: len(sink.vectors) / len(sink.labels), Data: sink.vectors}, sink.labels, nil
}

// recordSource gives the items of labelled data.
type recordSource struct{ *dataset.Reader }

func (s recordSource) Next(ctx context.Context, n int) ([]label.Item, error) {
	records, err := s.Reader.Next(ctx, n)
	items := make([]label.Item, len(records))
	for i, r := range records {
		items[i] = r.Item
		for _, a := range r.Annotations {
			if items[i].Gold == nil && a.Verdict.GivesLabels() {
				items[i].Gold = a.Labels
			}
		}
	}
	return items, err
}

// goldSink keeps the embeddings of items whose label is known, in memory.
type goldSink struct {
	classes map[string]int
	multi   bool
	vectors []float32
	labels  [][]int
}

func (s *goldSink) Done() int      { return 0 }
func (s *goldSink) Keep(int) error { return nil }

func (s *goldSink) Put(_ context.Context, results []label.Result) error {
	for _, r := range results {
		if r.Err != nil {
			return r.Err
		}
		if r.Item.Gold == nil || !s.multi && len(r.Item.Gold) != 1 {
			continue
		}
		row := []int{}
		for _, name := range r.Item.Gold {
			class, known := s.classes[name]
			if !known {
				class = len(s.classes)
				s.classes[name] = class
			}
			row = append(row, class)
		}
		s.vectors = append(s.vectors, r.Prediction.Embedding...)
		s.labels = append(s.labels, row)
	}
	return nil
}

// holdOut sets a random fifth of the pool aside to try the head on.
func holdOut(data simulation.Data) simulation.Data {
	order := rand.New(rand.NewPCG(1, 5)).Perm(data.Pool.Rows)
	part := func(rows []int) (activelearn.Matrix, [][]int) {
		slices.Sort(rows)
		labels := make([][]int, len(rows))
		for i, row := range rows {
			labels[i] = data.PoolLabels[row]
		}
		return data.Pool.Gather(rows), labels
	}
	fifth := len(order) / 5
	data.Test, data.TestLabels = part(order[:fifth])
	data.Pool, data.PoolLabels = part(order[fifth:])
	return data
}

// shown gives curves in the form of the report.
func shown(curves simulation.Curves, seeds int) report.LearningCurves {
	l := report.LearningCurves{Title: "Learning curves", Metric: curves.Metric, Seeds: seeds, Level: 0.95, Reference: "random"}
	for _, c := range curves.Curves {
		curve := report.Curve{Name: c.Name}
		for _, p := range c.Points {
			curve.Points = append(curve.Points, report.CurvePoint{Labels: p.Labels, Value: p.Mean, Low: p.Low, High: p.High})
		}
		l.Curves = append(l.Curves, curve)
	}
	return l
}

// write makes the files of the output folder.
func (f *simulateFlags) write(curves simulation.Curves, pool, test, classes int, model string) error {
	if err := os.MkdirAll(f.output, 0o777); err != nil {
		return err
	}
	l := shown(curves, f.seeds)
	page := report.Page{
		Title:    "Simulation of active learning",
		Subtitle: fmt.Sprintf("%s; embeddings by %s; linear head; first batch by %s", strings.Join(f.data, ", "), model, f.start),
		Made:     time.Now(),
		Facts: []report.Fact{{Name: "pool", Value: thousands(pool)}, {Name: "held out", Value: thousands(test)},
			{Name: "labels", Value: thousands(classes)}, {Name: "runs", Value: thousands(f.seeds)}},
		Sections: []report.Section{l},
	}
	file := func(name string, write func(io.Writer) error) error {
		out, err := os.Create(filepath.Join(f.output, name))
		if err != nil {
			return err
		}
		return errors.Join(write(out), out.Close())
	}
	return errors.Join(
		file("report.html", page.Write),
		file("curves.svg", func(w io.Writer) error { return report.SVG(w, l) }),
		file("curves.md", func(w io.Writer) error { _, err := io.WriteString(w, l.Markdown()); return err }),
		file("curves.csv", func(w io.Writer) error {
			_, err := fmt.Fprintln(w, "strategy,labels,seed,"+strings.ReplaceAll(curves.Metric, " ", "_"))
			for _, c := range curves.Curves {
				for _, p := range c.Points {
					for seed, score := range p.Scores {
						if _, e := fmt.Fprintf(w, "%s,%d,%d,%.6f\n", c.Name, p.Labels, seed, score); err == nil {
							err = e
						}
					}
				}
			}
			return err
		}),
	)
}
