package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/labelloop/labelloop/activelearn"
	"github.com/labelloop/labelloop/activelearn/head"
	"github.com/labelloop/labelloop/activelearn/simulation"
	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/models"
)

// labelCenters embeds the words of labels in the space of a model's items; no rows where the model reads no words.
func (f modelFlags) labelCenters(ctx context.Context, model *models.Model, labels []string, log io.Writer) (activelearn.Matrix, error) {
	m := &model.Manifest
	if !m.ReadsText() {
		return activelearn.Matrix{}, nil
	}
	if f.task = taskZeroShot; m.ReadsImages() {
		f.task = taskImageZeroShot
	}
	if f.labelsFile == "" {
		f.labels = labels
	}
	f.multiLabel = false
	e, err := f.open(ctx, model, log)
	if err != nil {
		return activelearn.Matrix{}, err
	}
	defer e.Close()
	task, ok := e.task.(*inference.Similarity)
	if !ok {
		return activelearn.Matrix{}, label.Errorf(label.ErrUsage, "model %s does not embed labels; take an encoder such as minilm or conse-lite0", model)
	}
	centers := activelearn.NewMatrix(len(labels), len(task.Centers[0]))
	for i, name := range task.Labels {
		at := slices.Index(labels, name)
		if at < 0 {
			return centers, label.Errorf(label.ErrUsage, "%s describes %q, which is no label of the project", f.labelsFile, name)
		}
		copy(centers.Row(at), task.Centers[i])
	}
	return centers, nil
}

// perClass are numbers of labels for each class, math.MaxInt for all that there are.
func (f *simulateFlags) perClass() ([]int, error) {
	var list []int
	for _, text := range f.few {
		n, err := strconv.Atoi(text)
		if text == "all" {
			n, err = math.MaxInt, nil
		}
		if err != nil || n < 0 {
			return nil, label.Errorf(label.ErrUsage, "--per-class %s: want numbers of labels for each class, or all", text)
		}
		list = append(list, n)
	}
	return list, nil
}

// fewShot trains heads on some labels of each class, with the rest of the pool as unlabelled items, and tries them on the
// held-out items.
func (f *simulateFlags) fewShot(ctx context.Context, data simulation.Data, names activelearn.Matrix, stdout, stderr io.Writer) error {
	if data.Multi {
		return label.Errorf(label.ErrUsage, "--per-class: is for data with one label an item")
	}
	sizes, err := f.perClass()
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "| labels per class | accuracy, mean of %d runs | lowest | highest | cross-validated | C |\n|---|---|---|---|---|---|\n", f.seeds)
	for s, size := range sizes {
		var scores, inside, strengths []float64
		for seed := range f.seeds {
			labelled, rest := drawn(data, size, rand.New(rand.NewPCG(f.seed+uint64(seed), uint64(size))))
			train := head.Data{X: data.Pool.Gather(labelled), Classes: data.Classes, Names: names, Pool: data.Pool.Gather(rest)}
			for _, row := range labelled {
				train.Y = append(train.Y, data.PoolLabels[row])
			}
			h, err := head.Fit(ctx, train, head.Options{Seed: f.seed + uint64(seed)})
			if err != nil {
				return err
			}
			scores, inside, strengths = append(scores, accuracyOf(h.Logistic.Probs(data.Test), data.TestLabels)), append(inside, h.Accuracy), append(strengths, h.C)
			if seed == 0 && len(rest) == 0 {
				break // nothing is drawn
			}
		}
		slices.Sort(strengths)
		fmt.Fprintf(stdout, "| %s | %.2f %% | %.2f %% | %.2f %% | %.2f %% | %g |\n", f.few[s], 100*mean(scores), 100*slices.Min(scores),
			100*slices.Max(scores), 100*mean(inside), strengths[len(strengths)/2])
	}
	return nil
}

// drawn picks up to n items of each class at random, and gives the others, too.
func drawn(data simulation.Data, n int, rng *rand.Rand) (picked, rest []int) {
	taken := make([]int, data.Classes)
	for _, row := range rng.Perm(data.Pool.Rows) {
		if class := data.PoolLabels[row][0]; taken[class] < n {
			taken[class]++
			picked = append(picked, row)
		} else {
			rest = append(rest, row)
		}
	}
	return picked, rest
}

// accuracyOf is the share of rows whose most probable class is the known one.
func accuracyOf(probs activelearn.Matrix, labels [][]int) float64 {
	right := 0
	for i, classes := range labels {
		if row := probs.Row(i); row[classes[0]] == slices.Max(row) {
			right++
		}
	}
	return float64(right) / float64(len(labels))
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// classNames gives the names of classes in their order.
func classNames(classes map[string]int) []string {
	names := make([]string, len(classes))
	for name, class := range classes {
		names[class] = strings.TrimSpace(name)
	}
	return names
}
