package models

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// configured gives a classifier whose config.json is the one given.
func configured(json string) files { return classifier.with(files{"config.json": json}) }

func TestOpenReadsTheManifestOutOfALayout(t *testing.T) {
	modules := `[{"path":"","type":"sentence_transformers.models.Transformer"},
		{"path":"1_Pooling","type":"sentence_transformers.models.Pooling"}`
	sentence := func(pooling string) files {
		return encoder.with(files{"modules.json": modules + `]`, "1_Pooling/config.json": pooling})
	}
	base := Manifest{Task: TextClassification, Architecture: "BertForSequenceClassification", ModelType: "bert", Labels: []string{"a", "b", "c"},
		Entailment: -1, Contradiction: -1, MaxLength: 128, VocabSize: 100, Outputs: []string{"logits"}}
	enc := Manifest{Task: FeatureExtraction, Architecture: "BertModel", ModelType: "bert", Entailment: -1, Contradiction: -1,
		MaxLength: 512, VocabSize: 30522, Outputs: []string{"last_hidden_state"}, Pooling: "mean", Normalize: true,
		Tools: map[string]string{"transformers": "4.57.1"}}
	cases := []struct {
		name   string
		layout files
		base   Manifest
		change func(*Manifest)
	}{
		{"classifier", classifier, base, func(m *Manifest) {
			m.Calibration = &Calibration{1.5, "val.csv"}
			m.Metrics = map[string]float64{"accuracy": 0.95}
			m.TrainingSet, m.Templates, m.LogitScale = "abc", []string{"about {}"}, 20
		}},
		{"multi-label", configured(`{"architectures":["BertForSequenceClassification"],"model_type":"bert","vocab_size":100,
			"problem_type":"multi_label_classification","max_position_embeddings":128,"id2label":{"0":"a","1":"b","2":"c"}}`), base,
			func(m *Manifest) { m.MultiLabel = true }},
		{"labels left at their default", configured(`{"architectures":["BertForSequenceClassification"],"model_type":"bert","vocab_size":100,
			"problem_type":null,"max_position_embeddings":128}`), base,
			func(m *Manifest) { m.Labels = []string{"LABEL_0", "LABEL_1"} }},
		{"one output", configured(`{"architectures":["BertForSequenceClassification"],"model_type":"bert","vocab_size":100,
			"max_position_embeddings":128,"num_labels":1}`), base,
			func(m *Manifest) { m.Labels, m.MultiLabel = []string{"LABEL_0"}, true }},
		{"entailment last", configured(`{"architectures":["BertForSequenceClassification"],"model_type":"bert","vocab_size":100,
			"max_position_embeddings":128,"id2label":{"0":"contradiction","1":"neutral","2":"Entailment"}}`), base, func(m *Manifest) {
			m.Task, m.Labels = ZeroShotClassification, []string{"contradiction", "neutral", "Entailment"}
			m.Entailment, m.Contradiction = 2, 0
		}},
		{"entailment first: contradiction is index -1 in Python", configured(`{"architectures":["BertForSequenceClassification"],"model_type":"bert",
			"vocab_size":100,"max_position_embeddings":128,"id2label":{"0":"entailment","1":"neutral","2":"contradiction"}}`), base, func(m *Manifest) {
			m.Task, m.Labels = ZeroShotClassification, []string{"entailment", "neutral", "contradiction"}
			m.Entailment, m.Contradiction = 0, 2
		}},
		{"not_entailment is no entailment", configured(`{"architectures":["BertForSequenceClassification"],"model_type":"bert",
			"vocab_size":100,"max_position_embeddings":128,"id2label":{"0":"not_entailment","1":"x"}}`), base, func(m *Manifest) {
			m.Labels = []string{"not_entailment", "x"}
		}},
		{"graph that takes the tokenizer for its weights", configured(`{"architectures":["BertForSequenceClassification"],"model_type":"bert",
			"vocab_size":100,"max_position_embeddings":128,"id2label":{"0":"a","1":"b","2":"c"}}`).with(files{
			"model.onnx": onnx("logits", external("tokenizer.json", "0", "1"))}), base, func(*Manifest) {}},
		{"encoder", encoder, enc, func(*Manifest) {}},
		{"encoder pretrained as something else", encoder.with(files{"config.json": strings.Replace(encoder["config.json"], "BertModel", "BertForMaskedLM", 1)}),
			enc, func(m *Manifest) { m.Architecture = "BertForMaskedLM" }},
		{"cls, not normalised", sentence(`{"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":false}`), enc,
			func(m *Manifest) { m.Pooling, m.Normalize = "cls", false }},
		{"pooling as sentence-transformers 5.7 writes it", sentence(`{"pooling_mode":"mean_sqrt_len_tokens"}`), enc,
			func(m *Manifest) { m.Pooling, m.Normalize = "mean_sqrt_len", false }},
		{"normalised", sentence(`{"pooling_mode_lasttoken":true}`).with(files{"modules.json": modules +
			`,{"path":"2_Normalize","type":"sentence_transformers.models.Normalize"}]`}), enc,
			func(m *Manifest) { m.Pooling = "lasttoken" }},
		{"normalised in the graph, by the modules", sentence(`{}`).with(files{"model.onnx": onnx("sentence_embedding"), "modules.json": modules +
			`,{"path":"2_Dense","type":"a.Dense"},{"path":"3","type":"a.Normalize"}]`, "2_Dense/config.json": "{}", "3/config.json": "{}"}), enc,
			func(m *Manifest) { m.Pooling, m.Normalize, m.Outputs = "", true, []string{"sentence_embedding"} }},
		{"pooled in the graph", sentence(`{"pooling_mode_max_tokens":true}`).with(files{"model.onnx": onnx("sentence_embedding")}), enc,
			func(m *Manifest) { m.Pooling, m.Normalize, m.Outputs = "", false, []string{"sentence_embedding"} }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m, err := Open(c.layout.write(t, "tiny"))
			if err != nil {
				t.Fatal(err)
			}
			want, got := c.base, m.Manifest
			c.change(&want)
			want.Name, want.Version, want.Files = "tiny", version(got.Files), got.Files
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if m.String() != "tiny@"+want.Version || len(want.Version) != 12 {
				t.Errorf("String() is %q", m)
			}
			if data, err := os.ReadFile(m.Tokenizer()); err != nil || string(data) != "{}" {
				t.Errorf("Tokenizer() is %q: %v", m.Tokenizer(), err)
			}
		})
	}
}

