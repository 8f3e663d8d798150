package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/inference/ort"
	"github.com/labelloop/labelloop/inference/pixel"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/models"
	"github.com/labelloop/labelloop/tokenize"
)

// Tasks by the names of --task.
const (
	taskAuto          = "auto"
	taskClassify      = models.TextClassification
	taskZeroShot      = models.ZeroShotClassification
	taskEmbed         = models.FeatureExtraction
	taskImageClassify = models.ImageClassification
	taskImageZeroShot = "image-zero-shot"
	taskImageEmbed    = models.ImageFeatureExtraction
)

// alsoCalled holds other names that people know tasks by.
var alsoCalled = map[string]string{models.ZeroShotImage: taskImageZeroShot}

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
	threads, budget, deviceMemory  int
	setting                        setting // what the verb has chosen; nothing: the flags do, or tune did
	maxPixels                      int
	orient                         bool
	explain                        bool
}

func (f *modelFlags) bind(c *cobra.Command) {
	f.bindModel(c)
	f.bindPrompts(c)
	flags := c.Flags()
	flags.StringSliceVarP(&f.labels, "labels", "l", nil, "labels to choose among, for zero-shot or as a part of the model's label set")
	flags.BoolVar(&f.multiLabel, "multi-label", false, "zero-shot: judge each label by itself")
	flags.Float64Var(&f.threshold, "threshold", 0.5, "multi-label: probability from which a label applies")
	flags.IntVarP(&f.topK, "top-k", "k", 5, "scores to keep per item; 0 keeps all")
}

// bindModel binds what every run of a model needs.
func (f *modelFlags) bindModel(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVarP(&f.model, "model", "m", "", "model: a name from 'labelloop models list', NAME@VERSION, or a directory")
	flags.StringVar(&f.device, "device", "", "execution provider: "+strings.Join(ort.Devices(), ", ")+" (default: cpu, for bf16 openvino)")
	flags.IntVar(&f.deviceMemory, "device-memory", 0, "MiB of each GPU's memory that a graph may take (default: all)")
	flags.StringVar(&f.precision, "precision", "auto", "auto, fp32, fp16 or int8: which of the model's graphs to run; bf16: the fp32 graph, multiplied in bf16")
	flags.StringVar(&f.long, "long", string(inference.LongTruncate), "texts longer than the model takes: truncate, window-mean or window-max")
	flags.IntVar(&f.maxLength, "max-length", 0, "tokens of a text that the model sees (default: all that it takes)")
	flags.IntVar(&f.stride, "stride", 64, "tokens that neighbouring windows share")
	flags.IntVar(&f.threads, "threads", 0, "processor cores to use (default: what 'labelloop tune' found best, else all)")
	flags.IntVar(&f.maxPixels, "max-pixels", pixel.DefaultMaxPixels, "pictures of more pixels become error records")
	flags.BoolVar(&f.orient, "exif-orientation", false, "turn pictures as their EXIF orientation says")
}

// bindPrompts binds what is asked of a model.
func (f *modelFlags) bindPrompts(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.task, "task", taskAuto, strings.Join([]string{taskAuto, taskClassify, taskZeroShot, taskEmbed,
		taskImageClassify, taskImageZeroShot, taskImageEmbed}, ", "))
	flags.StringVar(&f.labelsFile, "labels-file", "", "file with a label a line: NAME, or NAME<tab>DESCRIPTION<tab>...")
	flags.StringArrayVar(&f.templates, "template", nil, "text that a label is put into at {}; several are averaged; openai and openai-short are CLIP's sets for pictures")
	flags.Float64Var(&f.scale, "scale", 0, "zero-shot by embedding: what cosines are multiplied by before the softmax (default: the model's, or 20)")
	flags.IntVar(&f.budget, "batch", 0, "size of a batch: tokens, padding included, or pictures (default: what 'labelloop tune' found best, else what suits the device)")
}

