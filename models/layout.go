package models

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// describe makes the manifest of a bare directory, as Optimum, sentence-transformers and transformers.js lay it out.
// It lacks what takes reading every byte: the digests and the version.
func (f *folder) describe() (Manifest, error) {
	graphs, err := f.graphs()
	if err != nil {
		return Manifest{}, err
	}
	if len(graphs) == 0 || !f.has("config.json") {
		return Manifest{}, f.missing(graphs, "config.json", tokenizerName)
	}
	data, err := f.read("config.json")
	if err != nil {
		return Manifest{}, err
	}
	c, err := parseConfig(data)
	if err != nil {
		return Manifest{}, fmt.Errorf("parse %s: %w", f.path("config.json"), err)
	}
	c.image = f.has(preprocessorName)
	if err := f.missing(graphs, c.needs()...); err != nil {
		return Manifest{}, err
	}
	m := Manifest{
		Name:          nameOf(f.dir),
		Architecture:  c.architecture(),
		ModelType:     c.ModelType,
		Entailment:    -1,
		Contradiction: -1,
		VocabSize:     max(c.VocabSize, 0),
		Calibration:   c.Labelloop.Calibration,
		Templates:     c.Labelloop.Templates,
		LogitScale:    c.Labelloop.LogitScale,
		LogitBias:     c.Labelloop.LogitBias,
		TrainingSet:   c.Labelloop.TrainingSet,
		Parent:        c.Labelloop.Parent,
		Metrics:       c.Labelloop.Metrics,
	}
	if c.Transformers != "" {
		m.Tools = map[string]string{"transformers": c.Transformers}
	}
	modules, err := f.modules()
	if err != nil {
		return Manifest{}, err
	}
	if err := f.members(&m, c.chosen(graphs), modules); err != nil {
		return Manifest{}, err
	}
	for i := range m.Files {
		m.Files[i].Agreement = c.Labelloop.Agreement[m.Files[i].Path]
	}
	if err := f.task(&m, c, modules); err != nil {
		return Manifest{}, err
	}
	if err := m.checkMeaning(); err != nil {
		return Manifest{}, fmt.Errorf("use %s: %w", f.path("config.json"), err)
	}
	return m, nil
}

// task finds out what the model does, and fills in the parts of the manifest that go with it.
func (f *folder) task(m *Manifest, c config, modules []module) error {
	arch := c.architecture()
	if c.image {
		if err := c.imageTask(m); err != nil || !m.ReadsText() {
			return err
		}
	}
	var err error
	if m.MaxLength, err = f.maxLength(c); err != nil {
		return err
	}
	switch {
	case m.Task == ZeroShotImage:
		return nil
	case c.classifies():
		if err := c.classifier(m); err != nil {
			return fmt.Errorf("use %s: %w", f.path("config.json"), err)
		}
		return nil
	// Encoders keep the architecture that they were pretrained as (MPNetForMaskedLM); what counts is what was exported.
	case len(modules) > 0, arch == "", strings.HasSuffix(arch, "Model"), !slices.Contains(m.Outputs, "logits"):
		return f.encoder(m, modules)
	}
	return fmt.Errorf("use %s: architecture %s is neither a sequence classifier nor an encoder: %w",
		f.path("config.json"), arch, ErrUnsupported)
}

// graphs lists the ONNX files that can be the model: model*.onnx, or vision_model*.onnx and text_model*.onnx, in the
// directory or in onnx/; where there are none, a single .onnx file of any name.
func (f *folder) graphs() ([]string, error) {
	var named, all []string
	for _, dir := range []string{".", "onnx"} {
		entries, err := f.list(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.IsDir() || path.Ext(e.Name()) != ".onnx" {
				continue
			}
			p := path.Join(dir, e.Name())
			all = append(all, p)
			if stem := strings.TrimSuffix(e.Name(), ".onnx") + "_"; strings.HasPrefix(stem, "model_") || partOf(stem) != "" {
				named = append(named, p)
			}
		}
	}
	if len(named) == 0 && len(all) == 1 {
		return all, nil
	}
	return named, nil
}

