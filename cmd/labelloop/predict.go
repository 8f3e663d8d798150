package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/pipeline"
	"github.com/labelloop/labelloop/internal/sqlite"
	"github.com/labelloop/labelloop/models"
)

// predictFlags are the flags of the verb predict.
type predictFlags struct {
	projectFlags
	modelFlags
	timingFlags
	first []int64 // items that are labelled before the others, again where they were
}

func predictCommand() *cobra.Command {
	f := &predictFlags{}
	c := &cobra.Command{
		Use:   "predict [--model MODEL]",
		Short: "Label a project's items with a model, or embed them (--task feature-extraction)",
		Long: `Label a project's items with a model; zero-shot models choose among the project's label set. With --task
feature-extraction (pictures: image-feature-extraction) their embeddings are kept, which select spreads its choice over.
Items that the model has seen are left alone, so a run that was cut off goes on where it was. Without --model it is the one
in use (labelloop train, labelloop models promote).`,
		Example: `  labelloop predict --project tickets --model minilm
  labelloop predict --project tickets --model minilm --task feature-extraction`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.with(c.Context(), func(s *sqlite.Store) error { return f.run(c.Context(), s, c.OutOrStdout(), c.ErrOrStderr()) })
		},
	}
	f.projectFlags.bind(c)
	f.bindModel(c)
	f.bindPrompts(c)
	f.timingFlags.bind(c)
	return c
}

func (f *predictFlags) run(ctx context.Context, s *sqlite.Store, stdout, stderr io.Writer) error {
	project := s.Project()
	model, err := f.wanted(ctx, s)
	if err != nil {
		return err
	}
	if images := project.Task == label.ImageClassification; images != model.Manifest.ReadsImages() {
		return label.Errorf(label.ErrUsage, "project %s is for %s, and model %s is made for %s", s.Dir(), project.Task, model, model.Manifest.Task)
	}
	set, err := s.LabelSet(ctx, 0)
	if err != nil {
		return err
	}
	quick := 0 // items labelled by embeddings that were kept
	embedding := f.task == taskEmbed || f.task == taskImageEmbed
	f.topK, f.multiLabel = 0, project.MultiLabel
	if !embedding {
		if err := f.choose(set.Names(), &model.Manifest, stderr); err != nil {
			return err
		}
	}
	e, err := f.modelFlags.open(ctx, model, stderr)
	if err != nil {
		return err
	}
	defer e.Close()
	sink := &storeSink{store: s}
	filter := sqlite.Filter{State: label.AnyState}
	if embedding {
		sink.encoder = f.encoderName(model.String())
		if known, err := s.Encoder(ctx, sink.encoder); err == nil {
			filter.Unembedded = known.ID
		}
	} else {
		labels := f.labels
		if labels == nil && f.labelsFile == "" {
			labels = model.Manifest.Labels
		} else if classes, err := f.classes(); err == nil {
			labels = names(classes)
		}
		sink.model, err = s.RegisterModel(ctx, label.Model{Name: model.Manifest.Name, Version: f.version(model.Manifest.Version, set), Labels: labels})
		if err != nil {
			return err
		}
		filter.Unpredicted = sink.model.ID
		if quick, err = f.byEmbeddings(ctx, s, e, sink.model, stderr); err != nil {
			return err
		}
	}
	counts, err := s.Counts(ctx)
	if err != nil {
		return err
	}
	source := newStoreSource(ctx, s, filter, counts)
	defer source.stop()
	times, err := f.timingFlags.start(e.Workers, stderr)
	if err != nil {
		return err
	}
	bar := newMeter(stderr, source.progress)
	job := pipeline.Job{
		Sink: sink, Task: e.task, Session: e.session, Decide: func(label.Prediction) label.Route { return label.Review },
		Model: e.model.String(), Workers: e.Workers, Budget: e.Budget, Window: e.window, Progress: bar.show, Watch: times.watch,
	}
	if len(f.first) > 0 {
		job.Source = &listSource{store: s, items: f.first}
		if _, err := job.Run(ctx); err != nil {
			return err
		}
	}
	job.Source = source
	stats, err := job.Run(ctx)
	bar.close()
	err = errors.Join(err, times.close())
	if err != nil {
		return fmt.Errorf("%w (%s items are kept; the same command goes on)", err, thousands(stats.Items))
	}
	if f.json {
		return json.NewEncoder(stdout).Encode(map[string]any{"items": stats.Items + quick, "errors": stats.Errors, "seconds": stats.Elapsed.Seconds(),
			"rate": float64(stats.Items) / stats.Elapsed.Seconds(), "model": sink.name()})
	}
	if quick > 0 {
		fmt.Fprintf(stderr, "%s: %s items by embeddings that were kept\n", sink.name(), thousands(quick))
	}
	fmt.Fprintf(stderr, "%s: %s items in %s (%s a second), %s failed\n", sink.name(), thousands(stats.Items), stats.Elapsed.Round(1e7),
		thousands(int(float64(stats.Items)/stats.Elapsed.Seconds())), thousands(stats.Errors))
	if stats.Errors > 0 {
		return label.Errorf(label.ErrItems, "%s of %s items failed; `labelloop export --all` gives their reasons", thousands(stats.Errors), thousands(stats.Items))
	}
	return nil
}

