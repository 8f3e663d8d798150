package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/labelloop/labelloop/activelearn"
	"github.com/labelloop/labelloop/activelearn/acceptance"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// course is how a project gets on from round to round: whether further labels would change much, and how many are left.
type course struct {
	Points   []coursePoint `json:"points"` // the learning curve, as it was measured when rounds began
	Models   int           `json:"models"` // rounds that had a model of their own
	Items    int           `json:"items"`  // unlabelled ones that the criteria compare the models on
	Stopping []criterion   `json:"stopping,omitempty"`
	Target   float64       `json:"target"`
	Left     *labelsLeft   `json:"left,omitempty"`
	Sentence string        `json:"sentence,omitempty"` // about the labels left
}

// coursePoint is the accuracy of a round's model on the audited sample.
type coursePoint struct {
	Labels   int                 `json:"labels"`
	Accuracy acceptance.Interval `json:"accuracy"`
	Audited  int                 `json:"audited"`
}

// criterion is what a stopping criterion says.
type criterion struct {
	Name string `json:"criterion"`
	Stop bool   `json:"stop"`
	Says string `json:"says"`
}

// labelsLeft is how many labels are left until the target, with the ends of a 95 % interval; null: no number of them is enough.
type labelsLeft struct {
	Labels *int `json:"labels"`
	Low    *int `json:"low"`
	High   *int `json:"high"`
}

// Bounds of what a course is told from.
const (
	mostCompareOn   = 2000 // unlabelled items that the stopping criteria go by
	leastForecast   = 30   // audited items that a forecast needs
	roundsForecast  = 3
	roundsStability = 4 // three pairs of neighbours
)

// turn is a round whose model is another one than those of the rounds before.
type turn struct {
	model  label.Model
	ids    []int64
	labels int // there were when it began
}

// readCourse compares the models of the rounds, each by the first round that it had.
func readCourse(ctx context.Context, s *sqlite.Store, a *audit, target float64) (*course, error) {
	rounds, err := s.Rounds(ctx)
	if err != nil {
		return nil, err
	}
	c := &course{Points: curve(rounds), Target: target}
	turns, err := turnsOf(ctx, s, rounds)
	if err != nil {
		return nil, err
	}
	if c.Models = len(turns); c.Models < 2 {
		return c, nil
	}
	if err := c.stop(ctx, s, turns); err != nil {
		return nil, err
	}
	return c, c.forecast(ctx, s, a, turns)
}

// curve is the learning curve that rounds keep: one point for each number of labels, the latest.
func curve(rounds []label.Round) []coursePoint {
	points := []coursePoint{}
	for _, r := range rounds {
		var m measured
		if json.Unmarshal(r.Metrics, &m) != nil || m.Audited == 0 {
			continue
		}
		if n := len(points); n > 0 && points[n-1].Labels == m.Labels {
			points = points[:n-1]
		}
		points = append(points, coursePoint{m.Labels, m.Accuracy, m.Audited})
	}
	return points
}

func turnsOf(ctx context.Context, s *sqlite.Store, rounds []label.Round) ([]turn, error) {
	list, err := s.Models(ctx)
	if err != nil {
		return nil, err
	}
	var turns []turn
	for _, r := range rounds {
		at := slices.IndexFunc(list, func(m label.Model) bool { return m.ID == r.Model })
		if at < 0 || slices.ContainsFunc(turns, func(t turn) bool { return t.model.ID == r.Model }) {
			continue
		}
		t := turn{model: list[at]}
		var m measured
		if json.Unmarshal(r.Metrics, &m) == nil {
			t.labels = m.Labels
		}
		if t.ids, err = s.ModelLabels(ctx, t.model.ID); err != nil {
			return nil, err
		}
		turns = append(turns, t)
	}
	return turns, nil
}

// said gives what each turn's model says of those of the items that all of them have judged.
func said(ctx context.Context, s *sqlite.Store, turns []turn, items []int64) (judged []int64, probs [][][]float32, err error) {
	all := make([][]label.Probabilities, len(turns))
	for k, t := range turns {
		if all[k], err = s.Predictions(ctx, t.model, items); err != nil {
			return nil, nil, err
		}
	}
	probs = make([][][]float32, len(turns))
	for i, item := range items {
		if slices.ContainsFunc(all, func(list []label.Probabilities) bool { return list[i].Probs == nil }) {
			continue
		}
		judged = append(judged, item)
		for k := range all {
			probs[k] = append(probs[k], all[k][i].Probs)
		}
	}
	return judged, probs, nil
}

