package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/internal/dataset"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/pipeline"
)

// labelFlags are the flags of the verb label.
type labelFlags struct {
	modelFlags
	timingFlags
	columns              dataset.Columns
	format, outputFormat string
	output               string
	resume, overwrite    bool
	routeFlags
	json bool
}

func labelCommand() *cobra.Command {
	f := &labelFlags{}
	c := &cobra.Command{
		Use:   "label --model MODEL INPUT...",
		Short: "Label texts (CSV, TSV, JSONL, TXT, Parquet; - is standard input) or pictures (files, folders, zip, tar)",
		Example: `  labelloop label --model minilm-clinc150 queries.csv --output labels.jsonl
  labelloop label --model minilm --labels "refund,card lost,other" --column body mails.parquet --output labels.csv
  cat texts.txt | labelloop label --model ./my-export -
  labelloop label --model conse-lite0 --task image-zero-shot --labels cat,dog,boat photos/ --output labels.csv`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, inputs []string) error {
			return f.run(c.Context(), inputs, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f.modelFlags.bind(c)
	f.timingFlags.bind(c)
	flags := c.Flags()
	flags.StringVarP(&f.columns.Text, "column", "c", "", "column or field that holds the text, or the picture's path (default: text, sentence, ...; image, path, ...)")
	flags.StringVar(&f.columns.Root, "image-root", "", "folder that a table's paths of pictures are relative to (default: the table's own)")
	flags.BoolVar(&f.explain, "explain", false, "add the classes that a picture's embedding was mixed from (ConSE models; JSONL)")
	flags.StringVar(&f.columns.Pair, "pair-column", "", "column with the second text of a pair")
	flags.StringVar(&f.columns.ID, "id-column", "", "column with the item's id (default: id, else FILE:LINE)")
	flags.StringVar(&f.columns.Label, "label-column", "", "column with the known label, to count accuracy (default: label, category, ...)")
	flags.StringVar(&f.format, "format", "", "format of the input: csv, tsv, jsonl, txt or parquet (default: by file name)")
	flags.StringVarP(&f.output, "output", "o", "-", "file to write to")
	flags.StringVar(&f.outputFormat, "output-format", "", "jsonl, csv or parquet (default: by file name, else jsonl)")
	flags.BoolVar(&f.resume, "resume", false, "go on with an output that was left unfinished")
	flags.BoolVar(&f.overwrite, "overwrite", false, "replace an output that is there")
	f.routeFlags.bind(c)
	flags.BoolVar(&f.json, "json", false, "write the summary as JSON")
	return c
}

// summary is what a finished job tells.
type summary struct {
	Items    int      `json:"items"`
	Resumed  int      `json:"resumed,omitempty"`
	Errors   int      `json:"errors"`
	Accepted int      `json:"accepted"`
	Review   int      `json:"review"`
	Known    int      `json:"known_labels,omitempty"`
	Accuracy *float64 `json:"accuracy,omitempty"`
	Repeats  int      `json:"repeats,omitempty"` // rows that the graph was not run on, being the same as earlier ones
	Skipped  int      `json:"skipped,omitempty"` // files that are no pictures
	Tokens   int      `json:"tokens,omitempty"`
	Seconds  float64  `json:"seconds"`
	Rate     float64  `json:"rate"` // items a second
	Model    string   `json:"model"`
	Device   string   `json:"device"`
	Output   string   `json:"output"`
}

// run labels the inputs.
func (f *labelFlags) run(ctx context.Context, inputs []string, stdout, stderr io.Writer) error {
	model, err := f.find()
	if err != nil {
		return err
	}
	f.columns.Images = model.Manifest.ReadsImages()
	source, err := dataset.Open(inputs, f.format, f.columns)
	if err != nil {
		return err
	}
	defer source.Close()
	e, err := f.open(ctx, model, stderr)
	if err != nil {
		return err
	}
	defer e.Close()
	sink, err := dataset.Create(f.output, f.outputFormat, dataset.SinkOptions{
		Resume: f.resume, Overwrite: f.overwrite, Job: f.job(e, source),
		MultiLabel: f.multiLabel || e.model.Manifest.MultiLabel, Embedding: embeds(e.task), Images: f.columns.Images,
	})
	if errors.Is(err, dataset.ErrComplete) {
		fmt.Fprintf(stderr, "%s is complete; nothing to resume\n", f.output)
		return nil
	}
	if err != nil {
		return err
	}
	counted := &tally{Sink: sink}
	times, err := f.timingFlags.start(e.Workers, stderr)
	if err != nil {
		return errors.Join(err, sink.Close())
	}
	bar := newMeter(stderr, source.Progress)
	stats, err := pipeline.Job{
		Source: source, Sink: counted, Task: e.task, Session: e.session, Decide: f.route, Model: e.model.String(),
		Workers: e.Workers, Budget: e.Budget, Window: e.window, Progress: bar.show, Watch: times.watch,
	}.Run(ctx)
	bar.close()
	err = errors.Join(err, times.close())
	if err == nil {
		err = sink.Finish()
	}
	if closeErr := sink.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return f.interrupted(ctx, err, stats)
	}
	return f.report(stdout, stderr, f.summarize(e, stats, counted, source.Skipped()))
}

// embeds says whether a task's answers are embeddings, not labels.
func embeds(task inference.Task) bool {
	_, ok := task.(inference.Embedder)
	return ok
}

// routeFlags say which predictions stand as they are.
type routeFlags struct{ acceptAt float64 }

func (f *routeFlags) bind(c *cobra.Command) {
	c.Flags().Float64Var(&f.acceptAt, "accept-at", 0.9, "confidence from which a label is accepted; others are routed to review")
}

// route says whether a prediction stands as it is. An embedding is nobody's decision.
func (f *routeFlags) route(p label.Prediction) label.Route {
	if p.Embedding != nil || p.Confidence >= f.acceptAt {
		return label.Accept
	}
	return label.Review
}

// job names everything that the output depends on, for --resume to compare.
func (f *labelFlags) job(e *engine, source *dataset.Source) map[string]string {
	classes, _ := f.classes() // open has read them without an error
	return map[string]string{
		"model":     e.model.String(),
		"inputs":    source.Fingerprint(),
		"precision": f.precision,
		"device":    e.session.Device,
		"task":      f.task,
		"labels":    fmt.Sprint(classes),
		"templates": strings.Join(f.templates, "\n"),
		"decision":  fmt.Sprint(f.multiLabel, f.threshold, f.topK, f.acceptAt, f.scale),
		"length":    fmt.Sprint(f.long, f.maxLength, f.stride),
		"batches":   strconv.Itoa(e.Budget),
		"pictures":  fmt.Sprint(f.maxPixels, f.orient, f.explain, f.columns.Root),
	}
}

// interrupted says what is kept when a job ends early.
func (f *labelFlags) interrupted(ctx context.Context, err error, stats pipeline.Stats) error {
	kept := "nothing was written to a file"
	if f.output != "-" {
		kept = fmt.Sprintf("%s results are in %s; the same command with --resume goes on", thousands(stats.Items+stats.Resumed), f.output)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("stopped: %s", kept)
	}
	return fmt.Errorf("%w (%s)", err, kept)
}

func (f *labelFlags) summarize(e *engine, stats pipeline.Stats, counted *tally, skipped int) summary {
	s := summary{
		Items: stats.Items, Resumed: stats.Resumed, Errors: stats.Errors, Review: stats.Review,
		Accepted: stats.Items - stats.Errors - stats.Review, Repeats: stats.Repeats,
		Seconds: stats.Elapsed.Seconds(), Rate: float64(stats.Items) / stats.Elapsed.Seconds(),
		Model: e.model.String(), Device: e.session.Device, Output: f.output, Known: counted.known,
	}
	if e.model.Manifest.ReadsImages() {
		s.Skipped = skipped
	} else {
		s.Tokens = stats.Tokens
	}
	if counted.known > 0 {
		accuracy := float64(counted.right) / float64(counted.known)
		s.Accuracy = &accuracy
	}
	return s
}

// report tells the summary: on stdout as JSON where the data went to a file, else on stderr.
func (f *labelFlags) report(stdout, stderr io.Writer, s summary) error {
	if f.json {
		to := stdout
		if f.output == "-" {
			to = stderr
		}
		if err := json.NewEncoder(to).Encode(s); err != nil {
			return err
		}
	} else {
		fmt.Fprint(stderr, s.text())
	}
	if s.Errors > 0 {
		return label.Errorf(label.ErrItems, "%s of %s items failed: their records hold the reason under \"error\"",
			thousands(s.Errors), thousands(s.Items))
	}
	return nil
}

// text is the summary for a person.
func (s summary) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "labelled %s items in %s (%s a second) with %s on %s\n",
		thousands(s.Items), time.Duration(s.Seconds*float64(time.Second)).Round(10*time.Millisecond), thousands(int(s.Rate)), s.Model, s.Device)
	if s.Resumed > 0 {
		fmt.Fprintf(&b, "  kept      %s from the run before\n", thousands(s.Resumed))
	}
	share := func(name string, n int) {
		fmt.Fprintf(&b, "  %-9s %s (%.1f %%)\n", name, thousands(n), 100*float64(n)/float64(max(1, s.Items)))
	}
	share("accepted", s.Accepted)
	share("review", s.Review)
	if s.Errors > 0 {
		share("errors", s.Errors)
	}
	if s.Repeats > 0 {
		fmt.Fprintf(&b, "  repeats   %s, labelled as the same content before\n", thousands(s.Repeats))
	}
	if s.Skipped > 0 {
		fmt.Fprintf(&b, "  skipped   %s other files, by their names no pictures\n", thousands(s.Skipped))
	}
	if s.Accuracy != nil {
		fmt.Fprintf(&b, "  accuracy  %.2f %% of %s known labels\n", 100**s.Accuracy, thousands(s.Known))
	}
	if s.Output != "-" {
		fmt.Fprintf(&b, "  output    %s\n", s.Output)
	}
	return b.String()
}

// tally counts how often the label given is the known one.
type tally struct {
	*dataset.Sink
	known, right int
}

func (t *tally) Put(ctx context.Context, rs []label.Result) error {
	for _, r := range rs {
		if r.Err != nil || r.Item.Gold == nil || r.Prediction.Labels == nil {
			continue
		}
		t.known++
		given, gold := slices.Clone(r.Prediction.Labels), slices.Clone(r.Item.Gold)
		slices.Sort(given)
		slices.Sort(gold)
		if slices.Equal(given, gold) {
			t.right++
		}
	}
	return t.Sink.Put(ctx, rs)
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
