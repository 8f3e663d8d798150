package models

import (
	"fmt"
	"slices"
	"strings"
)

// module is one entry of sentence-transformers' modules.json.
type module struct {
	Path string `json:"path"`
	Type string `json:"type"`
}

// kind is the last part of the type: Transformer, Pooling, Normalize, Dense ...
func (m module) kind() string { return m.Type[strings.LastIndexByte(m.Type, '.')+1:] }

// config names the module's settings, relative to the model directory; "" for a module in the directory itself.
func (m module) config() string {
	if m.Path == "" || m.Path == "." {
		return ""
	}
	return strings.TrimSuffix(m.Path, "/") + "/config.json"
}

func (f *folder) modules() ([]module, error) {
	var modules []module
	if err := f.readJSON("modules.json", &modules); err != nil {
		return nil, err
	}
	for _, m := range modules {
		if c := m.config(); c != "" {
			if err := localPath(c); err != nil {
				return nil, fmt.Errorf("module of %s: %w", f.path("modules.json"), err)
			}
		}
	}
	return modules, nil
}

// encoder fills in the manifest of a text encoder: how token vectors become one embedding, as sentence-transformers
// does it. Without modules.json that is the normalised mean over the tokens. A graph with the output
// sentence_embedding holds the whole chain of modules, and needs neither.
func (f *folder) encoder(m *Manifest, modules []module) error {
	m.Task = FeatureExtraction
	whole := slices.Contains(m.Outputs, "sentence_embedding")
	if len(modules) == 0 && !whole {
		m.Pooling, m.Normalize = "mean", true
		return nil
	}
	for _, mod := range modules {
		kind := mod.kind()
		switch {
		case kind == "Normalize":
			m.Normalize = true
		case whole, kind == "Transformer", kind == "Dropout":
		case kind == "Pooling":
			pooling, err := f.pooling(mod)
			if err != nil {
				return err
			}
			m.Pooling = pooling
		default:
			return fmt.Errorf("use %s: module %s is not in the graph; export with sentence_embedding as output: %w",
				f.path("modules.json"), mod.Type, ErrUnsupported)
		}
	}
	if m.Pooling == "" && !whole {
		return fmt.Errorf("use %s: no Pooling module: %w", f.path("modules.json"), ErrUnsupported)
	}
	return nil
}

// poolings maps sentence-transformers' names, the key of each before version 5.7 and the value since, to ours.
var poolings = []struct{ key, value, name string }{
	{"pooling_mode_mean_tokens", "mean", "mean"},
	{"pooling_mode_cls_token", "cls", "cls"},
	{"pooling_mode_max_tokens", "max", "max"},
	{"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", "mean_sqrt_len"},
	{"pooling_mode_lasttoken", "lasttoken", "lasttoken"},
	{"pooling_mode_weightedmean_tokens", "weightedmean", ""},
}

func (f *folder) pooling(m module) (string, error) {
	name := m.config()
	if name == "" {
		name = "config.json"
	}
	var settings map[string]any
	if err := f.readJSON(name, &settings); err != nil {
		return "", err
	}
	if settings == nil {
		return "mean", nil // sentence-transformers' own default
	}
	var found []string
	for _, p := range poolings {
		if settings[p.key] == true || settings["pooling_mode"] == p.value {
			found = append(found, p.name)
		}
	}
	if len(found) != 1 || found[0] == "" {
		return "", fmt.Errorf("use %s: want one pooling of mean, cls, max, mean_sqrt_len and lasttoken: %w", f.path(name), ErrUnsupported)
	}
	return found[0], nil
}
