package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// TestCalibrate: a calibration is kept where it makes probabilities mean more, and only there.
func TestCalibrate(t *testing.T) {
	for name, c := range map[string]struct {
		items int
		says  float32 // confidence of the model, which is right four times of five
		kept  bool
	}{
		"oversure": {300, 0.99, true},
		"honest":   {160, 0.8, false},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, dir := t.Context(), filepath.Join(t.TempDir(), "project")
			if _, stderr, code := run(t, "init", dir, "--labels", "a,b"); code != exitDone {
				t.Fatal(stderr)
			}
			s, err := sqlite.Open(ctx, dir)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			rng := rand.New(rand.NewPCG(1, 2))
			var items []label.Item
			var said []label.Probabilities
			var answers []label.Annotation
			for i := range c.items {
				number := int64(i + 1)
				items = append(items, label.Item{ID: fmt.Sprint(number), Text: fmt.Sprint("text ", number)})
				said = append(said, label.Probabilities{Item: number, Probs: []float32{c.says, 1 - c.says}})
				answer := "a"
				if rng.IntN(5) == 0 {
					answer = "b"
				}
				answers = append(answers, label.Annotation{Key: fmt.Sprint(i), Item: number, Annotator: "ann", Verdict: label.Corrected, Labels: []string{answer}})
			}
			if _, _, err := s.Import(ctx, items, label.Pool, ""); err != nil {
				t.Fatal(err)
			}
			m, err := s.RegisterModel(ctx, label.Model{Name: "m", Version: "1", Labels: []string{"a", "b"}})
			if err == nil {
				err = s.PutPredictions(ctx, m, said)
			}
			if err == nil {
				_, err = s.AnnotateAll(ctx, answers)
			}
			if err != nil {
				t.Fatal(err)
			}
			stdout, stderr, code := run(t, "calibrate", "--project", dir, "--json")
			if code != exitDone {
				t.Fatal(stderr)
			}
			var told struct {
				Kept          bool
				Before, After fit
			}
			if err := json.Unmarshal([]byte(stdout), &told); err != nil {
				t.Fatal(err)
			}
			list, err := s.Models(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if told.Kept != c.kept || (list[0].Calibration != nil) != c.kept || (told.After.NLL < told.Before.NLL) != c.kept {
				t.Errorf("calibration %s is kept: %v; %s", list[0].Calibration, told.Kept, stdout)
			}
		})
	}
}