// Sizes of texts between a number of tokens and its double. An accelerator is busy with many texts of one size. OpenVINO compiles for each
// size: with these it labels texts of many lengths a tenth faster than with exact ones, and in two thirds of the memory. ONNX Runtime's own
// kernels are busy with few texts, so for them a text has the size of its tokens, and attention needs no mask.
const (
	stepsAccelerator = 4
	stepsOpenVINO    = 16
)

// Items that are batched together, and whose results are written at a time. Pictures wait for theirs decoded.
const (
	windowTexts    = 1024
	windowOpenVINO = 2048 // texts: fuller batches of each size that it compiles for, in the time of half of them in fp32
	windowPictures = 64
)

// engine is a model that is ready to label.
type engine struct {
	model     *models.Model
	session   *ort.Session
	tokenizer *tokenize.Tokenizer
	task      inference.Task
	device    string // that the session is on, auto resolved
	precision string // of the session's graph, or auto
	window    int    // items that are batched together
	setting
}

// Close frees what was loaded.
func (e *engine) Close() error {
	var errs []error
	if e.session != nil {
		errs = append(errs, e.session.Close())
	}
	if e.tokenizer != nil {
		errs = append(errs, e.tokenizer.Close())
	}
	return errors.Join(errs...)
}

// find looks the model up, without loading it.
func (f *modelFlags) find() (*models.Model, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	return registry().Find(f.model)
}

// open loads the model and makes the task that the flags ask for. This and the verbs are the only places where the
// rooms meet. What was chosen is told on log.
func (f *modelFlags) open(ctx context.Context, model *models.Model, log io.Writer) (*engine, error) {
	if err := f.chooseDevice(); err != nil {
		return nil, err
	}
	if err := ort.Load(f.libraries()...); err != nil {
		return nil, err
	}
	device, why, err := ort.Choose(f.device)
	if err != nil {
		return nil, err
	}
	if f.device == ort.Auto {
		fmt.Fprintf(log, "device: %s (%s)\n", device, cmp.Or(why, "the first that was tried"))
	}
	e := &engine{model: model, device: device, window: windowTexts}
	if err := f.fill(ctx, e, log); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// fill loads the parts of an engine.
func (f *modelFlags) fill(ctx context.Context, e *engine, log io.Writer) (err error) {
	m := &e.model.Manifest
	if m.ReadsText() {
		if e.tokenizer, err = tokenize.Load(e.model.Tokenizer()); err != nil {
			return err
		}
	}
	part := mainPart(e.model)
	e.precision = f.choosePrecision(e, part, log)
	e.setting = f.choose(e, log)
	if e.session, err = f.openGraph(e, part, e.precision); err != nil {
		return err
	}
	e.setting = e.setting.or(f.usual(e))
	if m.ReadsImages() {
		e.window = windowPictures
		e.task, err = f.imageTask(ctx, e)
		return err
	}
	if e.device == ort.OpenVINO {
		e.window = windowOpenVINO
	}
	e.task, err = f.textTask(ctx, e)
	return err
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
	case f.threads < 0:
		return label.Errorf(label.ErrUsage, "--threads %d: want 1 or more", f.threads)
	case f.budget < 0:
		return label.Errorf(label.ErrUsage, "--batch %d: want 1 or more", f.budget)
	case f.deviceMemory < 0:
		return label.Errorf(label.ErrUsage, "--device-memory %d: want 0 (all) or more", f.deviceMemory)
	case f.maxPixels < 1:
		return label.Errorf(label.ErrUsage, "--max-pixels %d: want 1 or more", f.maxPixels)
	case f.maxLength < 0 || f.stride < 0:
		return label.Errorf(label.ErrUsage, "--max-length and --stride: want 0 or more")
	case f.labels != nil && f.labelsFile != "":
		return label.Errorf(label.ErrUsage, "--labels and --labels-file: give one of them")
	}
	if name := alsoCalled[f.task]; name != "" {
		f.task = name
	}
	for _, t := range f.templates {
		if inference.TemplateSets[t] == nil && !strings.Contains(t, "{}") {
			return label.Errorf(label.ErrUsage, "--template %q: has no {} for the label to stand in", t)
		}
	}
	return nil
}

