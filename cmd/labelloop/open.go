package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/inference/ort"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/models"
	"github.com/labelloop/labelloop/tokenize"
)

// Tasks by the names of --task.
const (
	taskAuto     = "auto"
	taskClassify = "text-classification"
	taskZeroShot = "zero-shot-classification"
	taskEmbed    = "feature-extraction"
)

// modelFlags are the flags that every verb which runs a model has.
type modelFlags struct {
	model, task, device, precision string
	labels                         []string
	labelsFile                     string
	templates                      []string
	multiLabel                     bool
	threshold                      float64
	topK                           int
	long                           string
	maxLength, stride              int
	scale                          float64
	threads, budget                int
}

func (f *modelFlags) bind(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVarP(&f.model, "model", "m", "", "model: a name from 'labelloop models list', NAME@VERSION, or a directory")
	flags.StringVar(&f.task, "task", taskAuto, "auto, "+taskClassify+", "+taskZeroShot+" or "+taskEmbed)
	flags.StringVar(&f.device, "device", "cpu", "execution provider: "+strings.Join(ort.Devices(), ", "))
	flags.StringVar(&f.precision, "precision", "auto", "auto, fp32, fp16, bf16 or int8: which of the model's graphs to run")
	flags.StringSliceVarP(&f.labels, "labels", "l", nil, "labels to choose among, for zero-shot or as a part of the model's label set")
	flags.StringVar(&f.labelsFile, "labels-file", "", "file with a label a line: NAME, or NAME<tab>DESCRIPTION<tab>...")
	flags.StringArrayVar(&f.templates, "template", nil, "text that a label is put into at {}; several are averaged (embedding models)")
	flags.BoolVar(&f.multiLabel, "multi-label", false, "zero-shot: judge each label by itself")
	flags.Float64Var(&f.threshold, "threshold", 0.5, "multi-label: probability from which a label applies")
	flags.IntVarP(&f.topK, "top-k", "k", 5, "scores to keep per item; 0 keeps all")
	flags.StringVar(&f.long, "long", string(inference.LongTruncate), "texts longer than the model takes: truncate, window-mean or window-max")
	flags.IntVar(&f.maxLength, "max-length", 0, "tokens of a text that the model sees (default: all that it takes)")
	flags.IntVar(&f.stride, "stride", 64, "tokens that neighbouring windows share")
	flags.Float64Var(&f.scale, "scale", 0, "zero-shot by embedding: what cosines are multiplied by before the softmax (default: the model's, or 20)")
	flags.IntVar(&f.threads, "threads", runtime.NumCPU(), "processor cores to use")
	flags.IntVar(&f.budget, "batch-tokens", 0, "tokens of a batch, padding included (default: what suits the device)")
}

// Tokens of a batch where --batch-tokens does not say. A processor core is fastest while a batch's activations stay in
// its cache (docs/benchmarks.md); an accelerator wants enough rows to be busy.
const (
	budgetCPU         = 512
	budgetAccelerator = 16384
)

// engine is a model that is ready to label.
type engine struct {
	model     *models.Model
	session   *ort.Session
	tokenizer *tokenize.Tokenizer
	task      inference.Task
	workers   int // runs side by side
	budget    int // padded tokens of a batch
}

func (e *engine) Close() error {
	return errors.Join(e.session.Close(), e.tokenizer.Close())
}

