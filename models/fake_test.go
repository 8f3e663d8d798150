package models

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// TestMain keeps remembered digests out of the user's cache.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "labelloop-cache-*")
	if err != nil {
		panic(err)
	}
	os.Setenv("HOME", dir)
	os.Setenv("XDG_CACHE_HOME", dir)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// files is a directory to be written: path to content.
type files map[string]string

// with gives a copy with other files; a content of "-" takes the file out.
func (f files) with(changes files) files {
	out := files{}
	for name, content := range f {
		out[name] = content
	}
	for name, content := range changes {
		if out[name] = content; content == "-" {
			delete(out, name)
		}
	}
	return out
}

// write makes the directory as NAME in a new temporary one.
func (f files) write(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	for file, content := range f {
		path := filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// msg builds a protobuf message: number and payload in turn.
func msg(fields ...any) string {
	var b []byte
	for i := 0; i < len(fields); i += 2 {
		num := uint64(fields[i].(int))
		switch v := fields[i+1].(type) {
		case int:
			b = binary.AppendUvarint(b, num<<3)
			b = binary.AppendUvarint(b, uint64(v))
		case string:
			b = binary.AppendUvarint(b, num<<3|2)
			b = binary.AppendUvarint(b, uint64(len(v)))
			b = append(b, v...)
		}
	}
	return string(b)
}

// onnx builds an ONNX model of one Identity node, with one output and the given tensors as initializers.
func onnx(output string, tensors ...string) string {
	graph := msg(1, msg(1, "x", 2, output, 4, "Identity"), 2, "g", 11, msg(1, "x"), 12, msg(1, output))
	for _, tensor := range tensors {
		graph += msg(5, tensor)
	}
	return msg(1, 8, 2, "labelloop", 7, graph, 8, msg(1, "", 2, 17))
}

// external builds a tensor whose data lies in another file.
func external(location, offset, length string) string {
	return msg(1, 4, 2, 1, 8, "w",
		13, msg(1, "location", 2, location), 13, msg(1, "offset", 2, offset), 13, msg(1, "length", 2, length), 14, 1)
}

var (
	encoder = files{
		"config.json": `{"architectures":["BertModel"],"model_type":"bert","vocab_size":30522,"max_position_embeddings":512,
			"transformers_version":"4.57.1"}`,
		"tokenizer.json":    `{}`,
		"model.onnx":        onnx("last_hidden_state"),
		"model.safetensors": "not part of it",
	}
	classifier = files{
		"config.json": `{"architectures":["BertForSequenceClassification"],"model_type":"bert","vocab_size":100,
			"max_position_embeddings":128,"id2label":{"1":"b","0":"a","2":"c"},
			"labelloop":{"calibration":{"temperature":1.5,"fitted_on":"val.csv"},"metrics":{"accuracy":0.95},
				"training_set_sha256":"abc","templates":["about {}"],"logit_scale":20}}`,
		"tokenizer.json": `{}`,
		"model.onnx":     onnx("logits"),
	}
	withWeights = classifier.with(files{
		"model.onnx":      "-",
		"onnx/model.onnx": onnx("logits", external("model.onnx_data", "8", "16")),
		// The name is the graph's choice, the place is beside the graph.
		"onnx/model.onnx_data": "0123456789abcdefghijklmn",
		"LICENSE":              "free",
	})
)