// textTask makes the task from what the model is and what was asked for.
func (f *modelFlags) textTask(ctx context.Context, e *engine) (inference.Task, error) {
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
		return f.classification(m, &text, classes, decision)
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
	switch {
	case e.device == ort.OpenVINO:
		text.Steps = stepsOpenVINO
	case !ort.OnProcessor(e.device):
		text.Steps = stepsAccelerator
	}
	if text.Long != inference.LongTruncate {
		text.Stride = min(f.stride, length/2)
	}
	return text, nil
}

// classification makes the task of a classifier, over its label set or the part of it that was asked for.
func (f *modelFlags) classification(m *models.Manifest, input inference.Encoder, classes []inference.Class, d inference.Decision) (inference.Task, error) {
	task := &inference.Classification{Input: input, Labels: m.Labels, Decision: d, Temperature: 1}
	if m.Calibration != nil {
		task.Temperature, task.Calibrated = m.Calibration.Temperature, true
	}
	for _, c := range classes {
		at := slices.Index(m.Labels, c.Name)
		if at < 0 {
			return nil, label.Errorf(label.ErrUsage, "label %q is not in the label set of model %s@%s%s; for labels of your own use %s",
				c.Name, m.Name, m.Version, nearest(c.Name, m.Labels), anyLabels(m))
		}
		task.Only = append(task.Only, at)
	}
	return task, nil
}

func (f *modelFlags) nli(m *models.Manifest, text inference.TextEncoder, classes []inference.Class, d inference.Decision) (inference.Task, error) {
	template := "This example is {}." // transformers' own
	if prompts := f.prompts(m); len(prompts) > 1 {
		return nil, label.Errorf(label.ErrUsage, "--template: an NLI model takes one")
	} else if f.templates != nil {
		template = prompts[0]
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
	scale := f.scale
	if scale == 0 {
		scale = m.LogitScale
	}
	if scale == 0 {
		scale = 20 // sentence-transformers' scale for cosine similarity
	}
	query := embedding(m, text)
	query.Normalize = true
	centers, err := f.centers(ctx, e, e.session, query, classes)
	if err != nil {
		return nil, err
	}
	return &inference.Similarity{Query: query, Labels: names(classes), Centers: centers, Scale: scale, Decision: d}, nil
}

// centers embeds the labels, out of the cache where they were embedded before.
func (f *modelFlags) centers(ctx context.Context, e *engine, s *ort.Session, text *inference.Embedding, classes []inference.Class) ([][]float32, error) {
	var cache inference.Cache
	if dir, err := os.UserCacheDir(); err == nil {
		cache = models.OpenTextCache(filepath.Join(dir, "labelloop", "texts"), e.model, e.labelPrecision())
	}
	return inference.Centers(ctx, s, text, classes, f.prompts(&e.model.Manifest), cache)
}

// prompts gives the templates: those asked for, else the model's own, else the labels as they are.
func (f *modelFlags) prompts(m *models.Manifest) []string {
	var prompts []string
	for _, t := range f.templates {
		if set := inference.TemplateSets[t]; set != nil {
			prompts = append(prompts, set...)
		} else {
			prompts = append(prompts, t)
		}
	}
	switch {
	case prompts != nil:
		return prompts
	case m.Templates != nil:
		return m.Templates
	}
	return []string{"{}"}
}

func embedding(m *models.Manifest, text inference.TextEncoder) *inference.Embedding {
	return &inference.Embedding{Text: text, Pooling: inference.Pooling(m.Pooling), Normalize: m.Normalize}
}