// open loads the model and makes the task that the flags ask for. This and the verbs are the only places where the
// rooms meet. What was chosen is told on log.
func (f *modelFlags) open(ctx context.Context, log io.Writer) (*engine, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	model, err := registry().Find(f.model)
	if err != nil {
		return nil, err
	}
	graph, _, err := model.Graph(f.precision)
	if err != nil {
		return nil, err
	}
	if err := ort.Load(below("lib")...); err != nil {
		return nil, err
	}
	tokenizer, err := tokenize.Load(model.Tokenizer())
	if err != nil {
		return nil, err
	}
	e := &engine{model: model, tokenizer: tokenizer}
	if e.session, err = ort.Open(graph, ort.Options{Device: f.device, Threads: 1}); err != nil {
		tokenizer.Close()
		return nil, err
	}
	if f.device == ort.Auto {
		fmt.Fprintf(log, "device: %s (%s)\n", e.session.Device, e.session.Why)
	}
	if e.workers, e.budget = f.threads, budgetCPU; e.session.Device != "cpu" {
		e.workers, e.budget = 2, budgetAccelerator // one batch is copied while another is run
	}
	if f.budget > 0 {
		e.budget = f.budget
	}
	if e.task, err = f.newTask(ctx, e); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// check refuses flags that can't be right whatever the model is.
func (f *modelFlags) check() error {
	switch {
	case f.model == "":
		return label.Errorf(label.ErrUsage, "--model is missing: give a name from 'labelloop models list' or a directory")
	case !slices.Contains(inference.Longs, inference.Long(f.long)):
		return label.Errorf(label.ErrUsage, "--long %s: want truncate, window-mean or window-max", f.long)
	case f.threshold < 0 || f.threshold > 1:
		return label.Errorf(label.ErrUsage, "--threshold %g: want a probability from 0 to 1", f.threshold)
	case f.topK < 0:
		return label.Errorf(label.ErrUsage, "--top-k %d: want 0 (all) or more", f.topK)
	case f.threads < 1:
		return label.Errorf(label.ErrUsage, "--threads %d: want 1 or more", f.threads)
	case f.budget < 0:
		return label.Errorf(label.ErrUsage, "--batch-tokens %d: want 1 or more", f.budget)
	case f.maxLength < 0 || f.stride < 0:
		return label.Errorf(label.ErrUsage, "--max-length and --stride: want 0 or more")
	case f.labels != nil && f.labelsFile != "":
		return label.Errorf(label.ErrUsage, "--labels and --labels-file: give one of them")
	}
	for _, t := range f.templates {
		if !strings.Contains(t, "{}") {
			return label.Errorf(label.ErrUsage, "--template %q: has no {} for the label to stand in", t)
		}
	}
	return nil
}

// newTask makes the task from what the model is and what was asked for.
func (f *modelFlags) newTask(ctx context.Context, e *engine) (inference.Task, error) {
	m := &e.model.Manifest
	text, err := f.textEncoder(e)
	if err != nil {
		return nil, err
	}
	classes, err := f.classes()
	if err != nil {
		return nil, err
	}
	decision := inference.Decision{MultiLabel: m.MultiLabel || f.multiLabel, Threshold: f.threshold, TopK: f.topK}
	task := f.task
	if task == taskAuto {
		switch {
		case m.Task == taskClassify:
			task = taskClassify
		case classes != nil:
			task = taskZeroShot
		default:
			task = m.Task
		}
	}
	switch {
	case task == taskClassify && len(m.Labels) > 0:
		return f.classification(m, text, classes, decision)
	case task == taskZeroShot && classes == nil:
		return nil, label.Errorf(label.ErrUsage, "model %s labels with words that you choose: give them by --labels a,b or --labels-file F", e.model)
	case task == taskZeroShot && m.Entailment >= 0:
		return f.nli(m, text, classes, decision)
	case task == taskZeroShot && m.Task == taskEmbed:
		if f.multiLabel {
			return nil, label.Errorf(label.ErrUsage, "--multi-label: model %s compares embeddings, which can't judge a label by itself; use an NLI model", e.model)
		}
		return f.similarity(ctx, e, text, classes, decision)
	case task == taskEmbed && m.Task == taskEmbed:
		return embedding(m, text), nil
	}
	return nil, label.Errorf(label.ErrUsage, "--task %s: model %s is made for %s", task, e.model, m.Task)
}

// textEncoder joins tokenizer and length; it refuses a tokenizer of another model.
func (f *modelFlags) textEncoder(e *engine) (inference.TextEncoder, error) {
	m := &e.model.Manifest
	if top := e.tokenizer.MaxID(); m.VocabSize > 0 && top >= m.VocabSize {
		return inference.TextEncoder{}, fmt.Errorf("%s gives token ids up to %d, but the model's embedding has %d rows (vocab_size in %s): put the model's own tokenizer.json there: %w",
			e.model.Tokenizer(), top, m.VocabSize, filepath.Join(e.model.Dir, "config.json"), label.ErrBadModel)
	}
	length := m.MaxLength
	if f.maxLength > length {
		return inference.TextEncoder{}, label.Errorf(label.ErrUsage, "--max-length %d: model %s takes %d tokens at most", f.maxLength, e.model, length)
	}
	if f.maxLength > 0 {
		length = f.maxLength
	}
	text := inference.TextEncoder{Tokenizer: e.tokenizer, MaxLength: length, Long: inference.Long(f.long)}
	if text.Long != inference.LongTruncate {
		text.Stride = min(f.stride, length/2)
	}
	return text, nil
}

// classification makes the task of a classifier, over its label set or the part of it that was asked for.
func (f *modelFlags) classification(m *models.Manifest, text inference.TextEncoder, classes []inference.Class, d inference.Decision) (inference.Task, error) {
	task := &inference.TextClassification{Text: text, Labels: m.Labels, Decision: d, Temperature: 1}
	if m.Calibration != nil {
		task.Temperature, task.Calibrated = m.Calibration.Temperature, true
	}
	for _, c := range classes {
		at := slices.Index(m.Labels, c.Name)
		if at < 0 {
			return nil, label.Errorf(label.ErrUsage, "label %q is not in the label set of model %s@%s%s; for labels of your own use an embedding or NLI model such as minilm",
				c.Name, m.Name, m.Version, nearest(c.Name, m.Labels))
		}
		task.Only = append(task.Only, at)
	}
	return task, nil
}

func (f *modelFlags) nli(m *models.Manifest, text inference.TextEncoder, classes []inference.Class, d inference.Decision) (inference.Task, error) {
	template := "This example is {}." // transformers' own
	if len(f.templates) > 1 {
		return nil, label.Errorf(label.ErrUsage, "--template: an NLI model takes one")
	} else if len(f.templates) == 1 {
		template = f.templates[0]
	}
	task := &inference.NLI{Text: text, Classes: len(m.Labels), Entailment: m.Entailment, Contradiction: m.Contradiction, Decision: d}
	for _, c := range classes {
		task.Labels = append(task.Labels, c.Name)
		task.Hypotheses = append(task.Hypotheses, inference.Hypothesis(template, c.Name))
	}
	return task, nil
}

func (f *modelFlags) similarity(ctx context.Context, e *engine, text inference.TextEncoder, classes []inference.Class, d inference.Decision) (inference.Task, error) {
	m := &e.model.Manifest
	templates, scale := f.templates, f.scale
	if templates == nil {
		templates = m.Templates
	}
	if templates == nil {
		templates = []string{"{}"}
	}
	if scale == 0 {
		scale = m.LogitScale
	}
	if scale == 0 {
		scale = 20 // sentence-transformers' scale for cosine similarity
	}
	return inference.NewSimilarity(ctx, e.session, *embedding(m, text), classes, templates, scale, d, e.budget)
}

func embedding(m *models.Manifest, text inference.TextEncoder) *inference.Embedding {
	return &inference.Embedding{Text: text, Pooling: inference.Pooling(m.Pooling), Normalize: m.Normalize}
}
