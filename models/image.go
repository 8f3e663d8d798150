package models

import (
	"fmt"
	"slices"
	"strings"
)

const (
	tokenizerName    = "tokenizer.json"
	preprocessorName = "preprocessor_config.json"
)

// dual says whether the model embeds both pictures and texts.
func (c *config) dual() bool { return c.TextConfig != nil && c.VisionConfig != nil }

// needs names the files that a model of this kind can't do without.
func (c *config) needs() []string {
	switch {
	case c.dual():
		return []string{tokenizerName, preprocessorName}
	case c.readsImages():
		return []string{preprocessorName}
	}
	return []string{tokenizerName}
}

// readsImages says whether the model takes pictures alone.
func (c *config) readsImages() bool {
	return c.image && !c.dual() || strings.HasSuffix(c.architecture(), "ForImageClassification")
}

// chosen picks the graphs to use out of those that are there. A dual encoder may come as one graph, as two, or both ways.
// Two are preferred, for a picture then costs no text; but they say nothing of the scale and bias of SigLIP's logits.
func (c *config) chosen(graphs []string) []string {
	of := func(part string) []string {
		return slices.DeleteFunc(slices.Clone(graphs), func(g string) bool { return partOf(g) != part })
	}
	whole, vision, text := of(""), of(Vision), of(Text)
	switch {
	case len(vision) == 0 || len(text) == 0, !c.dual():
		if len(whole) == 0 {
			return vision // the image half alone is an image encoder
		}
		return whole
	case len(whole) > 0 && c.sigmoid() && c.Labelloop.LogitScale == 0:
		return whole
	}
	return append(vision, text...)
}

// sigmoid says whether a dual encoder judges each label by itself.
func (c *config) sigmoid() bool { return strings.HasPrefix(c.ModelType, "siglip") }

// clipScale is exp(4.6052), which the logit scale of OpenAI's and LAION's CLIP models is clipped to, and ends at.
const clipScale = 100

// imageTask fills in the manifest of a model that takes pictures.
func (c *config) imageTask(m *Manifest) error {
	switch {
	case c.dual():
		return c.dualEncoder(m)
	case strings.HasSuffix(c.architecture(), "ForImageClassification"):
		labels, err := c.labels()
		if err != nil {
			return err
		}
		m.Task, m.Labels = ImageClassification, numbered(labels)
		m.MultiLabel = c.ProblemType == "multi_label_classification"
		return distinct(m.Labels)
	case strings.Contains(c.architecture(), "For"):
		return fmt.Errorf("architecture %s is neither an image classifier nor an encoder: %w", c.architecture(), ErrUnsupported)
	}
	m.Task = ImageFeatureExtraction
	return nil
}

func (c *config) dualEncoder(m *Manifest) error {
	m.Task, m.MultiLabel, m.PadToMax = ZeroShotImage, c.sigmoid(), c.sigmoid()
	m.VocabSize = max(c.TextConfig.VocabSize, 0)
	if c.TextConfig.MaxPositions == 0 { // transformers leaves out what is its own default
		c.TextConfig.MaxPositions = 77
		if c.sigmoid() {
			c.TextConfig.MaxPositions = 64
		}
	}
	if len(m.Templates) == 0 {
		m.Templates = []string{"This is a photo of {}."} // transformers' own
	}
	if len(c.ID2Label) > 0 && c.ModelType == "conse" {
		labels, err := c.labels()
		if err != nil {
			return err
		}
		m.Labels = numbered(labels)
	}
	if m.LogitScale == 0 && slices.ContainsFunc(m.Files, func(f File) bool { return f.Part == Vision }) {
		if c.sigmoid() {
			return fmt.Errorf("vision_model and text_model do not hold the logit scale and bias: put model.onnx or model.safetensors beside them, "+
				"or write {\"labelloop\": {\"logit_scale\": ..., \"logit_bias\": ...}} into config.json: %w", ErrUnsupported)
		}
		m.LogitScale = clipScale
	}
	return nil
}

// numbered tells labels of the same name apart by their index: ImageNet's 1,000 have two cranes.
func numbered(labels []string) []string {
	count := map[string]int{}
	for _, l := range labels {
		count[l]++
	}
	out := slices.Clone(labels)
	for i, l := range labels {
		if count[l] > 1 {
			out[i] = fmt.Sprintf("%s (%d)", l, i)
		}
	}
	return out
}
