package main

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/labelloop/labelloop/activelearn"
	"github.com/labelloop/labelloop/activelearn/quality"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/report"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// crowd is what people said of a project's items and what still holds.
type crowd struct {
	standing []label.Annotation // by item
	people   []string           // in the order of their first annotation
}

func readCrowd(ctx context.Context, s *sqlite.Store) (*crowd, error) {
	standing, err := s.Standing(ctx)
	if err != nil {
		return nil, err
	}
	c := &crowd{standing: standing}
	for _, a := range standing {
		if !slices.Contains(c.people, a.Annotator) {
			c.people = append(c.people, a.Annotator)
		}
	}
	return c, nil
}

// annotations gives single labels in a model's classes, for the items of the pool that the model has judged.
func (c *crowd) annotations(a *audit) (given quality.Annotations, items []int64) {
	given, _ = c.classed(a.model.Labels, func(item int64) bool {
		if a.row(item) < 0 {
			return false
		}
		if n := len(items); n == 0 || items[n-1] != item {
			items = append(items, item)
		}
		return true
	})
	return given, items
}

// classed gives single labels as classes, of the items that are wanted, and the names of those who gave them.
func (c *crowd) classed(labels []string, wanted func(item int64) bool) (given quality.Annotations, people []string) {
	class := make(map[string]int, len(labels))
	for i, name := range labels {
		class[name] = i
	}
	last := int64(-1)
	number := map[string]int{}
	for _, a := range c.standing {
		if len(a.Labels) != 1 || !a.Verdict.GivesLabels() {
			continue
		}
		k, known := class[a.Labels[0]]
		if !known || !wanted(a.Item) {
			continue
		}
		if a.Item != last {
			last = a.Item
			given.Items++
		}
		who, met := number[a.Annotator]
		if !met {
			who = len(people)
			number[a.Annotator] = who
			people = append(people, a.Annotator)
		}
		given.List = append(given.List, quality.Annotation{Item: given.Items - 1, Annotator: who, Class: k})
	}
	given.Annotators, given.Classes = len(people), len(labels)
	return given, people
}

// rows gives the model's probabilities of items.
func (a *audit) rows(items []int64) activelearn.Matrix {
	rows := make([]int, len(items))
	for i, item := range items {
		rows[i] = a.row(item)
	}
	return a.probs.Gather(rows)
}

// throughput counts labels by person and day; by the hour where all were given within two days.
func (c *crowd) throughput() report.Throughput {
	if len(c.standing) == 0 {
		return report.Throughput{Daily: true}
	}
	first, last := c.standing[0].At, c.standing[0].At
	for _, a := range c.standing {
		if a.At.Before(first) {
			first = a.At
		}
		if a.At.After(last) {
			last = a.At
		}
	}
	t := report.Throughput{Daily: last.Sub(first) > 48*time.Hour}
	step := time.Hour
	first = first.Local()
	t.Start = first.Truncate(time.Hour)
	if t.Daily {
		step = 24 * time.Hour
		t.Start = time.Date(first.Year(), first.Month(), first.Day(), 0, 0, 0, 0, first.Location())
	}
	for _, name := range c.people {
		work := report.AnnotatorWork{Name: name, Labels: make([]int, int(last.Sub(t.Start)/step)+1), Seconds: math.NaN()}
		var took []float64
		for _, a := range c.standing {
			if a.Annotator != name {
				continue
			}
			work.Labels[a.At.Sub(t.Start)/step]++
			if a.Took > 0 {
				took = append(took, a.Took.Seconds())
			}
		}
		if took != nil {
			slices.Sort(took)
			work.Seconds = took[len(took)/2]
		}
		t.Annotators = append(t.Annotators, work)
	}
	return t
}