func TestMaxLength(t *testing.T) {
	cases := []struct {
		name                        string
		config, sentence, tokenizer string
		want                        int
	}{
		{"sentence-transformers' limit first", `{"max_position_embeddings":512}`, `{"max_seq_length":256}`, `{"model_max_length":384}`, 256},
		{"then the tokenizer's", `{"max_position_embeddings":512}`, `{"max_seq_length":null}`, `{"model_max_length":384}`, 384},
		{"then the positions", `{"max_position_embeddings":512}`, ``, `{"model_max_length":1000000000000000019884624838656}`, 512},
		{"never over the positions", `{"max_position_embeddings":128}`, `{"max_seq_length":256}`, ``, 128},
		{"RoBERTa keeps two positions", `{"model_type":"roberta","max_position_embeddings":514,"pad_token_id":1}`, ``, ``, 512},
		{"XLM-R without a padding id", `{"model_type":"xlm-roberta","max_position_embeddings":514}`, ``, `{"model_max_length":514}`, 512},
		{"another padding id", `{"model_type":"camembert","max_position_embeddings":514,"pad_token_id":5}`, ``, ``, 508},
		{"GPT-2's and T5's name for it", `{"n_positions":1024}`, ``, ``, 1024},
		{"relative positions alone", `{}`, ``, `{"model_max_length":300}`, 300},
		{"nothing known", `{}`, ``, ``, 512},
		{"absurd padding id", `{"model_type":"roberta","max_position_embeddings":10,"pad_token_id":9223372036854775807}`, ``, ``, 512},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			layout := encoder.with(files{"config.json": c.config, "sentence_bert_config.json": c.sentence, "tokenizer_config.json": c.tokenizer})
			for name, content := range layout {
				if content == "" {
					delete(layout, name)
				}
			}
			m, err := Open(layout.write(t, "m"))
			if err != nil {
				t.Fatal(err)
			}
			if m.Manifest.MaxLength != c.want {
				t.Errorf("max length is %d, want %d", m.Manifest.MaxLength, c.want)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	good := onnx("logits")
	escape := func(location string) files {
		return classifier.with(files{"model.onnx": onnx("logits", external(location, "0", "1"))})
	}
	cases := []struct {
		name   string
		layout files
		want   error
		says   string
	}{
		{"empty of models", files{"notes.txt": "x"}, ErrNotModel, "no config.json, no tokenizer.json, no model*.onnx here or in onnx/; there are notes.txt"},
		{"weights for PyTorch alone", classifier.with(files{"model.onnx": "-", "model.safetensors": "x"}), ErrNotModel, "exported to ONNX first"},
		{"no tokenizer", classifier.with(files{"tokenizer.json": "-", "vocab.txt": "x"}), ErrNotModel, "no tokenizer.json; there are config.json"},
		{"broken config", configured(`{"architectures":`), ErrDamaged, "config.json: unexpected end"},
		{"oversized config", configured(strings.Repeat(" ", maxConfig+1)), ErrDamaged, "want at most"},
		{"label ids with a gap", configured(`{"architectures":["XForSequenceClassification"],"id2label":{"0":"a","2":"b"}}`), ErrDamaged, `the id "2": want each of the ids 0 to 1`},
		{"label ids twice", configured(`{"architectures":["XForSequenceClassification"],"id2label":{"0":"a","00":"b"}}`), ErrDamaged, "id2label"},
		{"labels twice", configured(`{"architectures":["XForSequenceClassification"],"id2label":{"0":"a","1":"a"}}`), ErrDamaged, `labels 0 and 1 are both "a"`},
		{"no labels", configured(`{"architectures":["XForSequenceClassification"],"id2label":{}}`), ErrDamaged, "id2label is empty"},
		{"too many labels", configured(`{"architectures":["XForSequenceClassification"],"num_labels":2000000000}`), ErrDamaged, "num_labels"},
		{"regression", configured(`{"architectures":["XForSequenceClassification"],"problem_type":"regression","num_labels":1}`), ErrUnsupported, "regression"},
		{"another task", configured(`{"architectures":["BertForMaskedLM"]}`), ErrUnsupported, "BertForMaskedLM"},
		{"temperature 0", configured(`{"architectures":["XModel"],"labelloop":{"calibration":{"temperature":0}}}`), ErrDamaged, "temperature is 0"},
		{"template without a place", configured(`{"architectures":["XModel"],"labelloop":{"templates":["a photo"]}}`), ErrDamaged, "exactly one {}"},
		{"graph cut short", classifier.with(files{"model.onnx": good[:len(good)-20]}), ErrDamaged, "model.onnx: "},
		{"graph cut between fields", classifier.with(files{"model.onnx": good[:len(good)-len(msg(8, msg(1, "", 2, 17)))]}), ErrDamaged, "no opset"},
		{"empty graph", classifier.with(files{"model.onnx": ""}), ErrDamaged, "0 bytes"},
		{"Git LFS pointer", classifier.with(files{"model.onnx": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"}), ErrDamaged, "git lfs pull"},
		{"weights missing", withWeights.with(files{"onnx/model.onnx_data": "-"}), ErrDamaged, "model.onnx_data: "},
		{"weights cut short", withWeights.with(files{"onnx/model.onnx_data": "0123"}), ErrDamaged, "4 bytes, the graph wants 24"},
		{"weights above", escape("../secret"), ErrUnsafe, `"../secret"`},
		{"weights above, hidden", escape("a/../../secret"), ErrUnsafe, `secret"`},
		{"weights at an absolute path", escape("/etc/passwd"), ErrUnsafe, `"/etc/passwd"`},
		{"weights on a Windows drive", escape(`C:\secret`), ErrUnsafe, "secret"},
		{"weights in memory", escape("*/_ORT_MEM_ADDR_/*"), ErrDamaged, "_ORT_MEM_ADDR_"},
		{"weights at a negative offset", classifier.with(files{"model.onnx": onnx("logits", external("w", "-5", "1"))}), ErrDamaged, "offset -5"},
		{"module outside", encoder.with(files{"modules.json": `[{"path":"../x","type":"a.Pooling"}]`}), ErrUnsafe, "../x/config.json"},
		{"module not in the graph", encoder.with(files{"modules.json": `[{"path":"2_Dense","type":"a.Dense"}]`}), ErrUnsupported, "a.Dense"},
		{"two poolings at once", encoder.with(files{"modules.json": `[{"path":"p","type":"a.Pooling"}]`,
			"p/config.json": `{"pooling_mode_cls_token":true,"pooling_mode_max_tokens":true}`}), ErrUnsupported, "want one pooling"},
		{"modules without pooling", encoder.with(files{"modules.json": `[{"path":"","type":"a.Transformer"}]`}), ErrUnsupported, "no Pooling"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := c.layout.write(t, "m")
			_, err := Open(dir)
			if !errors.Is(err, c.want) {
				t.Fatalf("error is %v, want %v", err, c.want)
			}
			if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), dir) {
				t.Errorf("error %q, want it to name %q and %q", err, dir, c.says)
			}
		})
	}
	for _, dir := range []string{filepath.Join(t.TempDir(), "nowhere"), filepath.Join(classifier.write(t, "m"), "model.onnx")} {
		if _, err := Open(dir); !errors.Is(err, ErrNotModel) {
			t.Errorf("Open(%s): %v, want ErrNotModel", dir, err)
		}
	}
}

func TestOpenRefusesWhatIsNoFile(t *testing.T) {
	dir := classifier.with(files{"tokenizer.json": "-"}).write(t, "m")
	if err := syscall.Mkfifo(filepath.Join(dir, "tokenizer.json"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrNotModel) { // and it doesn't wait for a writer
		t.Errorf("named pipe: %v, want ErrNotModel", err)
	}
}

func TestLinksStayInside(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "tokenizer.json")
	if err := os.WriteFile(outside, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	link := func(to string) string {
		dir := classifier.with(files{"tokenizer.json": "-", "kept/t.json": "{}"}).write(t, "m")
		if err := os.Symlink(to, filepath.Join(dir, "tokenizer.json")); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	if _, err := Open(link("kept/t.json")); err != nil {
		t.Errorf("link inside: %v", err)
	}
	for _, open := range []func(string) error{
		func(dir string) error { _, err := Open(dir); return err },
		func(dir string) error {
			_, err := Registry{[]string{t.TempDir()}}.Import(t.Context(), dir, "x")
			return err
		},
	} {
		if err := open(link(outside)); !errors.Is(err, ErrUnsafe) {
			t.Errorf("link outside: %v, want ErrUnsafe", err)
		}
	}
}

func TestHubCache(t *testing.T) {
	hub := files{"blobs/aa": "{}", "blobs/bb": classifier["config.json"], "blobs/cc": classifier["model.onnx"]}.write(t, "models--org--tiny-model")
	dir := filepath.Join(hub, "snapshots", "0123abcd")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, blob := range map[string]string{"tokenizer.json": "aa", "config.json": "bb", "model.onnx": "cc"} {
		if err := os.Symlink("../../blobs/"+blob, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	m, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if m.Manifest.Name != "tiny-model" {
		t.Errorf("name is %q, want the repository's", m.Manifest.Name)
	}
}

// TestReduced tells which graphs may stand in for the most exact one.
func TestReduced(t *testing.T) {
	config := func(task, agreement string) files {
		return configured(`{"architectures":["` + task + `"],"model_type":"bert","vocab_size":100,"max_position_embeddings":128,` +
			`"problem_type":"` + map[bool]string{true: "multi_label_classification"}[strings.Contains(agreement, "0.999")] + `",` +
			`"id2label":{"0":"a","1":"b","2":"c"},"labelloop":{"agreement":{` + agreement + `}}}`).with(files{"model_int8.onnx": onnx("logits")})
	}
	const classifies = "BertForSequenceClassification"
	for name, c := range map[string]struct {
		layout files
		want   bool
	}{
		"agrees":                 {config(classifies, `"model_int8.onnx":{"share":0.995,"samples":1000}`), true},
		"agrees too seldom":      {config(classifies, `"model_int8.onnx":{"share":0.9949,"samples":1000}`), false},
		"seen on few samples":    {config(classifies, `"model_int8.onnx":{"share":1,"samples":999}`), false},
		"another graph agrees":   {config(classifies, `"model_fp16.onnx":{"share":1,"samples":2000}`), false},
		"nothing is known":       {config(classifies, ""), false},
		"several labels an item": {config(classifies, `"model_int8.onnx":{"share":0.999,"samples":2000}`), false},
		"an encoder":             {config("BertModel", `"model_int8.onnx":{"share":1,"samples":2000}`).with(files{"model.onnx": onnx("last_hidden_state")}), false},
	} {
		m, err := Open(c.layout.write(t, "m"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, got := m.Reduced("int8"); got != c.want {
			t.Errorf("%s: Reduced is %t", name, got)
		}
	}
	if _, err := Open(config(classifies, `"model_int8.onnx":{"share":1.5,"samples":1000}`).write(t, "m")); !errors.Is(err, ErrDamaged) {
		t.Errorf("a share of 1.5: %v", err)
	}
}

// Endings of graphs quantized for this processor, and for another.
var thisArch, otherArch = map[bool]string{true: "arm64", false: "avx512"}[runtime.GOARCH == "arm64"],
	map[bool]string{true: "avx512", false: "arm64"}[runtime.GOARCH == "arm64"]

func TestGraph(t *testing.T) {
	g := onnx("logits")
	cases := []struct {
		graphs           []string
		ask, path, found string
		err              string
	}{
		{[]string{"model.onnx", "onnx/model_int8.onnx"}, "auto", "model.onnx", "fp32", ""},
		{[]string{"model.onnx", "onnx/model_int8.onnx"}, "int8", "onnx/model_int8.onnx", "int8", ""},
		{[]string{"onnx/model.onnx", "onnx/model_O2.onnx"}, "fp32", "onnx/model.onnx", "fp32", ""},
		{[]string{"onnx/model_quantized.onnx", "onnx/model_fp16.onnx", "onnx/model_q4.onnx"}, "auto", "onnx/model_fp16.onnx", "fp16", ""},
		{[]string{"onnx/model_qint8_" + otherArch + ".onnx", "onnx/model_qint8_" + thisArch + "_vnni.onnx"}, "int8", "onnx/model_qint8_" + thisArch + "_vnni.onnx", "int8", ""},
		{[]string{"all-MiniLM-L6-v2-int8.onnx"}, "auto", "all-MiniLM-L6-v2-int8.onnx", "int8", ""},
		{[]string{"model_bnb4.onnx"}, "auto", "model_bnb4.onnx", "q4", ""},
		{[]string{"model.onnx", "model_uint8.onnx"}, "fp16", "", "", "no fp16, there is fp32, uint8"},
	}
	for _, c := range cases {
		layout := classifier.with(files{"model.onnx": "-"})
		for _, name := range c.graphs {
			layout[name] = g
		}
		m, err := Open(layout.write(t, "m"))
		if err != nil {
			t.Fatal(err)
		}
		path, found, err := m.Graph("", c.ask)
		if c.err != "" {
			if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%v, %s: error is %v, want %q", c.graphs, c.ask, err, c.err)
			}
			continue
		}
		if err != nil || path != filepath.Join(m.Dir, filepath.FromSlash(c.path)) || found != c.found {
			t.Errorf("%v, %s: got %s, %s, %v", c.graphs, c.ask, path, found, err)
		}
	}
}

func TestVersionFollowsTheFiles(t *testing.T) {
	open := func(layout files) string {
		m, err := Open(layout.write(t, "m"))
		if err != nil {
			t.Fatal(err)
		}
		return m.Manifest.Version
	}
	same := open(classifier)
	if v := open(classifier); v != same {
		t.Errorf("same files: %s and %s", v, same)
	}
	if v := open(classifier.with(files{"model.safetensors": "x", ".git/config": "x"})); v != same {
		t.Errorf("files that are no part of the model changed the version to %s", v)
	}
	changes := files{"tokenizer.json": "{ }", "config.json": classifier["config.json"] + " ", "LICENSE": "x"}
	for name, content := range changes {
		if v := open(classifier.with(files{name: content})); v == same {
			t.Errorf("%s changed, the version did not", name)
		}
	}
}
