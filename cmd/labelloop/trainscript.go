package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
	"github.com/labelloop/labelloop/internal/train"
	"github.com/labelloop/labelloop/models"
)

// byScript are the methods of training that scripts/train.py has.
var byScript = []string{"finetune", "lora", "setfit", "probe", "wiseft"}

// script trains by scripts/train.py, in a folder of the project that it goes on in when it was cut off, and keeps the model.
func (f *trainFlags) script(ctx context.Context, s *sqlite.Store, base *models.Model, o *outcome, log io.Writer) (*models.Model, error) {
	environment, err := train.Find(homes())
	if err != nil {
		return nil, err
	}
	t := o.Training
	if t.Items == 0 {
		return nil, errNoLabels(s)
	}
	training := models.Training{MultiLabel: s.Project().MultiLabel, Tools: map[string]string{"labelloop": version}}
	if training.Examples, err = t.examples(ctx, s); err != nil {
		return nil, err
	}
	_, digest, err := models.EncodeTraining(training.Examples)
	if err != nil {
		return nil, err
	}
	c := train.Config{Method: f.method, Model: base.Dir, Labels: t.names, MultiLabel: training.MultiLabel, TrainingSet: digest,
		ClassWeights: f.balanced, Templates: f.templates, Seed: uint32(f.seed), Threads: f.threads}
	job := sha256.Sum256(fmt.Append(nil, c, base))
	dir := filepath.Join(s.Dir(), "training", f.method+"-"+hex.EncodeToString(job[:6]))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	c.Train = filepath.Join(dir, "train.jsonl")
	if err := t.write(ctx, s, c.Train); err != nil {
		return nil, err
	}
	out := filepath.Join(dir, "model")
	found, err := environment.Train(ctx, c, out, teller(log))
	if err != nil {
		return nil, err
	}
	o.Fit = fitted{Accuracy: found.Validation["accuracy"], LogLoss: found.Validation["log_loss"], Seconds: found.Seconds, Difference: found.ONNXDifference}
	fmt.Fprintf(log, "%s: validation accuracy %.1f %%, %.0f s\n", f.method, 100*o.Fit.Accuracy, found.Seconds)
	training.Metrics = map[string]float64{parityMetric: found.ONNXDifference}
	for name, value := range found.Validation {
		training.Metrics[name+"_validation"] = value
	}
	for tool, version := range found.Tools {
		training.Tools[tool] = version
	}
	training.Config = map[string]any{"method": f.method, "seed": f.seed, "class_weights": f.balanced}
	m, err := ownModels(s.Dir()).AddTrained(ctx, out, f.name, base, training)
	if err != nil {
		return nil, err
	}
	return m, os.RemoveAll(dir)
}

// teller shows how far a script is: a line now and then.
func teller(log io.Writer) func(train.Event) {
	var told time.Time
	return func(e train.Event) {
		switch {
		case e.Event == "step" && time.Since(told) >= meterEvery:
			told = time.Now()
			fmt.Fprintf(log, "%s: step %d of %d, loss %.3f, %s left\n", e.Phase, e.Step, e.Steps, e.Loss, (time.Duration(e.ETA) * time.Second))
		case e.Message != "":
			fmt.Fprintf(log, "%s: %s\n", e.Event, e.Message)
		}
	}
}

// write puts the training set into a file of JSON lines.
func (t *trainingSet) write(ctx context.Context, s *sqlite.Store, path string) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := bufio.NewWriter(file)
	lines := json.NewEncoder(out)
	at := 0
	for part := range slices.Chunk(t.items, windowTexts) {
		records, err := s.Records(ctx, part)
		if err != nil {
			return err
		}
		for _, r := range records {
			labels := []string{}
			for _, k := range t.labels[at] {
				labels = append(labels, t.names[k])
			}
			at++
			line := map[string]any{"labels": labels}
			if r.Item.Image == "" {
				line["text"] = r.Item.Text
			} else if line["image"] = r.Item.Image; !filepath.IsAbs(r.Item.Image) {
				line["image"] = filepath.Join(s.Dir(), r.Item.Image)
			}
			if err := lines.Encode(line); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}

// relabel labels a project's items by a model of any kind: the queue and the items that models are judged by first, then the
// rest. A model that is a head needs no graph for items whose embeddings are kept.
func (f *trainFlags) relabel(ctx context.Context, s *sqlite.Store, m *models.Model, log io.Writer) (int, error) {
	p := &predictFlags{projectFlags: projectFlags{dir: f.dir}, modelFlags: f.modelFlags}
	p.model, p.task, p.labelsFile, p.templates, p.precision = m.Dir, taskAuto, "", nil, "auto"
	if m.Manifest.Encoder == "" {
		var err error
		if p.first, err = urgent(ctx, s); err != nil {
			return 0, err
		}
	}
	if err := p.run(ctx, s, io.Discard, log); err != nil && !errors.Is(err, label.ErrItems) {
		return 0, err
	}
	counts, err := s.Counts(ctx)
	for _, c := range counts.Models {
		if c.Model.Name == m.Manifest.Name && c.Model.Version == m.Manifest.Version {
			return c.Predictions, err
		}
	}
	return 0, err
}
