package models

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// config is what config.json says, in the keys of transformers' PretrainedConfig.
type config struct {
	Architectures []string          `json:"architectures"`
	ModelType     string            `json:"model_type"`
	ID2Label      map[string]string `json:"id2label"`
	NumLabels     int               `json:"num_labels"`
	ProblemType   string            `json:"problem_type"`
	VocabSize     int               `json:"vocab_size"`
	MaxPositions  int               `json:"max_position_embeddings"`
	NPositions    int               `json:"n_positions"` // the same, in GPT-2 and T5
	PadTokenID    *int              `json:"pad_token_id"`
	Transformers  string            `json:"transformers_version"`
	TextConfig    *sideConfig       `json:"text_config"`   // dual encoders
	VisionConfig  *sideConfig       `json:"vision_config"` // dual encoders

	image bool // there is a preprocessor_config.json

	// Labelloop is our own section, written by the training scripts.
	Labelloop struct {
		Calibration *Calibration       `json:"calibration"`
		Metrics     map[string]float64 `json:"metrics"`
		TrainingSet string             `json:"training_set_sha256"`
		Parent      string             `json:"parent"`
		Templates   []string           `json:"templates"`
		LogitScale  float64            `json:"logit_scale"`
		LogitBias   float64            `json:"logit_bias"`
		// Agreement tells of graphs, by their paths, how often they give the label of the most exact one.
		Agreement map[string]*Agreement `json:"agreement"`
	} `json:"labelloop"`
}

// sideConfig is one side of a dual encoder.
type sideConfig struct {
	VocabSize    int `json:"vocab_size"`
	MaxPositions int `json:"max_position_embeddings"`
}

func parseConfig(data []byte) (config, error) {
	var c config
	if err := json.Unmarshal(data, &c); err != nil {
		return config{}, fmt.Errorf("%w: %w", err, ErrDamaged)
	}
	return c, nil
}

func (c *config) architecture() string {
	if len(c.Architectures) == 0 {
		return ""
	}
	return c.Architectures[0]
}

// maxLabels bounds the labels that num_labels alone can ask for.
const maxLabels = 100_000

// labels gives id2label in order of id. Where it is missing there are num_labels of them, LABEL_0 and so on; two where
// that is missing too, as in transformers, which doesn't write either when they have these values.
func (c *config) labels() ([]string, error) {
	if c.ID2Label == nil {
		n := c.NumLabels
		if n == 0 {
			n = 2
		}
		if n < 0 || n > maxLabels {
			return nil, fmt.Errorf("num_labels is %d, want 1 to %d: %w", n, maxLabels, ErrDamaged)
		}
		labels := make([]string, n)
		for i := range labels {
			labels[i] = "LABEL_" + strconv.Itoa(i)
		}
		return labels, nil
	}
	n := len(c.ID2Label)
	labels, given := make([]string, n), make([]bool, n)
	for id, l := range c.ID2Label {
		i, err := strconv.Atoi(id)
		if err != nil || i < 0 || i >= n || given[i] {
			return nil, fmt.Errorf("id2label has %d labels and the id %q: want each of the ids 0 to %d once: %w", n, id, n-1, ErrDamaged)
		}
		labels[i], given[i] = l, true
	}
	if n == 0 {
		return nil, fmt.Errorf("id2label is empty: %w", ErrDamaged)
	}
	return labels, nil
}

// classifies says whether the architecture ends in a classifier over whole texts.
func (c *config) classifies() bool {
	return strings.HasSuffix(c.architecture(), "ForSequenceClassification")
}

// classifier fills in the manifest of a sequence classifier.
func (c *config) classifier(m *Manifest) error {
	labels, err := c.labels()
	if err == nil {
		err = distinct(labels)
	}
	if err != nil {
		return err
	}
	if c.ProblemType == "regression" {
		return fmt.Errorf("problem_type is regression: it gives numbers, not labels: %w", ErrUnsupported)
	}
	m.Task, m.Labels = TextClassification, labels
	// One output alone can't be normalised over labels; transformers' TextClassificationPipeline takes its sigmoid too.
	m.MultiLabel = c.ProblemType == "multi_label_classification" || len(labels) == 1
	m.Entailment, m.Contradiction = nli(labels)
	if m.Entailment >= 0 {
		m.Task = ZeroShotClassification
	}
	return nil
}

// nli finds the outputs of a natural-language-inference model as transformers 4.57's ZeroShotClassificationPipeline
// does: the first label that starts with "entail"; contradiction is output 0, or the last where entailment is 0.
// Both are -1 when there is no such label.
func nli(labels []string) (entailment, contradiction int) {
	entailment = slices.IndexFunc(labels, func(l string) bool { return strings.HasPrefix(strings.ToLower(l), "entail") })
	switch {
	case entailment < 0 || len(labels) < 2:
		return -1, -1
	case entailment == 0:
		return 0, len(labels) - 1
	}
	return entailment, 0
}
