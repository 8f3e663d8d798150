package models

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Training is what a manifest tells of how a model came to be.
type Training struct {
	Examples    []Example // what it was trained on
	MultiLabel  bool
	Calibration *Calibration // nil: none
	Metrics     map[string]float64
	Tools       map[string]string
	Config      map[string]any
}

// AddHead writes a new version of name: a classifier that is the encoder's graph of the given precision with a head at its
// end, in the layout that Hugging Face's tools export, with a manifest. It appears whole or not at all, and is not made the
// current one. The version follows from what is written, so the same training gives the same version again. Errors wrap
// ErrUnsupported where the encoder's graph can't take a head.
func (r Registry) AddHead(ctx context.Context, name string, encoder *Model, precision string, h Head, t Training) (*Model, error) {
	if !nameForm.MatchString(name) {
		return nil, fmt.Errorf("name %q: give one of letters, digits, '.', '_' and '-', 100 at most", name)
	}
	home, temp, err := r.stage(name)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(home) // does nothing when a version is in it
	defer os.RemoveAll(temp)
	m, err := writeHeadModel(ctx, temp, encoder, precision, h, t)
	if err == nil {
		m.Name = name
		err = seal(temp, m)
	}
	if err == nil {
		err = publish(home, temp, *m)
	}
	if err != nil {
		return nil, fmt.Errorf("write %s from %s: %w", name, encoder, err)
	}
	return Open(filepath.Join(home, m.Version))
}

// writeHeadModel writes the files of a head over an encoder, and gives their manifest.
func writeHeadModel(ctx context.Context, temp string, encoder *Model, precision string, h Head, t Training) (*Manifest, error) {
	from, err := openFolder(encoder.Dir)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	to, err := os.OpenRoot(temp)
	if err != nil {
		return nil, err
	}
	defer to.Close()
	part := ""
	if encoder.Split() {
		part = Vision
	}
	file, precision, err := encoder.Graph(part, precision)
	if err != nil {
		return nil, err
	}
	file, err = filepath.Rel(encoder.Dir, file)
	if err != nil {
		return nil, err
	}
	if err := writeHeadGraph(ctx, from, to, encoder, filepath.ToSlash(file), part, precision, h); err != nil {
		return nil, err
	}
	if err := copyBeside(ctx, from, to, encoder); err != nil {
		return nil, err
	}
	examples, digest, err := EncodeTraining(t.Examples)
	if err != nil {
		return nil, err
	}
	if err := writeSync(to, TrainingName, examples); err != nil {
		return nil, err
	}
	config, err := from.headConfig(&encoder.Manifest, h, t, digest)
	if err != nil {
		return nil, err
	}
	if err := writeSync(to, "config.json", config); err != nil {
		return nil, err
	}
	written, err := openFolder(temp)
	if err != nil {
		return nil, err
	}
	defer written.Close()
	m, err := written.describe()
	if err != nil {
		return nil, err
	}
	t.tell(&m, encoder, digest)
	m.Encoder = encoder.String()
	return &m, nil
}

// tell enters in a manifest how the model came to be.
func (t Training) tell(m *Manifest, parent *Model, digest string) {
	m.Parent, m.TrainingSet, m.Config = parent.String(), digest, t.Config
	if t.Calibration != nil {
		m.Calibration = t.Calibration
	}
	if m.Metrics == nil {
		m.Metrics = map[string]float64{}
	}
	maps.Copy(m.Metrics, t.Metrics)
	if m.Tools == nil {
		m.Tools = map[string]string{}
	}
	maps.Copy(m.Tools, t.Tools)
}

// AddTrained copies the model that a training wrote to dir as a new version of name, with what the manifest tells of the
// training, as AddHead does.
func (r Registry) AddTrained(ctx context.Context, dir, name string, parent *Model, t Training) (*Model, error) {
	f, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := f.describe()
	if err != nil {
		return nil, err
	}
	home, temp, err := r.stage(name)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(home) // does nothing when a version is in it
	defer os.RemoveAll(temp)
	if err = f.copyTrained(ctx, temp, &m, parent, t); err == nil {
		m.Name = name
		err = seal(temp, &m)
	}
	if err == nil {
		err = publish(home, temp, m)
	}
	if err != nil {
		return nil, fmt.Errorf("write %s from %s: %w", name, dir, err)
	}
	return Open(filepath.Join(home, m.Version))
}

func (f *folder) copyTrained(ctx context.Context, temp string, m *Manifest, parent *Model, t Training) error {
	to, err := os.OpenRoot(temp)
	if err != nil {
		return err
	}
	defer to.Close()
	examples, digest, err := EncodeTraining(t.Examples)
	if err != nil {
		return err
	}
	m.Files = slices.DeleteFunc(m.Files, func(file File) bool { return file.Path == TrainingName })
	for _, file := range m.Files {
		if err := to.MkdirAll(filepath.FromSlash(path.Dir(file.Path)), 0o755); err != nil {
			return err
		}
		if _, _, err := f.copyFile(ctx, to, file.Path); err != nil {
			return err
		}
	}
	m.Files = append(m.Files, File{Path: TrainingName, Role: RoleTraining, Size: int64(len(examples))})
	t.tell(m, parent, digest)
	return writeSync(to, TrainingName, examples)
}

