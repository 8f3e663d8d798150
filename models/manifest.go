package models

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"regexp"
	"slices"
	"strings"
)

// Tasks that a manifest can name, by Hugging Face's names.
const (
	TextClassification     = "text-classification"
	ZeroShotClassification = "zero-shot-classification" // an NLI cross-encoder: premise and hypothesis in, entailment out
	FeatureExtraction      = "feature-extraction"       // an encoder: one embedding for each text

	ImageClassification    = "image-classification"
	ZeroShotImage          = "zero-shot-image-classification" // a dual encoder: embeddings of pictures and texts in one space
	ImageFeatureExtraction = "image-feature-extraction"       // an encoder: one embedding for each picture
)

// Parts of a dual encoder that has two graphs.
const (
	Vision = "vision"
	Text   = "text"
)

// Roles that a file can have in a model.
const (
	RoleGraph     = "graph"     // an ONNX file
	RoleWeights   = "weights"   // tensors that a graph keeps outside its own file
	RoleTokenizer = "tokenizer" // tokenizer.json
	RoleConfig    = "config"
	RoleTraining  = "training" // training.txt: what the model was trained on
	RoleDocument  = "document" // licence, model card
)

// Manifest describes one model version: what it does and which files it is made of.
type Manifest struct {
	Name string `json:"name"`
	// Version is the first 12 hex digits of the SHA-256 over the lines "sha256  size  path\n" of Files, sorted.
	Version      string `json:"version"`
	Task         string `json:"task"`
	Architecture string `json:"architecture,omitempty"` // config.json: architectures[0]
	ModelType    string `json:"model_type,omitempty"`

	// Labels stand in the order of the classifier's outputs. Encoders have none, but for those that embed a picture by
	// way of a classifier's labels (ConSE), which have that classifier's.
	Labels     []string `json:"labels,omitempty"`
	MultiLabel bool     `json:"multi_label,omitempty"` // labels are independent: sigmoid, not softmax
	// Entailment and Contradiction are indexes into Labels, -1 unless Task is ZeroShotClassification.
	Entailment    int `json:"entailment"`
	Contradiction int `json:"contradiction"`

	MaxLength int      `json:"max_length"`           // longest input in tokens, special tokens included
	PadToMax  bool     `json:"pad_to_max,omitempty"` // texts are padded to MaxLength, as the model was trained (SigLIP)
	VocabSize int      `json:"vocab_size"`           // rows of the token embedding; 0 where config.json doesn't say
	Outputs   []string `json:"outputs"`              // output tensors of the graph

	// Pooling is "mean", "cls", "max", "mean_sqrt_len" or "lasttoken"; "" where the graph pools, or the task needs none.
	Pooling   string `json:"pooling,omitempty"`
	Normalize bool   `json:"normalize,omitempty"` // embeddings are divided by their L2 norm

	Calibration *Calibration `json:"calibration,omitempty"`
	Templates   []string     `json:"templates,omitempty"`   // zero-shot prompts, each with one "{}"
	LogitScale  float64      `json:"logit_scale,omitempty"` // factor on cosines; 0 where the model has none
	LogitBias   float64      `json:"logit_bias,omitempty"`  // added to them
	Projection  bool         `json:"projection,omitempty"`  // model.safetensors holds what brings both parts to one space

	Files []File `json:"files"` // sorted by path

	Parent      string             `json:"parent,omitempty"`       // version that this one was trained from
	TrainingSet string             `json:"training_set,omitempty"` // SHA-256 of the training set
	Metrics     map[string]float64 `json:"metrics,omitempty"`
	Tools       map[string]string  `json:"tools,omitempty"`  // tool: version
	Config      map[string]any     `json:"config,omitempty"` // how it was trained: method, seed and settings
	// Encoder is the name@version of the model whose graph this one's is, with a head at its end; "" where it is none.
	Encoder string `json:"encoder,omitempty"`
}

// Calibration holds the temperature that a classifier's logits are divided by before softmax or sigmoid
// (Guo et al., ICML 2017), and the data it was fitted on.
type Calibration struct {
	Temperature float64 `json:"temperature"`
	FittedOn    string  `json:"fitted_on"`
}

// File is one file of a model.
type File struct {
	Path      string `json:"path"` // relative to the model directory, with slashes
	Role      string `json:"role"`
	Part      string `json:"part,omitempty"`      // graphs of a dual encoder: vision or text; "" where one graph is both
	Precision string `json:"precision,omitempty"` // graphs: fp32, fp16, int8, ...
	Size      int64  `json:"size"`                // bytes
	SHA256    string `json:"sha256"`

	Agreement *Agreement `json:"agreement,omitempty"` // graphs of a classifier: with the most exact one; nil where it is not known
}

// Agreement is how often a graph gives the label that the most exact graph of the model gives, on samples that it was not made from.
type Agreement struct {
	Share   float64 `json:"share"` // 0 to 1
	Samples int     `json:"samples"`
}

const (
	manifestName = "manifest.json"
	// sumName holds the manifest's own digest, in the form that `sha256sum -c` reads.
	sumName = "manifest.json.sha256"
)

var (
	nameForm    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)
	versionForm = regexp.MustCompile(`^[0-9a-f]{12}$`)
	digestForm  = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// parseManifest reads a manifest and refuses one that could mislead: paths that leave the directory, labels that
