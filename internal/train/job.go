// Package train makes training sets out of what people answered, and runs the scripts that train on them.
package train

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Names of the files of a job's folder. The model lies beside them in the layout of a Hugging Face export.
const (
	configName  = "job.json"
	metricsName = "metrics.json"
)

// Config is what a training script is told, in the keys that docs/training.md describes. What is zero is left to the script.
type Config struct {
	Method      string   `json:"method"` // finetune, lora, setfit, probe or wiseft
	Model       string   `json:"model"`  // folder of the model to start from
	Train       string   `json:"train"`  // JSONL: {"text" or "image", "labels"}
	Labels      []string `json:"labels"` // in the order of the outputs
	MultiLabel  bool     `json:"multi_label,omitempty"`
	TrainingSet string   `json:"training_set_sha256,omitempty"`

	Epochs       int      `json:"epochs,omitempty"`
	BatchSize    int      `json:"batch_size,omitempty"`
	LearningRate float64  `json:"learning_rate,omitempty"`
	ClassWeights bool     `json:"class_weights,omitempty"`
	Templates    []string `json:"templates,omitempty"` // prompts of a dual encoder
	Seed         uint32   `json:"seed,omitempty"`
	Device       string   `json:"device,omitempty"` // auto, cpu or cuda
	Threads      int      `json:"threads,omitempty"`
}

// Event is a line of a script's log.
type Event struct {
	Event      string             `json:"event"` // start, resumed, step, epoch, interpolation, warning, error, interrupted, done
	Phase      string             `json:"phase"`
	Step       int                `json:"step"` // of Steps, from 1
	Steps      int                `json:"steps"`
	Loss       float64            `json:"loss"`
	ETA        float64            `json:"eta"` // seconds
	Epoch      int                `json:"epoch"`
	Epochs     int                `json:"epochs"`
	Validation map[string]float64 `json:"validation"`
	Message    string             `json:"message"`
}

// Metrics is what a script found out about the model that it wrote.
type Metrics struct {
	Method          string             `json:"method"`
	TrainItems      int                `json:"train_items"`
	ValidationItems int                `json:"validation_items"` // set aside from the training set
	Epochs          int                `json:"epochs"`
	Validation      map[string]float64 `json:"validation"`      // accuracy, macro_f1, log_loss, log_loss_calibrated
	ONNXDifference  float64            `json:"onnx_difference"` // of the written graph's logits and PyTorch's
	Seconds         float64            `json:"seconds"`
	Tools           map[string]string  `json:"tools"` // tool: version
}

// write puts the configuration into a job's folder.
func (c Config) write(dir string) (path string, err error) {
	for _, p := range []*string{&c.Model, &c.Train} { // a script's relative paths begin at its configuration
		if *p, err = filepath.Abs(*p); err != nil {
			return "", err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, configName)
	temp := path + ".tmp"
	if err := os.WriteFile(temp, append(data, '\n'), 0o644); err != nil {
		return "", err
	}
	return path, os.Rename(temp, path)
}

func readMetrics(dir string) (Metrics, error) {
	path := filepath.Join(dir, metricsName)
	data, err := os.ReadFile(path)
	if err != nil {
		return Metrics{}, fmt.Errorf("read what the training found out: %w", err)
	}
	var m Metrics
	if err := json.Unmarshal(data, &m); err != nil {
		return Metrics{}, fmt.Errorf("read %s: %w", path, err)
	}
	return m, nil
}
