package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/inference/ort"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/models"
)

// tuneFlags are the flags of the verb tune.
type tuneFlags struct {
	modelFlags
	rounds int           // how often each setting is tried
	span   time.Duration // how long about it is tried each time: so long that the end, when some cores have nothing left, hardly counts
}

func tuneCommand() *cobra.Command {
	f := &tuneFlags{rounds: 4, span: 2 * time.Second}
	c := &cobra.Command{
		Use:   "tune --model MODEL",
		Short: "Measure how this machine runs a model fastest, and keep that for label, predict and bench",
		Long: `Measure, for about a minute for each of the model's precisions, how this machine runs a model fastest: how many runs go on side by
side, how many cores share each, and how large batches are. What was faster than the usual setting in every round is kept in the user's
cache folder for this model, this precision and this machine. label, predict and bench use it where --threads does not say
otherwise. Labels are the same: a setting that gives other numbers is not kept.`,
		Example: `  labelloop tune --model minilm-clinc150
  labelloop tune --model minilm --labels "refund,card lost,other"`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f.bind(c)
	return c
}

func (f *tuneFlags) run(ctx context.Context, stdout, stderr io.Writer) error {
	model, err := f.find()
	if err != nil {
		return err
	}
	precisions := []string{f.precision}
	if f.precision == "auto" {
		precisions = model.Precisions(mainPart(model))
	}
	for _, precision := range precisions {
		f.precision = precision
		if err := f.tune(ctx, model, stdout, stderr); err != nil {
			return err
		}
	}
	return nil
}

// trial is a setting that is measured.
type trial struct {
	*engine
	rates   []float64 // items a second, by round
	ratios  []float64 // of these to those of the usual setting, by round
	differs bool      // the answers are others than those of the usual setting
}

// better tells whether a setting was faster than the usual one in every round, and by the median more so than another.
func (t *trial) better(than *trial) bool {
	return !t.differs && slices.Min(t.ratios) > 1 && median(t.ratios) > median(than.ratios)
}

// tune measures one precision: first how cores are shared, then, in the best of these ways, how large batches are.
func (f *tuneFlags) tune(ctx context.Context, model *models.Model, stdout, stderr io.Writer) error {
	f.setting = setting{Threads: 1}
	first, err := f.open(ctx, model, stderr)
	if err != nil {
		return err
	}
	defer first.Close()
	items, want, err := first.sample(ctx, f.span)
	if err != nil {
		return err
	}
	usual := &trial{engine: first}
	m := &measurement{rounds: f.rounds, usual: usual, best: usual, items: items, want: want}
	fmt.Fprintf(stderr, "%s, %s: measuring with %d items\n", model, f.precision, len(items))
	var ways []*trial
	for _, s := range first.ways(ort.OnProcessor(first.device)) {
		e := *first
		if e.setting = s; s.Threads != first.Threads {
			f.setting = s
			opened, err := f.open(ctx, model, io.Discard)
			if err != nil {
				return err
			}
			defer opened.Close()
			e = *opened
		}
		ways = append(ways, &trial{engine: &e})
	}
	if err := m.measure(ctx, ways); err != nil {
		return err
	}
	var sizes []*trial
	for _, by := range []float64{0.25, 0.5, 2, 4} {
		e := *m.best.engine
		e.Budget = max(1, int(by*float64(first.Budget)))
		sizes = append(sizes, &trial{engine: &e})
	}
	if err := m.measure(ctx, sizes); err != nil {
		return err
	}
	m.tell(stdout, f.precision)
	subject, err := first.subject()
	if err != nil {
		return err
	}
	kept := tuned{For: subject, Setting: m.best.setting, Rate: median(m.best.rates)}
	if err := kept.keep(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "kept for %s: %s\n", kept.For, kept.Setting)
	return err
}

// ways are other ways to share the cores than the usual one: fewer runs of several cores each. An accelerator takes half
// as many runs, or double.
func (s setting) ways(cpu bool) []setting {
	if !cpu {
		return []setting{{s.Workers / 2, 1, s.Budget}, {s.Workers * 2, 1, s.Budget}}
	}
	var ways []setting
	for threads := 2; threads <= s.Workers; threads *= 2 {
		ways = append(ways, setting{s.Workers / threads, threads, s.Budget})
	}
	return ways
}

// measurement is what was found of one precision.
type measurement struct {
	rounds      int
	usual, best *trial
	tried       []*trial
	items       []label.Item
	want        []label.Result // of the usual setting
}

// measure runs trials in turn beside the usual setting, and sees which is the best so far.
func (m *measurement) measure(ctx context.Context, trials []*trial) error {
	for _, t := range trials {
		var got gathered
		if _, err := t.try(m.items, &got).Run(ctx); err != nil {
			return err
		}
		t.differs = !same(got.results, m.want, ort.OnProcessor(t.device))
	}
	for range m.rounds {
		usual, err := m.usual.run(ctx, m.items)
		if err != nil {
			return err
		}
		m.usual.rates, m.usual.ratios = append(m.usual.rates, usual), append(m.usual.ratios, 1)
		for _, t := range trials {
			rate, err := t.run(ctx, m.items)
			if err != nil {
				return err
			}
			t.rates, t.ratios = append(t.rates, rate), append(t.ratios, rate/usual)
		}
	}
	for _, t := range trials {
		if t.better(m.best) {
			m.best = t
		}
	}
	m.tried = append(m.tried, trials...)
	return nil
}

// run labels the items, in items a second.
func (t *trial) run(ctx context.Context, items []label.Item) (float64, error) {
	stats, err := t.try(items, discard{}).Run(ctx)
	return float64(len(items)) / stats.Elapsed.Seconds(), err
}

// tell writes the table.
func (m *measurement) tell(stdout io.Writer, precision string) {
	table := tabwriter.NewWriter(stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "precision\tside by side\tcores each\tbatch\titems/s\tof the usual (lowest to highest)")
	for _, t := range append([]*trial{m.usual}, m.tried...) {
		note := ""
		if t.differs {
			note = "  other numbers: not used"
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%.1f\t%.2f (%.2f to %.2f)%s\n", precision, t.Workers, t.Threads, t.Budget, median(t.rates),
			median(t.ratios), slices.Min(t.ratios), slices.Max(t.ratios), note)
	}
	table.Flush()
}

// gathered is a sink that holds results.
type gathered struct {
	discard
	results []label.Result
}

func (g *gathered) Put(_ context.Context, rs []label.Result) error {
	g.results = append(g.results, rs...)
	return nil
}

// same compares answers: on the CPU to the last bit, elsewhere the labels, and the confidence as far as labels depend on it.
func same(got, want []label.Result, exact bool) bool {
	const tolerance = 1e-3
	return slices.EqualFunc(got, want, func(a, b label.Result) bool {
		if exact {
			return reflect.DeepEqual(a.Prediction, b.Prediction)
		}
		return slices.Equal(a.Prediction.Labels, b.Prediction.Labels) && math.Abs(a.Prediction.Confidence-b.Prediction.Confidence) < tolerance
	})
}

// sample makes about as many items as are done in a span, and gives what the model says of them.
func (e *engine) sample(ctx context.Context, span time.Duration) ([]label.Item, []label.Result, error) {
	const least, most = 32, 8192
	for n := least; ; {
		items := make([]label.Item, n)
		for i := range items {
			items[i] = e.madeUp(i)
		}
		var got gathered
		stats, err := e.try(items, &got).Run(ctx)
		if err != nil {
			return nil, nil, err
		}
		for _, r := range got.results {
			if r.Err != nil {
				return nil, nil, fmt.Errorf("tune: label a made-up item: %w", r.Err)
			}
		}
		if n == most || stats.Elapsed > span*3/4 {
			return items, got.results, nil
		}
		n = min(most, max(2*n, int(float64(n)*span.Seconds()/stats.Elapsed.Seconds())))
	}
}

// words is what made-up texts are made of.
var words = strings.Fields("my card was charged twice for one order and nobody answers when I call about the money that is missing since last week")

// madeUp gives an item that no other number gives: a text of 4 to 128 words, or a picture.
func (e *engine) madeUp(i int) label.Item {
	it := label.Item{ID: fmt.Sprint(i), Place: label.Place{File: "made-up", Line: i + 1}}
	if !e.model.Manifest.ReadsImages() {
		text := []string{fmt.Sprint(i)}
		for k := range 4 << (i % 6) {
			text = append(text, words[(i+k)%len(words)])
		}
		it.Text = strings.Join(text, " ")
		return it
	}
	picture := image.NewRGBA(image.Rect(0, 0, 640, 480))
	for y := range 480 {
		for x := range 640 {
			picture.Set(x, y, color.RGBA{uint8(x + i), uint8(y), uint8(x*y/64 + i>>8), 255})
		}
	}
	var encoded bytes.Buffer
	err := jpeg.Encode(&encoded, picture, nil)
	it.Image, it.Load = it.ID, func() ([]byte, error) { return encoded.Bytes(), err }
	return it
}
