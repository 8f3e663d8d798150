package simulation

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/activelearn"
)

// blobs are items around the points of their classes; in multi-label data an item lies between those of its two classes.
func blobs(multi bool) Data {
	rng := rand.New(rand.NewPCG(1, 2))
	data := Data{Classes: 6, Multi: multi}
	draw := func(items int) (activelearn.Matrix, [][]int) {
		points, labels := activelearn.NewMatrix(items, 8), make([][]int, items)
		for i := range items {
			labels[i] = []int{rng.IntN(data.Classes)}
			if multi {
				labels[i] = append(labels[i], (labels[i][0]+1+rng.IntN(data.Classes-1))%data.Classes)
			}
			for j := range points.Row(i) {
				points.Row(i)[j] = float32(0.5 * rng.NormFloat64())
			}
			for _, class := range labels[i] {
				points.Row(i)[class]++
			}
		}
		return points, labels
	}
	data.Pool, data.PoolLabels = draw(300)
	data.Test, data.TestLabels = draw(200)
	return data
}

func contenders() []Contender {
	return []Contender{{"random", activelearn.Random{}}, {"hybrid", activelearn.Hybrid{}}, {"bald", activelearn.BALD{}}}
}

func TestRun(t *testing.T) {
	for _, multi := range []bool{false, true} {
		data, last := blobs(multi), 0
		options := Options{Contenders: contenders(), Rounds: 4, Batch: 10, Seeds: 3, Committee: 2, C: 10}
		options.Progress = func(done, all int) {
			if last++; done != last || all != 36 {
				t.Errorf("progress is %d of %d after %d calls", done, all, last)
			}
		}
		curves, err := Run(t.Context(), data, options)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range curves.Curves {
			if len(c.Points) != 4 || c.Points[3].Labels != 40 || len(c.Points[3].Scores) != 3 {
				t.Fatalf("%s: points are %+v", c.Name, c.Points)
			}
			if first := curves.Curves[0].Points[0].Scores; !reflect.DeepEqual(c.Points[0].Scores, first) {
				t.Errorf("%s starts with scores %v and the first contender with %v", c.Name, c.Points[0].Scores, first)
			}
			if p := c.Points[3]; p.Mean < 0.5 || p.Mean <= c.Points[0].Mean || !(p.Low <= p.Mean && p.Mean <= p.High) {
				t.Errorf("multi-label %v: %s ends with %+v after %+v", multi, c.Name, p, c.Points[0])
			}
		}

		// One core, and without the other contenders.
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		options.Contenders, options.Progress = options.Contenders[1:2], nil
		again, err := Run(t.Context(), data, options)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(again.Curves[0], curves.Curves[1]) {
			t.Errorf("another run gives\n%+v\nnot\n%+v", again.Curves[0], curves.Curves[1])
		}
	}
}

func TestRunStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	options := Options{Contenders: contenders()[:2], Rounds: 5, Batch: 10, Seeds: 2, Progress: func(int, int) { cancel() }}
	if _, err := Run(ctx, blobs(false), options); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

func TestRunErrors(t *testing.T) {
	good := Options{Contenders: contenders()[:1], Rounds: 2, Batch: 10, Seeds: 1}
	for want, change := range map[string]func(*Data, *Options){
		"single-label":      func(d *Data, _ *Options) { d.PoolLabels[3] = []int{1, 2} },
		"class 6 of 6":      func(d *Data, _ *Options) { d.TestLabels[3] = []int{6} },
		"dimensions":        func(d *Data, _ *Options) { d.Test = activelearn.NewMatrix(200, 3) },
		"200 embeddings":    func(d *Data, _ *Options) { d.TestLabels = d.TestLabels[1:] },
		"no strategies":     func(_ *Data, o *Options) { o.Contenders = nil },
		"0 rounds":          func(_ *Data, o *Options) { o.Rounds = 0 },
		"more than":         func(_ *Data, o *Options) { o.Batch = 200 },
		"committee":         func(_ *Data, o *Options) { o.Contenders = contenders()[2:] },
		"random, seed 0, r": func(_ *Data, o *Options) { o.C = -1 },
	} {
		data, options := blobs(false), good
		change(&data, &options)
		if _, err := Run(t.Context(), data, options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
	}
}

func TestCurves(t *testing.T) {
	curve := func(scores ...[]float64) Curve {
		c := Curves{Curves: []Curve{{}}}
		for i, s := range scores {
			c.Curves[0].Points = append(c.Curves[0].Points, Point{Labels: 10 * (i + 1), Scores: s})
		}
		c.summarise()
		return c.Curves[0]
	}
	c := curve([]float64{0.5, 0.6, 0.7}, []float64{0.8, 0.8, 0.8})
	// 4.302653 is the 97.5 % quantile of Student's t with 2 degrees of freedom.
	if p := c.Points[0]; math.Abs(p.Mean-0.6) > 1e-12 || math.Abs(p.High-0.6-4.302653*0.1/math.Sqrt(3)) > 1e-6 ||
		math.Abs(p.Mean-p.Low-(p.High-p.Mean)) > 1e-12 {
		t.Errorf("point is %+v", p)
	}
	if labels, ok := c.LabelsTo(0.7); labels != 20 || !ok {
		t.Errorf("0.7 is reached with %d labels, %v", labels, ok)
	}
	if _, ok := c.LabelsTo(0.9); ok {
		t.Error("0.9 is reached")
	}
	gain := c.Gain(curve([]float64{0.4, 0.5, 0.6}, []float64{0.9, 0.9, 0.9}))
	if g := gain[0]; math.Abs(g.Mean-0.1) > 1e-12 || g.High-g.Low > 1e-12 || gain[1].Mean > 0 {
		t.Errorf("gains are %+v", gain)
	}
}