// can't be told apart, a version that is not that of its files.
func parseManifest(data []byte) (Manifest, error) {
	m := Manifest{Entailment: -1, Contradiction: -1}
	if err := json.Unmarshal(data, &m); err != nil {
		return Manifest{}, fmt.Errorf("%w: %w", err, ErrDamaged)
	}
	if err := m.check(); err != nil {
		return Manifest{}, err
	}
	return m, nil
}

func (m *Manifest) check() error {
	if !nameForm.MatchString(m.Name) {
		return fmt.Errorf("name %q: want letters, digits, '.', '_' and '-', 100 at most: %w", m.Name, ErrDamaged)
	}
	if len(m.Files) == 0 {
		return fmt.Errorf("no files are listed: %w", ErrDamaged)
	}
	for i, f := range m.Files {
		if err := localPath(f.Path); err != nil {
			return err
		}
		if f.Path == manifestName || f.Path == sumName || f.Size < 0 || !digestForm.MatchString(f.SHA256) {
			return fmt.Errorf("file %q: bad path, size or sha256: %w", f.Path, ErrDamaged)
		}
		if i > 0 && m.Files[i-1].Path >= f.Path {
			return fmt.Errorf("file %q: listed twice or out of order: %w", f.Path, ErrDamaged)
		}
	}
	if v := version(m.Files); v != m.Version {
		return fmt.Errorf("version is %q, its files make %q: %w", m.Version, v, ErrDamaged)
	}
	return m.checkMeaning()
}

// checkMeaning checks what doesn't hang on the files.
func (m *Manifest) checkMeaning() error {
	if err := distinct(m.Labels); err != nil {
		return err
	}
	if len(m.Labels) == 0 && !slices.Contains([]string{FeatureExtraction, ImageFeatureExtraction, ZeroShotImage}, m.Task) {
		return fmt.Errorf("task %q without labels: %w", m.Task, ErrDamaged)
	}
	if n := len(m.Labels); m.Entailment < -1 || m.Entailment >= n || m.Contradiction < -1 || m.Contradiction >= n {
		return fmt.Errorf("entailment %d, contradiction %d: want indexes of the %d labels: %w",
			m.Entailment, m.Contradiction, n, ErrDamaged)
	}
	if m.MaxLength < 1 && m.ReadsText() || m.VocabSize < 0 {
		return fmt.Errorf("max_length %d, vocab_size %d: out of range: %w", m.MaxLength, m.VocabSize, ErrDamaged)
	}
	for _, t := range m.Templates {
		if strings.Count(t, "{}") != 1 {
			return fmt.Errorf("template %q: want exactly one {}: %w", t, ErrDamaged)
		}
	}
	if c := m.Calibration; c != nil && !(c.Temperature > 0 && c.Temperature <= math.MaxFloat32) {
		return fmt.Errorf("calibration temperature is %v, want a number over 0: %w", c.Temperature, ErrDamaged)
	}
	for _, f := range m.Files {
		if a := f.Agreement; a != nil && !(a.Share >= 0 && a.Share <= 1 && a.Samples >= 0) {
			return fmt.Errorf("agreement of %s is %v of %d samples, want a share from 0 to 1: %w", f.Path, a.Share, a.Samples, ErrDamaged)
		}
	}
	return nil
}

// ReadsText says whether the model has a text side, and so a tokenizer.
func (m *Manifest) ReadsText() bool {
	return m.Task != ImageClassification && m.Task != ImageFeatureExtraction
}

// ReadsImages says whether the model has an image side, and so a preprocessor_config.json.
func (m *Manifest) ReadsImages() bool { return !m.ReadsText() || m.Task == ZeroShotImage }

// localPath refuses paths that are not plain slash-separated ones below the model directory.
func localPath(p string) error {
	if !fs.ValidPath(p) || p == "." || strings.ContainsAny(p, "\\:\x00") {
		return fmt.Errorf("path %q: %w", p, ErrUnsafe)
	}
	return nil
}

// distinct refuses labels that a person or a column name could not tell apart.
func distinct(labels []string) error {
	seen := make(map[string]int, len(labels))
	for i, l := range labels {
		if l == "" {
			return fmt.Errorf("label %d is empty: %w", i, ErrDamaged)
		}
		if j, ok := seen[l]; ok {
			return fmt.Errorf("labels %d and %d are both %q: rename one in config.json: %w", j, i, l, ErrDamaged)
		}
		seen[l] = i
	}
	return nil
}

// version names a set of files by their content.
func version(files []File) string {
	lines := make([]string, len(files))
	for i, f := range files {
		lines[i] = fmt.Sprintf("%s  %d  %s\n", f.SHA256, f.Size, f.Path)
	}
	slices.Sort(lines)
	h := sha256.New()
	for _, l := range lines {
		h.Write([]byte(l))
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// encode gives the content of manifest.json.
func (m *Manifest) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(m)
	return b.Bytes(), err
}

// sumLine gives the content of manifest.json.sha256.
func sumLine(manifest []byte) []byte {
	return fmt.Appendf(nil, "%x  %s\n", sha256.Sum256(manifest), manifestName)
}