// partOf reads out of a graph's name which half of a dual encoder it is, "" where it is no half.
func partOf(file string) string {
	for _, part := range []string{Vision, Text} {
		if rest, ok := strings.CutPrefix(path.Base(file), part+"_model"); ok && (rest[0] == '_' || rest[0] == '.') {
			return part
		}
	}
	return ""
}

// missing says what a directory lacks to be a model that needs these files, and what it holds instead.
func (f *folder) missing(graphs []string, needs ...string) error {
	var lacks []string
	for _, name := range needs {
		if !f.has(name) {
			lacks = append(lacks, name)
		}
	}
	if len(graphs) == 0 {
		lacks = append(lacks, "model*.onnx here or in onnx/")
	}
	if len(lacks) == 0 {
		return nil
	}
	there := "it is empty"
	if entries, _ := f.list("."); len(entries) > 0 {
		names := make([]string, len(entries))
		for i, e := range entries {
			names[i] = e.Name()
		}
		there = "there are " + some(names)
	}
	hint := ""
	if len(graphs) == 0 && (f.has("model.safetensors") || f.has("pytorch_model.bin")) {
		hint = "; its PyTorch weights have to be exported to ONNX first"
	}
	return fmt.Errorf("open model %s: no manifest.json, and no %s; %s%s: %w", f.dir, strings.Join(lacks, ", no "), there, hint, ErrNotModel)
}

// some lists the first few names.
func some(names []string) string {
	const most = 12
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// members fills in the files that make up the model and the outputs of its graph; other files, such as weights for
// other frameworks, are no part of it.
func (f *folder) members(m *Manifest, graphs []string, modules []module) error {
	roles := map[string]string{tokenizerName: RoleTokenizer, TrainingName: RoleTraining}
	for _, name := range []string{"config.json", preprocessorName, "config_sentence_transformers.json", "modules.json",
		"sentence_bert_config.json", "special_tokens_map.json", "tokenizer_config.json"} {
		roles[name] = RoleConfig
	}
	for _, mod := range modules {
		if c := mod.config(); c != "" {
			roles[c] = RoleConfig
		}
	}
	for _, name := range []string{"LICENCE", "LICENSE", "LICENSE.md", "LICENSE.txt", "NOTICE", "README.md"} {
		roles[name] = RoleDocument
	}
	maps.DeleteFunc(roles, func(name, _ string) bool { return !f.has(name) })
	needs := map[string]int64{}
	split := slices.ContainsFunc(graphs, func(g string) bool { return partOf(g) == Text })
	projected := false
	for _, name := range graphs {
		roles[name] = RoleGraph
		g, err := f.readGraph(name)
		if err != nil {
			return err
		}
		if m.Outputs == nil {
			m.Outputs = g.outputs
		}
		projected = projected || slices.Contains(g.outputs, "image_embeds") || slices.Contains(g.outputs, "text_embeds")
		for location, size := range g.external {
			p := path.Join(path.Dir(name), location)
			needs[p] = max(needs[p], size)
			if roles[p] == "" {
				roles[p] = RoleWeights
			}
		}
	}
	if split && f.has(weightsName) {
		if err := f.weights(m, projected); err != nil {
			return err
		}
		if m.Projection {
			roles[weightsName] = RoleWeights
		}
	}
	for _, name := range slices.Sorted(maps.Keys(roles)) {
		file, info, err := f.open(name)
		if roles[name] == RoleWeights && errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w; a graph keeps its weights there: %w", err, ErrDamaged)
		}
		if err != nil {
			return err
		}
		file.Close()
		if info.Size() < needs[name] {
			return fmt.Errorf("read weights %s: %d bytes, the graph wants %d: %w", f.path(name), info.Size(), needs[name], ErrDamaged)
		}
		entry := File{Path: name, Role: roles[name], Size: info.Size()}
		if entry.Role == RoleGraph {
			entry.Precision = precisionOf(name)
			if split {
				entry.Part = partOf(name)
			}
		}
		m.Files = append(m.Files, entry)
	}
	return nil
}
