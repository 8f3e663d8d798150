package main

import (
	"context"
	"io"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/internal/dataset"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/pipeline"
	"github.com/labelloop/labelloop/internal/sqlite"
	"github.com/labelloop/labelloop/models"
	"github.com/labelloop/labelloop/models/gate"
)

// answers runs a model over items, as `labelloop predict` would, and gives a row of probabilities for each: of all of the
// labels, 0 for those that the model does not know.
func answers(ctx context.Context, s *sqlite.Store, m *models.Model, items []int64, labels []string, log io.Writer) (gate.Side, error) {
	side := gate.Side{Name: m.String()}
	f := &predictFlags{}
	defaults := &cobra.Command{}
	f.bindModel(defaults)
	f.bindPrompts(defaults)
	f.model, f.multiLabel, f.topK = m.Dir, s.Project().MultiLabel, 0
	if err := f.choose(labels, &m.Manifest, log); err != nil {
		return side, err
	}
	e, err := f.modelFlags.open(ctx, m, log)
	if err != nil {
		return side, err
	}
	defer e.Close()
	sink := &answerSink{labels: labels}
	if _, err := e.answer(ctx, s, items, sink); err != nil {
		return side, err
	}
	side.Probs = sink.rows
	side.Rate, err = e.rate(ctx, s, items, labels)
	return side, err
}

// answer runs the items through the pipeline.
func (e *engine) answer(ctx context.Context, s *sqlite.Store, items []int64, sink *answerSink) (pipeline.Stats, error) {
	return pipeline.Job{
		Source: &listSource{store: s, items: items}, Sink: sink, Task: e.task, Session: e.session,
		Decide: func(label.Prediction) label.Route { return label.Review }, Model: e.model.String(), Workers: e.Workers, Budget: e.Budget, Window: e.window,
	}.Run(ctx)
}

// rate is how many items the model labels in a second: the best of a few runs, since others use this machine, too.
func (e *engine) rate(ctx context.Context, s *sqlite.Store, items []int64, labels []string) (float64, error) {
	const few, runs = 64, 3
	items = items[:min(len(items), few)]
	best := 0.0
	for range runs {
		stats, err := e.answer(ctx, s, items, &answerSink{labels: labels})
		if err != nil {
			return 0, err
		}
		best = max(best, float64(len(items))/stats.Elapsed.Seconds())
	}
	return best, nil
}

// listSource gives items by their numbers.
type listSource struct {
	store *sqlite.Store
	items []int64
}

// Next gives up to n items, or io.EOF.
func (l *listSource) Next(ctx context.Context, n int) ([]label.Item, error) {
	part := l.items[:min(n, len(l.items))]
	if l.items = l.items[len(part):]; len(part) == 0 {
		return nil, io.EOF
	}
	records, err := l.store.Records(ctx, part)
	if err != nil {
		return nil, err
	}
	items := make([]label.Item, len(records))
	for i, r := range records {
		items[i] = loadable(l.store.Dir(), r.Item)
	}
	return items, nil
}

// loadable gives a picture of a project the means to be read.
func loadable(project string, it label.Item) label.Item {
	if it.Image != "" {
		path := it.Image
		if !filepath.IsAbs(path) {
			path = filepath.Join(project, path)
		}
		it.Load = func() ([]byte, error) { return dataset.ReadPicture(path) }
	}
	return it
}

// answerSink keeps a row of probabilities for each item; nil where the model failed on it.
type answerSink struct {
	labels []string
	rows   [][]float32
}

// Done is 0: nothing is kept from an earlier run.
func (a *answerSink) Done() int { return 0 }

// Keep has nothing to cut back.
func (a *answerSink) Keep(int) error { return nil }

// Put keeps a window's results.
func (a *answerSink) Put(_ context.Context, results []label.Result) error {
	for _, r := range results {
		if r.Err != nil {
			a.rows = append(a.rows, nil)
			continue
		}
		row := make([]float32, len(a.labels))
		for _, score := range r.Prediction.Scores {
			if k := slices.Index(a.labels, score.Label); k >= 0 {
				row[k] = float32(score.Prob)
			}
		}
		a.rows = append(a.rows, row)
	}
	return nil
}