// wanted finds the model: the one that was asked for, else the one in use.
func (f *predictFlags) wanted(ctx context.Context, s *sqlite.Store) (*models.Model, error) {
	if f.model == "" {
		m, err := promoted(ctx, s)
		if errNoModel(err) {
			return nil, label.Errorf(label.ErrUsage, "--model is missing, and no model is in use in project %s: give a name from 'labelloop models list' or a directory", s.Dir())
		}
		if err != nil {
			return nil, err
		}
		f.model = m.Dir
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	return projectModels(s.Dir()).Find(f.model)
}

// byEmbeddings labels the items whose embeddings are kept by a head alone, or by comparing them with the labels'. It does
// nothing where few items are left: it would label the others again.
func (f *predictFlags) byEmbeddings(ctx context.Context, s *sqlite.Store, e *engine, known label.Model, log io.Writer) (int, error) {
	counts, err := s.Counts(ctx)
	if err != nil {
		return 0, err
	}
	if left, all := counts.Left(known.ID); left*10 < all || left == 0 {
		return 0, nil
	}
	m := e.model
	if task, zeroShot := e.task.(*inference.Similarity); zeroShot {
		return rescore(ctx, s, f.encoderName(m.String()), nearestLabel(task), known, log)
	}
	if m.Manifest.Encoder == "" || known.Version != m.Manifest.Version || f.labels != nil {
		return 0, nil
	}
	classify, err := newLinear(m)
	if err != nil {
		return 0, err
	}
	trained := f.modelFlags // as usual, or the version would tell
	if precision, ok := m.Manifest.Config["precision"].(string); ok {
		trained.precision = precision
	}
	return rescore(ctx, s, trained.encoderName(m.Manifest.Encoder), classify.Probs, known, log)
}

// encoderName is the name under which a project keeps what a model embeds: NAME@VERSION, and what the embeddings hang on
// besides where it is not the usual.
func (f *modelFlags) encoderName(model string) string {
	name := []string{model}
	if f.precision != "auto" {
		name = append(name, "precision="+f.precision)
	}
	if f.maxLength > 0 {
		name = append(name, fmt.Sprintf("max-length=%d", f.maxLength))
	}
	if f.long != string(inference.LongTruncate) {
		name = append(name, fmt.Sprintf("long=%s,%d", f.long, f.stride))
	}
	if f.orient {
		name = append(name, "exif-orientation")
	}
	return strings.Join(name, " ")
}

// encoderModel gives the model, NAME@VERSION, of an encoder's name.
func encoderModel(e label.Encoder) string {
	model, _, _ := strings.Cut(e.Name, " ")
	return model
}

// choose makes the model label by the project's set: a zero-shot model by all of it, a classifier by what it knows of it.
func (f *predictFlags) choose(set []string, m *models.Manifest, stderr io.Writer) error {
	if f.labelsFile != "" { // descriptions of the project's labels
		classes, err := f.classes()
		if err != nil {
			return err
		}
		for _, c := range classes {
			if !slices.Contains(set, c.Name) {
				return label.Errorf(label.ErrUsage, "%s: the project has no label %q", f.labelsFile, c.Name)
			}
		}
		return nil
	}
	if m.Task != models.TextClassification && m.Task != models.ImageClassification {
		f.labels = set
		return nil
	}
	var both, foreign []string
	for _, name := range set {
		if slices.Contains(m.Labels, name) {
			both = append(both, name)
		} else {
			foreign = append(foreign, name)
		}
	}
	if len(both) == 0 {
		return label.Errorf(label.ErrUsage, "the model knows none of the project's labels; it knows %s", some(m.Labels))
	}
	if len(foreign) > 0 {
		fmt.Fprintf(stderr, "the model does not know %d of the project's labels: %s\n", len(foreign), some(foreign))
	}
	if f.labels = both; len(both) == len(m.Labels) {
		f.labels = nil
	}
	return nil
}

// some lists the first few names.
func some(names []string) string {
	const most = 8
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// version names what the probabilities depend on: the model's files, and how it was asked.
func (f *predictFlags) version(files string, set label.LabelSet) string {
	classes, _ := f.classes() // open has read them without an error
	asked := fmt.Sprint(classes, f.templates, f.scale, f.precision, f.long, f.maxLength, f.stride, f.maxPixels, f.orient)
	if asked == fmt.Sprint([]inference.Class(nil), []string(nil), 0.0, "auto", inference.LongTruncate, 0, 64, f.maxPixels, false) {
		return files
	}
	sum := sha256.Sum256([]byte(asked))
	return files + "-" + hex.EncodeToString(sum[:4])
}

// storeSource gives the items of a project that a model has not seen.
type storeSource struct {
	next        func() (label.Record, error, bool)
	stop        func()
	dir         string
	done, total int64
}

func newStoreSource(ctx context.Context, s *sqlite.Store, f sqlite.Filter, c label.Counts) *storeSource {
	left, all := c.Left(f.Unpredicted)
	source := &storeSource{dir: s.Dir(), done: int64(all - left), total: int64(all)}
	source.next, source.stop = iter.Pull2(s.Items(ctx, f))
	return source
}

func (s *storeSource) progress() (done, total int64) { return s.done, s.total }

// Next gives up to n items, or io.EOF.
func (s *storeSource) Next(ctx context.Context, n int) ([]label.Item, error) {
	var items []label.Item
	for len(items) < n {
		record, err, ok := s.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		items = append(items, loadable(s.dir, record.Item))
	}
	if len(items) == 0 {
		return nil, io.EOF
	}
	s.done += int64(len(items))
	return items, nil
}

// storeSink keeps what a model says. A window is one transaction, so a run that was killed goes on at a window's end, and
// makes the same batches as one that was not.
type storeSink struct {
	store   *sqlite.Store
	model   label.Model
	encoder string // as encoderName has it; "" where the model labels
}

func (s *storeSink) name() string {
	if s.encoder != "" {
		return s.encoder
	}
	return s.model.String()
}

// Done is 0: what is kept is not read again.
func (s *storeSink) Done() int { return 0 }

// Keep has nothing to cut back.
func (s *storeSink) Keep(int) error { return nil }

// Put keeps a window's results.
func (s *storeSink) Put(ctx context.Context, results []label.Result) error {
	if s.encoder != "" {
		return s.putEmbeddings(ctx, results)
	}
	at := make(map[string]int, len(s.model.Labels))
	for i, name := range s.model.Labels {
		at[name] = i
	}
	list := make([]label.Probabilities, len(results))
	for i, r := range results {
		list[i].Item = r.Item.Number
		if r.Err != nil {
			list[i].Err = r.Err.Error()
			continue
		}
		list[i].Probs = make([]float32, len(s.model.Labels))
		for _, score := range r.Prediction.Scores {
			list[i].Probs[at[score.Label]] = float32(score.Prob)
		}
	}
	return s.store.PutPredictions(ctx, s.model, list)
}

func (s *storeSink) putEmbeddings(ctx context.Context, results []label.Result) error {
	var items []int64
	var vectors []float32
	dims := 0
	for _, r := range results {
		if r.Err == nil { // an item without an embedding is only never chosen by it
			items, vectors, dims = append(items, r.Item.Number), append(vectors, r.Prediction.Embedding...), len(r.Prediction.Embedding)
		}
	}
	if dims == 0 {
		return nil
	}
	e, err := s.store.RegisterEncoder(ctx, s.encoder, dims)
	if err != nil {
		return err
	}
	return s.store.PutEmbeddings(ctx, e, items, vectors)
}
