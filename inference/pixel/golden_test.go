package pixel

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// TestPixelsEqualPillowAndTransformers compares with the goldens of scripts/pixel_parity.py, bit by bit.
func TestPixelsEqualPillowAndTransformers(t *testing.T) {
	dir := filepath.Join("..", "..", "testdata", "pixels")
	data, err := os.ReadFile(filepath.Join(dir, "processors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var processors map[string]json.RawMessage
	if err := json.Unmarshal(data, &processors); err != nil {
		t.Fatal(err)
	}
	goldens, err := os.Open(filepath.Join(dir, "golden.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer goldens.Close()
	n := 0
	for lines := bufio.NewScanner(goldens); lines.Scan(); n++ {
		var g struct{ Picture, Processor, Crop, Values string }
		if err := json.Unmarshal(lines.Bytes(), &g); err != nil {
			t.Fatal(err)
		}
		got, err := prepare(filepath.Join(dir, g.Picture), processors[g.Processor])
		switch {
		case err != nil:
			t.Errorf("%s: %v", g.Picture, err)
		case got.Crop != g.Crop:
			t.Errorf("%s, %s: other pixels", g.Picture, g.Processor)
		case got.Values != g.Values:
			t.Errorf("%s, %s: other values", g.Picture, g.Processor)
		}
	}
	if n < 150 {
		t.Errorf("%d goldens: want 150 or more", n)
	}
}
