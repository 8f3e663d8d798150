package quality

import (
	"slices"
	"testing"

	"github.com/labelloop/labelloop/activelearn"
	"github.com/labelloop/labelloop/activelearn/internal/golden"
)

type consensusCase struct {
	Answers              [][]int
	Probs, Unlabelled    activelearn.Matrix
	Relabel, Fresh, Cold []float64
	Majority             struct {
		Consensus []int
		Probs     [][]float64
	}
	Skene struct {
		Consensus []int
		Probs     [][]float64
		Prior     []float64
		Errors    [][][]float64
	}
	Crowdlab struct {
		Consensus          []int
		Quality, Agreement []float64
		Labels             [][]*float64
		Model              float64
		Weights            []float64
		Annotators         []struct {
			Quality       *float64
			Agreement     float64
			Worst, Labels int
		}
	}
}

type consensusGolden struct{ Several, Single []consensusCase }

func TestGoldenDawidSkene(t *testing.T) {
	for n, c := range golden.Load[consensusGolden](t, "consensus").Several {
		a := annotations(c.Answers, c.Probs.Cols)
		consensus, probs, err := MajorityVote(a)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(consensus, c.Majority.Consensus) {
			t.Fatalf("case %d: majority %v, want %v", n, consensus, c.Majority.Consensus)
		}
		approxRows(t, "shares", probs, c.Majority.Probs)
		fit := must(FitDawidSkene(a))(t)
		for i, class := range c.Skene.Consensus {
			// Posteriors that are equal but for rounding leave the choice open.
			if got := fit.Consensus[i]; fit.Probs[i][got]-fit.Probs[i][class] > 1e-8 || fit.Probs[i][class] > fit.Probs[i][got] {
				t.Fatalf("case %d: consensus on item %d is %d, want %d", n, i, got, class)
			}
		}
		approxRows(t, "probabilities", fit.Probs, c.Skene.Probs)
		approx(t, "prior", fit.Prior, c.Skene.Prior)
		approxRows(t, "errors", slices.Concat(fit.Errors...), slices.Concat(c.Skene.Errors...))
	}
}

func TestGoldenCrowdlab(t *testing.T) {
	for n, c := range golden.Load[consensusGolden](t, "consensus").Several {
		fit := must(FitCrowdlab(annotations(c.Answers, c.Probs.Cols), c.Probs))(t)
		want := c.Crowdlab
		if !slices.Equal(fit.Consensus, want.Consensus) {
			t.Fatalf("case %d: consensus %v, want %v", n, fit.Consensus, want.Consensus)
		}
		approx(t, "quality", fit.Quality, want.Quality)
		approx(t, "agreement", fit.Agreement, want.Agreement)
		approx(t, "model weight", []float64{fit.ModelWeight}, []float64{want.Model})
		approx(t, "annotator weights", fit.AnnotatorWeight, want.Weights)
		for i, row := range want.Labels {
			labels := make([]float64, len(row))
			for w, v := range row {
				labels[w] = number(v)
			}
			approx(t, "labels", fit.Labels[i], labels)
		}
		for w, annotator := range want.Annotators {
			got := fit.Annotators[w]
			approx(t, "annotator", []float64{got.Quality, got.Agreement}, []float64{number(annotator.Quality), annotator.Agreement})
			if got.WorstClass != annotator.Worst || got.Labels != annotator.Labels {
				t.Fatalf("case %d: annotator %d is %+v, want %+v", n, w, got, annotator)
			}
		}
	}
}

func TestGoldenActiveLab(t *testing.T) {
	cases := golden.Load[consensusGolden](t, "consensus")
	for _, c := range slices.Concat(cases.Several, cases.Single) {
		relabel, fresh, err := ActiveLab(annotations(c.Answers, c.Probs.Cols), c.Probs, c.Unlabelled)
		if err != nil {
			t.Fatal(err)
		}
		approx(t, "relabel", relabel, c.Relabel)
		approx(t, "fresh", fresh, c.Fresh)
	}
	for _, c := range cases.Single {
		_, cold, err := ActiveLab(Annotations{}, activelearn.Matrix{}, c.Unlabelled)
		if err != nil {
			t.Fatal(err)
		}
		approx(t, "cold", cold, c.Cold)
	}
}
