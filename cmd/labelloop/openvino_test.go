package main

import (
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/inference/ort"
)

// scoresOf runs the program, in a process of its own, over some texts or pictures, and gives each record's label and scores.
func scoresOf(t *testing.T, args ...string) (records []scoredRecord) {
	t.Helper()
	out, err := program(append([]string{"label", "--top-k", "0"}, args...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		var r scoredRecord
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

type scoredRecord struct {
	Label  string
	Scores map[string]float64
}

// TestOpenVINOLabels holds --device openvino to the CPU's scores, and --precision bf16 to scores near them: of texts, and of
// pictures by labels, whose embeddings are exact.
func TestOpenVINOLabels(t *testing.T) {
	queries := filepath.Join("..", "..", "testdata", "clinc150", "oos_test.csv")
	for name, input := range map[string][]string{
		"texts":    {"--model", "minilm-clinc150", queries},
		"pictures": {"--model", filepath.Join(imageFixtures, "clip-two"), "--labels", "cat,dog,boat", filepath.Join("..", "..", "testdata", "images")},
	} {
		want := scoresOf(t, input...)
		ways := map[string]float64{"--device=openvino": 1e-5, "--precision=bf16": 0.1}
		if !ort.MultipliesBF16() {
			delete(ways, "--precision=bf16")
		}
		for flag, most := range ways {
			got := scoresOf(t, append([]string{flag}, input...)...)
			if len(got) != len(want) {
				t.Fatalf("%s, %s: %d records, want %d", name, flag, len(got), len(want))
			}
			same := 0
			for i, r := range got {
				if r.Label == want[i].Label {
					same++
				}
				for l, score := range r.Scores {
					if d := math.Abs(score - want[i].Scores[l]); !(d <= most) {
						t.Fatalf("%s, %s: record %d has %g for %s, on the CPU %g", name, flag, i, score, l, want[i].Scores[l])
					}
				}
			}
			t.Logf("%s, %s: %d of %d labels are the CPU's", name, flag, same, len(want))
			if least := 0.98; float64(same) < least*float64(len(want)) {
				t.Errorf("%s, %s: %d of %d labels are the CPU's", name, flag, same, len(want))
			}
		}
	}
}

// TestBF16DoesNotHangOnTheBatch: records are the same to the last digit.
func TestBF16DoesNotHangOnTheBatch(t *testing.T) {
	if !ort.MultipliesBF16() {
		if _, log, code := run(t, "label", "--model", "minilm-clinc150", "--precision", "bf16", "-"); code != 2 || !strings.Contains(log, "no instructions") {
			t.Errorf("a processor without bf16: exit code %d, %s", code, log)
		}
		return
	}
	texts := writeTexts(t, 500)
	want := ""
	for _, batch := range []string{"1", "64", "512", "4096"} {
		cmd := program("label", "--model", "minilm-clinc150", "--precision", "bf16", "--batch", batch, texts)
		out, err := cmd.Output()
		if want == "" {
			want = string(out)
		}
		if err != nil || string(out) != want {
			t.Errorf("batches of %s tokens: other records, %v", batch, err)
		}
	}
}

// TestBF16IsRefusedElsewhere names the device that runs it, and what is missing.
func TestBF16IsRefusedElsewhere(t *testing.T) {
	texts := write(t, "texts.csv", "text\nhello\n")
	if _, log, code := run(t, "label", "--model", filepath.Join(fixtures, "bert-single"), "--device", "cpu", "--precision", "bf16", texts); code != 1 ||
		!strings.Contains(log, "--device openvino") {
		t.Errorf("on the CPU: exit code %d, %s", code, log)
	}
	cmd := program("label", "--model", filepath.Join(fixtures, "bert-single"), "--device", "openvino", texts)
	cmd.Env = append(cmd.Env, "LABELLOOP_DEPS="+t.TempDir())
	if out, err := cmd.CombinedOutput(); code(err) != 1 || !strings.Contains(string(out), "OPENVINO=1") {
		t.Errorf("without libraries: %v, %s", err, out)
	}
}
