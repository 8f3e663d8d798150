package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/models"
)

// TestAutoChoosesTheMethod: the encoder itself is trained where it can be, and where there are enough labels.
func TestAutoChoosesTheMethod(t *testing.T) {
	bare, home := filepath.Join(t.TempDir(), "deps"), filepath.Join(t.TempDir(), "deps")
	for _, path := range []string{filepath.Join(home, "train", "bin", "python"), filepath.Join(home, "..", "scripts", "train.py"), filepath.Join(bare, "..", "scripts", "train.py")} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	texts := &models.Model{Manifest: models.Manifest{Name: "minilm", Task: models.FeatureExtraction}}
	conse := &models.Model{Manifest: models.Manifest{Name: "conse-lite0", Task: models.ZeroShotImage, Labels: []string{"cat"}}}
	set := func(items, labels int) *trainingSet { return &trainingSet{Items: items, names: make([]string, labels)} }
	for _, c := range []struct {
		home    string
		encoder *models.Model
		set     *trainingSet
		method  string
		why     string
	}{
		{home, texts, set(500, 10), "finetune", "50 items of each label"},
		{home, texts, set(499, 2), "head", "from about 500 items"},
		{home, texts, set(3849, 77), "head", "50 of each label"},
		{home, texts, set(3850, 77), "finetune", "a training environment"},
		{home, conse, set(5000, 10), "head", "conse-lite0"},
		{bare, texts, set(5000, 10), "head", "there is no training environment"},
	} {
		t.Setenv("LABELLOOP_DEPS", c.home)
		if method, why := methodFor(c.encoder, c.set); method != c.method || !strings.Contains(why, c.why) {
			t.Errorf("%d items of %d labels, %s: %s, since %s; want %s, since %s", c.set.Items, len(c.set.names), c.encoder, method, why, c.method, c.why)
		}
	}
}