// stop asks the stopping criteria, by what the models say of unlabelled items that are spread over the project.
func (c *course) stop(ctx context.Context, s *sqlite.Store, turns []turn) error {
	last, err := s.Last(ctx)
	if err != nil {
		return err
	}
	var spread []int64
	for i := range min(last, mostCompareOn) {
		spread = append(spread, 1+i*last/min(last, mostCompareOn))
	}
	splits, states, err := s.Standings(ctx, spread)
	if err != nil {
		return err
	}
	var open []int64
	for i, item := range spread {
		if splits[i] == label.Pool && states[i] == label.Unlabelled {
			open = append(open, item)
		}
	}
	judged, probs, err := said(ctx, s, turns, open)
	if c.Items = len(judged); err != nil || c.Items == 0 {
		return err
	}
	multi := s.Project().MultiLabel
	rounds := make([]activelearn.Round, len(turns))
	for k, t := range turns {
		judge := audit{ids: t.ids, project: s.Project()}
		for _, row := range probs[k] {
			labels, _ := judge.labels(row)
			classes := make([]int, len(labels))
			for i, id := range labels {
				classes[i] = int(id)
			}
			slices.Sort(classes)
			rounds[k].Predictions = append(rounds[k].Predictions, classes)
		}
	}
	final := &rounds[len(rounds)-1]
	final.Probs = activelearn.NewMatrix(len(judged), len(turns[len(turns)-1].ids))
	for i, row := range probs[len(probs)-1] {
		copy(final.Probs.Row(i), row)
	}
	ask := func(name, means string, needs int, criterion activelearn.StoppingCriterion) error {
		if len(rounds) < needs {
			c.add(name, false, fmt.Sprintf("needs %d more rounds with a model of their own", needs-len(rounds)))
			return nil
		}
		stop, err := criterion.Stop(rounds)
		if err != nil {
			return err
		}
		c.add(name, stop, means)
		return nil
	}
	if !multi {
		if err := ask("kappa average", "kappa of neighbouring models at least 0.99 over three pairs", roundsStability, activelearn.KappaAverage{}); err != nil {
			return err
		}
	}
	if err := ask("classification change", "the last two models give the same labels", 2, activelearn.ClassificationChange{}); err != nil {
		return err
	}
	if multi || final.Probs.Cols < 2 {
		return nil
	}
	return ask("overall uncertainty", "mean entropy of the last model below 5 % of the highest possible", 1, activelearn.OverallUncertainty{})
}

func (c *course) add(name string, stop bool, says string) {
	c.Stopping = append(c.Stopping, criterion{name, stop, says})
}

// forecast tells how many labels are left until the target accuracy, by what the models say of the audited sample.
func (c *course) forecast(ctx context.Context, s *sqlite.Store, a *audit, turns []turn) error {
	turns = slices.DeleteFunc(turns, func(t turn) bool { return t.labels == 0 }) // a curve of no labels has no beginning
	counts := map[int]bool{}
	for _, t := range turns {
		counts[t.labels] = true
	}
	if len(counts) < roundsForecast {
		c.Sentence = fmt.Sprintf("A forecast of the labels left needs %d rounds with a model and labels of their own; so far %d.", roundsForecast, len(counts))
		return nil
	}
	judged, probs, err := said(ctx, s, turns, a.answered)
	if err != nil {
		return err
	}
	if len(judged) < leastForecast {
		c.Sentence = fmt.Sprintf("A forecast of the labels left needs %d audited items that all %d models have judged; so far %d.", leastForecast, len(turns), len(judged))
		return nil
	}
	progress := make([]activelearn.Progress, len(turns))
	for k, t := range turns {
		judge := audit{ids: t.ids, project: a.project}
		progress[k] = activelearn.Progress{Labels: t.labels, Correct: make([]bool, len(judged))}
		for i, item := range judged {
			given, _ := judge.labels(probs[k][i])
			truth, known := a.truths[item]
			progress[k].Correct[i] = known && sameSet(truth, given)
		}
	}
	left, err := activelearn.LabelsLeft(progress, c.Target, rand.New(rand.NewPCG(1, 1)))
	if err != nil {
		return label.Errorf(label.ErrUsage, "--target: %w", err)
	}
	c.Left = &labelsLeft{whole(left.Left), whole(left.Low), whole(left.High)}
	c.Sentence = c.words(len(judged), len(turns))
	return nil
}

// whole rounds a number of labels up to two digits; nil where it is infinite, or of no use to anybody.
func whole(labels float64) *int {
	if labels > math.MaxInt32 {
		return nil
	}
	n := round2(int(math.Ceil(labels)))
	return &n
}

// words says how many labels are left.
func (c *course) words(items, models int) string {
	basis := fmt.Sprintf("by %d models on %s audited items", models, thousands(items))
	target := fmt.Sprintf("%g %% accuracy", 100*c.Target)
	number := func(n *int) string {
		if n == nil {
			return "no end"
		}
		return thousands(*n)
	}
	interval := fmt.Sprintf("95 %% interval %s to %s", number(c.Left.Low), number(c.Left.High))
	switch {
	case c.Left.Labels == nil:
		return fmt.Sprintf("The learning curve levels off below %s (%s labels more; %s).", target, interval, basis)
	case *c.Left.Labels == 0:
		return fmt.Sprintf("%s is reached (%s labels more; %s).", target, interval, basis)
	}
	return fmt.Sprintf("About %s labels more until %s (%s; %s).", number(c.Left.Labels), target, interval, basis)
}

// stopping says in a line what the criteria say; "" where there are none.
func (c *course) stopping() string {
	var says []string
	for _, s := range c.Stopping {
		switch {
		case s.Stop:
			says = append(says, s.Name+" says stop")
		case strings.HasPrefix(s.Says, "needs"):
			says = append(says, s.Name+" "+s.Says)
		default:
			says = append(says, s.Name+" says go on")
		}
	}
	if says == nil {
		return ""
	}
	return fmt.Sprintf("Stopping criteria, by %d models on %s unlabelled items: %s.", c.Models, thousands(c.Items), strings.Join(says, "; "))
}