// agreement tells how far people agree on items that several of them labelled.
func (c *crowd) agreement() report.Agreement {
	var names []string
	for _, a := range c.standing {
		if len(a.Labels) == 1 {
			names = append(names, a.Labels[0])
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	given, people := c.classed(names, func(int64) bool { return true })
	by := make([]map[int]int, len(people)) // each person's class of each item
	for i := range by {
		by[i] = map[int]int{}
	}
	labels := make([]int, given.Items)
	for _, n := range given.List {
		by[n.Annotator][n.Item] = n.Class
		labels[n.Item]++
	}
	r := report.Agreement{}
	for _, n := range labels {
		if n > 1 {
			r.Items++
		}
	}
	if r.Items == 0 {
		return r
	}
	if alpha, err := quality.KrippendorffAlpha(given, quality.Nominal); err == nil {
		r.Measures = append(r.Measures, report.Measure{Name: "Krippendorff's alpha", Value: alpha, Low: math.NaN(), High: math.NaN()})
	}
	consensus, _, err := quality.MajorityVote(given)
	if err != nil {
		return r
	}
	worth := make([]float64, len(people))
	for i := range worth {
		worth[i] = math.NaN()
	}
	if fit, err := quality.FitDawidSkene(given); err == nil {
		for i := range worth { // how often they name the true class
			worth[i] = 0
			for k, p := range fit.Prior {
				worth[i] += p * fit.Errors[i][k][k]
			}
		}
	}
	for i, name := range people {
		same := 0
		for item, k := range by[i] {
			if consensus[item] == k {
				same++
			}
		}
		r.Annotators = append(r.Annotators, report.Annotator{Name: name, Labels: len(by[i]), Consensus: float64(same) / float64(max(1, len(by[i]))), Quality: worth[i]})
		kappas, shared := make([]float64, len(people)), make([]int, len(people))
		for j := range people {
			kappas[j], shared[j] = pairwise(by[i], by[j], len(names))
		}
		r.Kappa, r.Shared = append(r.Kappa, kappas), append(r.Shared, shared)
	}
	return r
}

// pairwise is Cohen's kappa of two people on the items that both labelled, NaN where these are fewer than ten.
func pairwise(a, b map[int]int, classes int) (kappa float64, shared int) {
	var first, second []int
	for item, k := range a {
		if other, both := b[item]; both {
			first, second = append(first, k), append(second, other)
		}
	}
	if len(first) < 10 {
		return math.NaN(), len(first)
	}
	kappa, err := quality.CohenKappa(first, second, classes, quality.Unweighted)
	if err != nil {
		kappa = math.NaN()
	}
	return kappa, len(first)
}

// mostIssues is how many label issues a report lists.
const mostIssues = 50

// issues finds labels that do not fit what the model says of the others (confident learning).
func (c *crowd) issues(ctx context.Context, s *sqlite.Store, a *audit) (report.Issues, error) {
	var r report.Issues
	if a.project.MultiLabel {
		return r, nil
	}
	class := make(map[int64]int, len(a.ids))
	for i, id := range a.ids {
		class[id] = i
	}
	var items []int64
	var labels []int
	for _, item := range a.items {
		if truth := a.truths[item]; len(truth) == 1 {
			if k, known := class[truth[0]]; known {
				items, labels = append(items, item), append(labels, k)
			}
		}
	}
	if len(items) == 0 {
		return r, nil
	}
	probs := a.rows(items)
	found, err := quality.LabelIssues(labels, probs, quality.PruneByNoiseRate)
	if err != nil {
		return r, err
	}
	scores, err := quality.LabelScores(labels, probs, quality.SelfConfidence)
	if err != nil {
		return r, err
	}
	ranked := quality.Rank(found, scores)
	r.Found = len(ranked)
	for _, i := range ranked[:min(len(ranked), mostIssues)] {
		record, err := s.Item(ctx, items[i])
		if err != nil {
			return r, err
		}
		top, _ := label.Probabilities{Probs: probs.Row(i)}.Top(false)
		shown := record.Item.Text
		if record.Item.Image != "" {
			shown = record.Item.Image
		}
		r.Items = append(r.Items, report.Issue{ID: record.Item.ID, Shown: strings.TrimSpace(shown), Given: a.model.Labels[labels[i]],
			Suggested: a.model.Labels[top], Score: scores[i]})
	}
	return r, nil
}
