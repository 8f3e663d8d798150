package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/labelloop/labelloop/activelearn"
	"github.com/labelloop/labelloop/activelearn/head"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
	"github.com/labelloop/labelloop/models"
)

// fitted is how well a head fits, by cross-validation.
type fitted struct {
	Accuracy    float64 `json:"accuracy"`
	LogLoss     float64 `json:"log_loss"`
	C           float64 `json:"c"`
	Temperature float64 `json:"temperature"`
	Seconds     float64 `json:"seconds"`
	Difference  float64 `json:"export_difference"` // largest, of logits of the file and of what was fitted
}

// encoder finds the encoder that heads are put on.
func (f *trainFlags) encoder(ctx context.Context, s *sqlite.Store) (*models.Model, error) {
	images := s.Project().Task == label.ImageClassification
	if f.model == "" {
		used, err := mostUsedEncoder(ctx, s)
		if err != nil {
			return nil, err
		}
		switch {
		case used.ID != 0:
			f.model = encoderModel(used)
		case images:
			f.model = "conse-lite0"
		default:
			f.model = "minilm"
		}
	}
	if f.precision == bf16 {
		return nil, label.Errorf(label.ErrUsage, "--precision bf16: a head is fitted to embeddings as exact as its file gives them; train without it, and label in bf16")
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	m, err := projectModels(s.Dir()).Find(f.model)
	if err != nil {
		return nil, err
	}
	if !slices.Contains([]string{models.FeatureExtraction, models.ImageFeatureExtraction, models.ZeroShotImage}, m.Manifest.Task) ||
		images != m.Manifest.ReadsImages() {
		return nil, label.Errorf(label.ErrUsage, "model %s is made for %s: a head needs an encoder, such as minilm for texts and conse-lite0 for pictures", m, m.Manifest.Task)
	}
	f.model = m.Dir
	if f.task = taskEmbed; images {
		f.task = taskImageEmbed
	}
	return m, nil
}

// embedItems makes the embeddings that are missing.
func (f *trainFlags) embedItems(ctx context.Context, s *sqlite.Store, log io.Writer) error {
	p := &predictFlags{projectFlags: projectFlags{dir: f.dir}, modelFlags: f.modelFlags}
	p.labelsFile = ""
	if err := p.run(ctx, s, io.Discard, log); !errors.Is(err, label.ErrItems) {
		return err
	}
	return nil // items that can't be embedded can't be trained on
}

// head fits a head to the training set and writes it as a model.
func (f *trainFlags) head(ctx context.Context, s *sqlite.Store, encoder *models.Model, o *outcome, log io.Writer) (*models.Model, error) {
	data, err := f.headData(ctx, s, encoder, o.Training, log)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	h, err := head.Fit(ctx, data, head.Options{Seed: f.seed, Balanced: f.balanced})
	if err != nil {
		return nil, err
	}
	o.Fit = fitted{Accuracy: known(h.Accuracy), LogLoss: known(h.LogLoss), C: h.C, Temperature: h.Temperature, Seconds: time.Since(start).Seconds()}
	fmt.Fprintf(log, "head: C %g, cross-validated accuracy %.1f %%, temperature %.2f, %.2f s\n", h.C, 100*o.Fit.Accuracy, h.Temperature, o.Fit.Seconds)
	training := models.Training{
		MultiLabel:  data.Multi,
		Calibration: &models.Calibration{Temperature: h.Temperature, FittedOn: "the training set, cross-validated"},
		Metrics:     map[string]float64{"accuracy_cross_validated": o.Fit.Accuracy, "log_loss_cross_validated": o.Fit.LogLoss},
		Tools:       map[string]string{"labelloop": version},
		Config:      map[string]any{"method": "head", "seed": f.seed, "class_weights": f.balanced, "c": h.C, "precision": f.precision},
	}
	if training.Examples, err = o.Training.examples(ctx, s); err != nil {
		return nil, err
	}
	own := models.Head{Labels: o.Training.names, Weights: h.Weights.Data, Bias: finite(h.Bias)}
	m, err := ownModels(s.Dir()).AddHead(ctx, f.name, encoder, f.precision, own, training)
	if err != nil {
		return nil, err
	}
	if o.Fit.Difference, err = f.difference(ctx, s, m, data, o.Training.items, own, log); err != nil {
		return nil, err
	}
	return m, s.Log(ctx, exportEvent, person(), exported{m.String(), o.Fit.Difference})
}

// exported is how far logits of a written file are from what was fitted, kept as an event: the file is complete when it is
// measured, and its manifest with it.
type exported struct {
	Model      string  `json:"model"`
	Difference float64 `json:"difference"`
}

// exportEvent is the kind of these events.
const exportEvent = "export"

// known is 0 for what too few labels could not tell.
func known(x float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return x
}

// never is the bias of a label that is not known to occur, and always that of one that every item has: infinities are no
// numbers that other programs read.
const (
	never  = -1e3
	always = 1e3
)

func finite(bias []float32) []float32 {
	out := slices.Clone(bias)
	for i, b := range out {
		out[i] = min(max(b, never), always)
	}
	return out
}

// errUntrained is the reason of errNoLabels.
var errUntrained = errors.New("has no labelled item to train on")

func errNoLabels(s *sqlite.Store) error {
	return label.Errorf(label.ErrUsage, "project %s %w: label some by `labelloop select` and `labelloop review`, or import them with labels; "+
		"items that models are judged by do not count, nor what is nearly the same", s.Dir(), errUntrained)
}

// headData gathers the numbers that a head is fitted to. Items without an embedding are taken out of the training set.
func (f *trainFlags) headData(ctx context.Context, s *sqlite.Store, encoder *models.Model, t *trainingSet, log io.Writer) (head.Data, error) {
	data := head.Data{Classes: len(t.names), Multi: s.Project().MultiLabel}
	e, err := s.Encoder(ctx, f.encoderName(encoder.String()))
	if err != nil {
		return data, err
	}
	have, vectors, err := s.AllEmbeddings(ctx, e, label.Pool, label.AnyState)
	if err != nil {
		return data, err
	}
	all := activelearn.Matrix{Rows: len(have), Cols: e.Dims, Data: vectors}
	rows := make([]int, 0, len(t.items))
	kept := 0
	for i, item := range t.items {
		if row, ok := slices.BinarySearch(have, item); ok {
			rows = append(rows, row)
			t.items[kept], t.labels[kept] = item, t.labels[i]
			kept++
		}
	}
	t.items, t.labels = t.items[:kept], t.labels[:kept]
	if t.count(); t.Items == 0 {
		return data, errNoLabels(s)
	}
	data.X, data.Y = all.Gather(rows), t.labels
	var open []int
	for _, item := range t.open {
		if row, ok := slices.BinarySearch(have, item); ok {
			open = append(open, row)
		}
	}
	data.Pool = all.Gather(open)
	data.Names, err = f.labelCenters(ctx, encoder, t.names, log)
	return data, err
}

// difference runs the written file over a few training items and compares its logits with the head's own.
func (f *trainFlags) difference(ctx context.Context, s *sqlite.Store, m *models.Model, data head.Data, items []int64, own models.Head, log io.Writer) (float64, error) {
	serve := f.modelFlags
	serve.task, serve.labels, serve.labelsFile, serve.precision = taskAuto, nil, "", "auto"
	e, err := serve.open(ctx, m, log)
	if err != nil {
		return 0, err
	}
	defer e.Close()
	records, err := s.Records(ctx, items[:min(len(items), 32)])
	if err != nil {
		return 0, err
	}
	worst := 0.0
	for i, r := range records {
		encoded := e.task.Encode(ctx, []label.Item{loadable(s.Dir(), r.Item)})[0]
		if encoded.Err != nil {
			return 0, encoded.Err
		}
		said, err := e.task.Run(ctx, e.session, encoded.Rows)
		if err != nil {
			return 0, fmt.Errorf("run %s: %w", m, err)
		}
		for k, logit := range said[0] {
			want := float64(own.Bias[k])
			for j, v := range data.X.Row(i) {
				want += float64(v) * float64(own.Weights[k*data.X.Cols+j])
			}
			worst = max(worst, math.Abs(float64(logit)-want))
		}
	}
	if !(worst <= parityBound) {
		return worst, fmt.Errorf("the file of %s gives logits that differ by %.2g from what was fitted: %w", m, worst, label.ErrBadModel)
	}
	return worst, nil
}

// parityBound is how far logits of the written file may be from the head's own.
const parityBound = 1e-3
