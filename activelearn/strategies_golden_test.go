package activelearn

import (
	"math"
	"slices"
	"testing"

	"github.com/labelloop/labelloop/activelearn/internal/golden"
)

// figures are what a reference gave: a score for each item, and the picks.
type figures struct {
	Scores []float64
	Picks  []int
}

type strategyGoldens struct {
	Uncertainty []struct {
		Probs                                            [][]float32
		Labelled                                         []int
		N                                                int
		LeastConfidence, PredictionEntropy, BreakingTies figures
	}
	Committees []struct {
		Committee         [][][]float32
		Labelled          []int
		N                 int
		BALD, VoteEntropy figures
	}
	Contrastive []struct {
		Probs, Embeddings [][]float32
		Labelled          []int
		N, K              int
		figures
	}
	MultiLabel []struct {
		Probs                                 [][]float32
		Labelled                              []int
		Labels                                [][]int
		N                                     int
		CategoryVectorInconsistencyAndRanking figures
		AdaptiveActiveLearning                figures
	} `json:"multi_label"`
	Balanced []struct {
		Probs           [][]float32
		Labelled, Picks []int
		Labels          [][]int
		N               int
	}
	Subsamples []struct {
		Embeddings               [][]float32
		Labelled                 []int
		Labels                   [][]int
		K, Size                  int
		SEALS, AnchorSubsampling []int
	}
}

func loadStrategies(t *testing.T) strategyGoldens {
	g := golden.Load[strategyGoldens](t, "strategies")
	if min(len(g.Uncertainty), len(g.Committees), len(g.Contrastive), len(g.MultiLabel), len(g.Balanced), len(g.Subsamples)) == 0 {
		t.Fatal("a topic of strategies.json has no cases")
	}
	return g
}

// labelsAt gives the labels of a pool in which the given items are labelled, with class 0 where labels is nil.
func labelsAt(items int, labelled []int, labels [][]int) [][]int {
	of := make([][]int, items)
	for i, item := range labelled {
		of[item] = []int{0}
		if labels != nil {
			of[item] = append([]int{}, labels[i]...)
		}
	}
	return of
}

// compare holds scores against a reference's, within 1e-6 (relative to those over 1), and the picks against its picks.
func (f figures) compare(t *testing.T, scores []float64, strategy Strategy, pool Pool, n int) {
	t.Helper()
	if len(scores) != len(f.Scores) {
		t.Fatalf("%T: %d scores, want %d", strategy, len(scores), len(f.Scores))
	}
	for i, want := range f.Scores {
		if !(math.Abs(scores[i]-want) <= 1e-6*max(1, want)) {
			t.Errorf("%T: score %d is %g, want %g", strategy, i, scores[i], want)
		}
	}
	picks, err := strategy.Select(pool, n, nil)
	if err != nil || !slices.Equal(picks, f.Picks) {
		t.Errorf("%T: picks %v, %v, want %v", strategy, picks, err, f.Picks)
	}
}

func TestUncertaintyGolden(t *testing.T) {
	for _, c := range loadStrategies(t).Uncertainty {
		pool := Pool{Probs: rowsOf(c.Probs), Labels: labelsAt(len(c.Probs), c.Labelled, nil)}
		scores := func(of func(row []float32) float64) []float64 {
			return scoresOf(count(pool.items()), func(item int) float64 { return of(pool.Probs.Row(item)) })
		}
		c.LeastConfidence.compare(t, scores(confidence), LeastConfidence{}, pool, c.N)
		c.PredictionEntropy.compare(t, scores(entropy), PredictionEntropy{}, pool, c.N)
		c.BreakingTies.compare(t, scores(margin), BreakingTies{}, pool, c.N)
	}
}

func TestCommitteeGolden(t *testing.T) {
	for _, c := range loadStrategies(t).Committees {
		var pool Pool
		for _, member := range c.Committee {
			pool.Committee = append(pool.Committee, rowsOf(member))
		}
		pool.Labels = labelsAt(pool.items(), c.Labelled, nil)
		scores := func(of func([]Matrix, int) float64) []float64 {
			return scoresOf(count(pool.items()), func(item int) float64 { return of(pool.Committee, item) })
		}
		c.BALD.compare(t, scores(mutualInformation), BALD{}, pool, c.N)
		c.VoteEntropy.compare(t, scores(voteEntropy), VoteEntropy{}, pool, c.N)
	}
}

func TestContrastiveGolden(t *testing.T) {
	for _, c := range loadStrategies(t).Contrastive {
		pool := Pool{Probs: rowsOf(c.Probs), Embeddings: rowsOf(c.Embeddings)}
		pool.Labels = labelsAt(pool.items(), c.Labelled, nil)
		c.compare(t, contrasts(pool, pool.unlabelled(), c.K), ContrastiveActiveLearning{K: c.K}, pool, c.N)
	}
}

func TestMultiLabelGolden(t *testing.T) {
	for _, c := range loadStrategies(t).MultiLabel {
		pool := Pool{Probs: rowsOf(c.Probs), Labels: labelsAt(len(c.Probs), c.Labelled, c.Labels)}
		items := pool.unlabelled()
		c.CategoryVectorInconsistencyAndRanking.compare(t, inconsistencyTimesRank(pool, items),
			CategoryVectorInconsistencyAndRanking{}, pool, c.N)
		adaptive := scoresOf(items, func(item int) float64 {
			return adaptiveScore(pool.Probs.Row(item), meanCardinality(pool))
		})
		c.AdaptiveActiveLearning.compare(t, adaptive, AdaptiveActiveLearning{}, pool, c.N)
	}
}

func TestClassBalancerGolden(t *testing.T) {
	for _, c := range loadStrategies(t).Balanced {
		pool := Pool{Probs: rowsOf(c.Probs), Labels: labelsAt(len(c.Probs), c.Labelled, c.Labels)}
		picks, err := ClassBalancer{LeastConfidence{}}.Select(pool, c.N, nil)
		if err != nil {
			t.Fatal(err)
		}
		// small-text gives the picks class by class.
		slices.Sort(picks)
		slices.Sort(c.Picks)
		equalPicks(t, picks, c.Picks)
	}
}

// What a base strategy is shown is what the reference shows to its own.
func TestSubsamplingGolden(t *testing.T) {
	for _, c := range loadStrategies(t).Subsamples {
		pool := Pool{Embeddings: rowsOf(c.Embeddings), Labels: labelsAt(len(c.Embeddings), c.Labelled, c.Labels)}
		for _, s := range []struct {
			name string
			want []int
			of   func(base Strategy) Strategy
		}{
			{"SEALS", c.SEALS, func(base Strategy) Strategy { return SEALS{base, c.K} }},
			{"AnchorSubsampling", c.AnchorSubsampling, func(base Strategy) Strategy {
				return AnchorSubsampling{base, c.Size, len(c.Labelled), c.K}
			}},
		} {
			var seen witness
			if _, err := s.of(&seen).Select(pool, 1, nil); err != nil {
				t.Fatal(err)
			}
			got := make([]int, 0, len(s.want))
			for _, item := range seen.pool.unlabelled() {
				got = append(got, slices.IndexFunc(c.Embeddings, func(row []float32) bool {
					return slices.Equal(row, seen.pool.Embeddings.Row(item))
				}))
			}
			if !slices.Equal(got, s.want) {
				t.Errorf("%s lets %v through, want %v", s.name, got, s.want)
			}
		}
	}
}
