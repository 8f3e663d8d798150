package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTimings: each stage tells of every item once, also in the file that Chrome reads.
func TestTimings(t *testing.T) {
	const items = 3000
	trace := filepath.Join(t.TempDir(), "trace.json")
	_, stderr, code := run(t, "label", "--model", filepath.Join(fixtures, "bert-single"), "--threads", "2", "--stats", "--trace", trace,
		"--output", filepath.Join(t.TempDir(), "out.jsonl"), writeTexts(t, items))
	if code != exitDone && code != exitItems {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for _, want := range []string{"\nencode ", "\nrun ", " of 2 workers\n", "\nbottleneck: "} {
		if !strings.Contains(stderr, want) {
			t.Errorf("stats lack %q: %s", want, stderr)
		}
	}
	data, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	var events []event
	if err := json.Unmarshal(data, &events); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	ends := map[int]int64{} // of lanes
	for _, e := range events {
		if e.Phase != "X" {
			continue
		}
		counts[e.Name] += int(e.Args["items"].(float64))
		if e.At < ends[e.Lane] {
			t.Errorf("%s at %d µs begins before what came before it in lane %d ended, at %d", e.Name, e.At, e.Lane, ends[e.Lane])
		}
		ends[e.Lane] = e.At + e.Took
	}
	if counts["read"] != items || counts["encode"] != items || counts["write"] != items || counts["run"] == 0 || counts["run"] > items {
		t.Errorf("of %d items the stages tell of %v", items, counts)
	}
}
