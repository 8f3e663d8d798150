package main

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/labelloop/labelloop/activelearn/acceptance"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/report"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// followed tells how much people follow suggestions: they answer what is suggested more often where they are shown it than
// where it was held back.
type followed struct {
	follower
	Sentence   string     `json:"sentence"`
	Annotators []follower `json:"annotators"` // who have answers of both kinds
}

// follower counts one person's answers, or those of all.
type follower struct {
	Name       string               `json:"name,omitempty"`
	Shown      int                  `json:"shown"`
	ShownSame  int                  `json:"shown_same"`
	Blind      int                  `json:"blind"`
	BlindSame  int                  `json:"blind_same"`
	Difference *acceptance.Interval `json:"difference,omitempty"` // of the shares of the same, where enough is known
}

// enoughAnswers is from how many answers of each kind a difference is told.
const enoughAnswers = 20

func (f *follower) add(shown, same bool) {
	switch {
	case shown && same:
		f.ShownSame++
		fallthrough
	case shown:
		f.Shown++
	case same:
		f.BlindSame++
		fallthrough
	default:
		f.Blind++
	}
}

func (f *follower) compare() {
	if min(f.Shown, f.Blind) >= enoughAnswers {
		d := acceptance.Difference(f.ShownSame, f.Shown, f.BlindSame, f.Blind, 0.05)
		f.Difference = &d
	}
}

// following compares the answers to what the queue brought up, with and without a suggestion: which of them were blind was
// drawn at random. Who rejects a suggestion does not follow it; who passes says nothing. Nil where nothing was blind.
func (c *crowd) following(ctx context.Context, s *sqlite.Store) (*followed, error) {
	held, err := c.heldBack(ctx, s)
	if err != nil || len(held) == 0 {
		return nil, err
	}
	all, people := &followed{Annotators: []follower{}}, map[string]*follower{}
	for _, name := range c.people {
		people[name] = &follower{Name: name}
	}
	for _, a := range c.standing {
		suggested, blind := held[a.ID]
		if !blind {
			suggested = a.Suggestion
		}
		if a.Round == 0 || suggested == nil || !a.Verdict.GivesLabels() && a.Verdict != label.Rejected {
			continue
		}
		same := a.Verdict.GivesLabels() && sameNames(a.Labels, suggested)
		all.add(!blind, same)
		people[a.Annotator].add(!blind, same)
	}
	all.compare()
	for _, name := range c.people {
		if p := people[name]; p.Shown > 0 && p.Blind > 0 {
			p.compare()
			all.Annotators = append(all.Annotators, *p)
		}
	}
	all.Sentence = all.words()
	return all, nil
}

// heldBack gives what was suggested, and not shown, for each blind answer, by the names that the labels had for the person.
func (c *crowd) heldBack(ctx context.Context, s *sqlite.Store) (map[int64][]string, error) {
	blind := map[int64][]label.Annotation{} // by model
	for _, a := range c.standing {
		if a.Suggestion == nil && a.Model != 0 {
			blind[a.Model] = append(blind[a.Model], a)
		}
	}
	list, err := s.Models(ctx)
	if err != nil {
		return nil, err
	}
	suggested, names := map[int64][]string{}, map[int64]map[int64]string{} // by annotation; by revision and label
	for _, m := range list {
		answers := blind[m.ID]
		if len(answers) == 0 {
			continue
		}
		ids, err := s.ModelLabels(ctx, m.ID)
		if err != nil {
			return nil, err
		}
		items := make([]int64, len(answers))
		for i, a := range answers {
			items[i] = a.Item
		}
		said, err := s.Predictions(ctx, m, items)
		if err != nil {
			return nil, err
		}
		judged := audit{ids: ids, project: s.Project()}
		for i, a := range answers {
			if said[i].Probs == nil {
				continue
			}
			if names[a.Revision] == nil {
				set, err := s.LabelSet(ctx, a.Revision)
				if err != nil {
					return nil, err
				}
				names[a.Revision] = map[int64]string{}
				for _, l := range set.Labels {
					names[a.Revision][l.ID] = l.Name
				}
			}
			labels, _ := judged.labels(said[i].Probs)
			row := []string{}
			for _, id := range labels {
				if name, there := names[a.Revision][id]; there {
					row = append(row, name)
				}
			}
			if len(row) == len(labels) { // the set had all that the model means
				suggested[a.ID] = row
			}
		}
	}
	return suggested, nil
}

func sameNames(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// words says it.
func (f *followed) words() string {
	const show = "People who are shown the suggestion answer the same in %s of %s items, and in %s of %s where it is held back"
	share := func(same, of int) string {
		if of == 0 {
			return "none"
		}
		return fmt.Sprintf("%.1f %%", 100*float64(same)/float64(of))
	}
	text := fmt.Sprintf(show, share(f.ShownSame, f.Shown), thousands(f.Shown), share(f.BlindSame, f.Blind), thousands(f.Blind))
	d := f.Difference
	if d == nil {
		return text + fmt.Sprintf(": too few to compare, which needs %d of each.", enoughAnswers)
	}
	text += fmt.Sprintf(": %+.1f points (95 %% interval %+.1f to %+.1f). ", 100*d.Estimate, 100*d.Low, 100*d.High)
	switch {
	case d.Low > 0:
		return text + "They follow it: who sees it answers it more often."
	case d.High < 0:
		return text + "They agree with it less when they see it."
	}
	return text + "That they follow it is not shown."
}

// section is what a report shows of it.
func (f *followed) section() report.Following {
	if f == nil {
		return report.Following{}
	}
	r := report.Following{Sentence: f.Sentence}
	all := f.follower
	all.Name = "all"
	for _, p := range append([]follower{all}, f.Annotators...) {
		row := report.FollowingRow{Who: p.Name, Shown: p.Shown, ShownSame: p.ShownSame, Blind: p.Blind, BlindSame: p.BlindSame,
			Difference: math.NaN(), Low: math.NaN(), High: math.NaN()}
		if d := p.Difference; d != nil {
			row.Difference, row.Low, row.High = d.Estimate, d.Low, d.High
		}
		r.Rows = append(r.Rows, row)
	}
	return r
}
