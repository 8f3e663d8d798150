package main

import (
	"context"
	"fmt"
	"os"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/inference/ort"
	"github.com/labelloop/labelloop/inference/pixel"
	"github.com/labelloop/labelloop/inference/pixel/libjpeg"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/models"
)

// imageTask makes the task of a model that takes pictures from what it is and what was asked for.
func (f *modelFlags) imageTask(ctx context.Context, e *engine) (inference.Task, error) {
	m := &e.model.Manifest
	libjpeg.Load(below("lib")...)
	image, err := f.imageEncoder(e.model)
	if err != nil {
		return nil, err
	}
	classes, err := f.classes()
	if err != nil {
		return nil, err
	}
	task := f.task
	if task == taskAuto {
		switch {
		case m.Task == models.ImageClassification:
			task = taskImageClassify
		case m.Task == models.ZeroShotImage:
			task = taskImageZeroShot
		default:
			task = taskImageEmbed
		}
	}
	decision := inference.Decision{MultiLabel: m.MultiLabel || f.multiLabel, Threshold: f.threshold, TopK: f.topK}
	switch {
	case f.explain && (m.Task != models.ZeroShotImage || m.Labels == nil || task == taskImageEmbed):
		return nil, label.Errorf(label.ErrUsage, "--explain: model %s does not label by way of other classes; conse-lite0 does", e.model)
	case task == taskImageClassify && m.Task == models.ImageClassification:
		return f.classification(m, image, classes, decision)
	case task == taskImageZeroShot && m.Task == models.ZeroShotImage && classes == nil:
		return nil, label.Errorf(label.ErrUsage, "model %s labels with words that you choose: give them by --labels a,b or --labels-file F", e.model)
	case task == taskImageZeroShot && m.Task == models.ZeroShotImage:
		return f.imageZeroShot(ctx, e, image, classes, decision)
	case task == taskImageEmbed && m.Task != models.ImageClassification:
		if m.Task == models.ZeroShotImage && !e.model.Split() {
			text, err := f.labelEncoder(e)
			if err != nil {
				return nil, err
			}
			inference.Join(&text, image)
		}
		last, err := projection(e.model, models.Vision)
		return &inference.ImageEmbedding{Image: *image, Projection: last, Normalize: m.Task == models.ZeroShotImage}, err
	}
	return nil, label.Errorf(label.ErrUsage, "--task %s: model %s is made for %s", task, e.model, m.Task)
}

func (f *modelFlags) imageEncoder(model *models.Model) (*inference.ImageEncoder, error) {
	path := model.Preprocessor()
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the model's preprocessing: %w", err)
	}
	processor, err := pixel.ParseProcessor(data)
	if err != nil {
		return nil, fmt.Errorf("use %s: %w: %w", path, err, label.ErrBadModel)
	}
	return &inference.ImageEncoder{Decoder: pixel.Decoder{MaxPixels: f.maxPixels, Orient: f.orient}, Processor: processor}, nil
}

// labelEncoder is the text side of a dual encoder.
func (f *modelFlags) labelEncoder(e *engine) (inference.TextEncoder, error) {
	text, err := f.textEncoder(e)
	if e.model.Manifest.PadToMax {
		text.Width = text.MaxLength
	}
	return text, err
}

// imageZeroShot embeds the labels by the model's text side, and compares pictures with them.
func (f *modelFlags) imageZeroShot(ctx context.Context, e *engine, image *inference.ImageEncoder, classes []inference.Class, d inference.Decision) (inference.Task, error) {
	m := &e.model.Manifest
	text, err := f.labelEncoder(e)
	if err != nil {
		return nil, err
	}
	similarity := &inference.Similarity{Labels: names(classes), Scale: m.LogitScale, Bias: m.LogitBias, Decision: d}
	var session *ort.Session
	if e.model.Split() {
		if session, err = f.openGraph(e, models.Text, e.labelPrecision()); err != nil {
			return nil, err
		}
		defer session.Close() // its work is done when the labels are embedded
	} else {
		session = e.session
		if similarity.Scale == 0 {
			if similarity.Scale, similarity.Bias, err = inference.ProbeScale(ctx, session, text, *image, m.MultiLabel); err != nil {
				return nil, err
			}
		}
		inference.Join(&text, image)
	}
	if f.scale != 0 {
		similarity.Scale = f.scale
	}
	query := &inference.ImageEmbedding{Image: *image, Normalize: true}
	if f.explain {
		query.Classes = m.Labels
	}
	if query.Projection, err = projection(e.model, models.Vision); err != nil {
		return nil, err
	}
	prompt := &inference.Embedding{Text: text}
	if prompt.Projection, err = projection(e.model, models.Text); err != nil {
		return nil, err
	}
	similarity.Query = query
	similarity.Centers, err = f.centers(ctx, e, session, prompt, classes)
	return similarity, err
}

// projection reads the last layer of a part, where the model keeps it beside the graph.
func projection(model *models.Model, part string) (*inference.Projection, error) {
	weights, rows, cols, err := model.Projection(part)
	if weights == nil || err != nil {
		return nil, err
	}
	return &inference.Projection{Out: rows, In: cols, Weights: weights}, nil
}

// anyLabels names a model of the same kind that takes any labels.
func anyLabels(m *models.Manifest) string {
	if m.ReadsImages() {
		return "a CLIP-like model such as conse-lite0"
	}
	return "an embedding or NLI model such as minilm"
}
