package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/pipeline"
	"github.com/labelloop/labelloop/internal/sqlite"
	"github.com/labelloop/labelloop/models"
)

// explainer runs the model versions of a project over texts that are not in it. It loads a model when it is first asked for,
// and holds the last one.
type explainer struct {
	store *sqlite.Store

	mu     sync.Mutex
	model  int64 // label.Model.ID of what is loaded
	engine *engine
}

// judge gives a row of probabilities, in the order of m.Labels, for each text, by the same pipeline that `labelloop predict`
// runs. Where that version of the model is not at hand the error is of kind label.ErrConflict.
func (e *explainer) judge(ctx context.Context, m label.Model, items []label.Item) ([][]float32, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.model != m.ID {
		if err := e.unload(); err != nil {
			return nil, err
		}
		engine, err := openVersion(ctx, e.store, m)
		if err != nil {
			return nil, err
		}
		e.model, e.engine = m.ID, engine
	}
	sink := &answerSink{labels: m.Labels}
	_, err := pipeline.Job{
		Source: &textSource{items}, Sink: sink, Task: e.engine.task, Session: e.engine.session,
		Decide: func(label.Prediction) label.Route { return label.Review }, Model: m.String(),
		Workers: e.engine.Workers, Budget: e.engine.Budget, Window: e.engine.window,
	}.Run(ctx)
	if err != nil {
		return nil, err
	}
	for i, row := range sink.rows {
		if row == nil {
			return nil, fmt.Errorf("model %s failed on the text, or without some of it: %q", m, shortened(items[i].Text))
		}
	}
	return sink.rows, nil
}

func (e *explainer) unload() error {
	engine := e.engine
	e.model, e.engine = 0, nil
	if engine == nil {
		return nil
	}
	return engine.Close()
}

// Close frees what was loaded.
func (e *explainer) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.unload()
}

// openVersion loads the model that a project's version of predictions came from, asked as it was then.
func openVersion(ctx context.Context, s *sqlite.Store, m label.Model) (*engine, error) {
	registry := projectModels(s.Dir())
	model, err := registry.Find(m.String())
	if i := strings.LastIndexByte(m.Version, '-'); errors.Is(err, models.ErrNotFound) && i > 0 { // what follows tells how it was asked
		model, err = registry.Find(m.Name + "@" + m.Version[:i])
	}
	if errors.Is(err, models.ErrNotFound) {
		return nil, label.Errorf(label.ErrConflict, "model %s, which made the suggestion, is not on this machine (%w); import that version with `labelloop models import`", m, err)
	}
	if err != nil {
		return nil, err
	}
	f := &predictFlags{}
	defaults := &cobra.Command{}
	f.bindModel(defaults)
	f.bindPrompts(defaults)
	f.multiLabel, f.topK = s.Project().MultiLabel, 0
	f.threads = max(1, runtime.NumCPU()/2) // others decide meanwhile
	if err := f.choose(m.Labels, &model.Manifest, io.Discard); err != nil {
		return nil, err
	}
	if version := f.version(model.Manifest.Version, label.LabelSet{}); version != m.Version {
		return nil, label.Errorf(label.ErrConflict, "model %s was asked for the suggestion with other settings (labels' descriptions, templates, "+
			"lengths, precision) than %s would be now; explanations know the usual ones alone", m, version)
	}
	return f.modelFlags.open(ctx, model, io.Discard)
}

// textSource gives texts.
type textSource struct{ items []label.Item }

// Next gives up to n items, or io.EOF.
func (t *textSource) Next(_ context.Context, n int) ([]label.Item, error) {
	part := t.items[:min(n, len(t.items))]
	if t.items = t.items[len(part):]; len(part) == 0 {
		return nil, io.EOF
	}
	return part, nil
}