// writeHeadGraph writes the graph with the head at its end, and copies the files that it keeps weights in.
func writeHeadGraph(ctx context.Context, from *folder, to *os.Root, encoder *Model, file, part, precision string, h Head) error {
	graph, info, err := from.open(file)
	if err != nil {
		return err
	}
	defer graph.Close()
	g, err := from.readGraph(file)
	if err != nil {
		return err
	}
	projection, _, _, err := encoder.Projection(part)
	if err != nil {
		return err
	}
	dir := path.Dir(file)
	target := "model.onnx"
	if precision != "fp32" {
		target = "model_" + precision + ".onnx"
	}
	if err := to.MkdirAll(filepath.FromSlash(dir), 0o755); err != nil {
		return err
	}
	out, err := to.OpenFile(filepath.FromSlash(path.Join(dir, target)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := appendHead(out, graph, info.Size(), &encoder.Manifest, h, projection); err != nil {
		return fmt.Errorf("put a head on %s: %w", from.path(file), err)
	}
	if err := errors.Join(out.Sync(), out.Close()); err != nil {
		return err
	}
	for location := range g.external {
		name := path.Join(dir, location)
		if err := to.MkdirAll(filepath.FromSlash(path.Dir(name)), 0o755); err != nil {
			return err
		}
		if _, _, err := from.copyFile(ctx, to, name); err != nil {
			return err
		}
	}
	return nil
}

// copyBeside copies what belongs to a classifier besides its graph and config.json: tokenizer, preprocessing, licences.
func copyBeside(ctx context.Context, from *folder, to *os.Root, encoder *Model) error {
	names := []string{tokenizerName, "tokenizer_config.json", "special_tokens_map.json", "sentence_bert_config.json", "LICENCE", "LICENSE",
		"LICENSE.md", "LICENSE.txt", "NOTICE"}
	if encoder.Manifest.ReadsImages() {
		names = append(names[4:], preprocessorName)
	}
	for _, name := range names {
		if !from.has(name) {
			continue
		}
		if _, _, err := from.copyFile(ctx, to, name); err != nil {
			return err
		}
	}
	return nil
}

// headConfig gives the config.json of a classifier: the encoder's, with the labels.
func (f *folder) headConfig(encoder *Manifest, h Head, t Training, digest string) ([]byte, error) {
	config := map[string]any{}
	if err := f.readJSON("config.json", &config); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, key := range []string{"text_config", "vision_config", "projection_dim", "logit_scale_init_value"} { // of dual encoders
		delete(config, key)
	}
	ids, labels := map[string]int{}, map[string]string{}
	for i, name := range h.Labels {
		ids[name], labels[strconv.Itoa(i)] = i, name
	}
	kind := "ForSequenceClassification"
	if encoder.ReadsImages() {
		kind = "ForImageClassification"
	}
	config["architectures"] = []string{family(encoder) + kind}
	config["id2label"], config["label2id"] = labels, ids
	config["problem_type"] = "single_label_classification"
	if t.MultiLabel {
		config["problem_type"] = "multi_label_classification"
	}
	config["max_position_embeddings"] = cmp.Or(config["max_position_embeddings"], any(encoder.MaxLength))
	if encoder.ReadsImages() {
		delete(config, "max_position_embeddings")
	}
	ours := map[string]any{"training_set_sha256": digest}
	if t.Calibration != nil {
		ours["calibration"] = t.Calibration
	}
	if t.Metrics != nil {
		ours["metrics"] = t.Metrics
	}
	config["labelloop"] = ours
	return json.MarshalIndent(config, "", "  ")
}

// family is the first part of an architecture's name: Bert of BertModel and BertForMaskedLM.
func family(encoder *Manifest) string {
	name := strings.TrimSuffix(encoder.Architecture, "Model")
	if i := strings.Index(name, "For"); i > 0 {
		name = name[:i]
	}
	return cmp.Or(name, "Encoder")
}

// seal completes the manifest of a version that was written to a directory, and writes it there.
func seal(dir string, m *Manifest) error {
	f, err := openFolder(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.digest(m.Files); err != nil {
		return err
	}
	slices.SortFunc(m.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	m.Version = version(m.Files)
	if err := m.check(); err != nil {
		return err
	}
	data, err := m.encode()
	if err != nil {
		return err
	}
	if err := writeSync(f.root, manifestName, data); err != nil {
		return err
	}
	if err := writeSync(f.root, sumName, sumLine(data)); err != nil {
		return err
	}
	dirs := map[string]bool{".": true}
	for _, file := range m.Files {
		for d := path.Dir(file.Path); !dirs[d]; d = path.Dir(d) {
			dirs[d] = true
		}
	}
	for d := range dirs {
		if err := syncDir(filepath.Join(dir, filepath.FromSlash(d))); err != nil {
			return err
		}
	}
	return nil
}
