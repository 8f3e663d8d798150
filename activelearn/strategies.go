package activelearn

import (
	"fmt"
	"strings"
)

// strategies holds every strategy as it is used where nothing is set, by the name that command lines know it by.
var strategies = []struct {
	name     string
	strategy Strategy
}{
	{"hybrid", Hybrid{}},
	{"random", Random{}},
	{"least-confidence", LeastConfidence{}},
	{"prediction-entropy", PredictionEntropy{}},
	{"breaking-ties", BreakingTies{}},
	{"embedding-k-means", EmbeddingKMeans{}},
	{"greedy-coreset", GreedyCoreset{}},
	{"lightweight-coreset", LightweightCoreset{}},
	{"prob-cover", ProbCover{}},
	{"typi-clust", TypiClust{}},
	{"contrastive-active-learning", ContrastiveActiveLearning{}},
	{"discriminative-active-learning", DiscriminativeActiveLearning{}},
	{"badge", BADGE{}},
	{"bald", BALD{}},
	{"vote-entropy", VoteEntropy{}},
	{"category-vector-inconsistency-and-ranking", CategoryVectorInconsistencyAndRanking{}},
	{"adaptive-active-learning", AdaptiveActiveLearning{}},
}

// wrappers holds the strategies that work around another one.
var wrappers = []struct {
	name   string
	around func(base Strategy) Strategy
}{
	{"class-balancer", func(base Strategy) Strategy { return ClassBalancer{Base: base} }},
	{"seals", func(base Strategy) Strategy { return SEALS{Base: base} }},
	{"anchor", func(base Strategy) Strategy { return AnchorSubsampling{Base: base} }},
	{"anchor-subsampling", func(base Strategy) Strategy { return AnchorSubsampling{Base: base} }},
}

// Named gives the strategy of a name, as breaking-ties or BreakingTies: case and hyphens don't count. A strategy around
// another one is written before it, with a colon: class-balancer:breaking-ties.
func Named(name string) (Strategy, error) {
	if outer, inner, ok := strings.Cut(name, ":"); ok {
		for _, w := range wrappers {
			if folded(w.name) == folded(outer) {
				base, err := Named(inner)
				if err != nil {
					return nil, err
				}
				return w.around(base), nil
			}
		}
		return nil, unknown(outer)
	}
	for _, s := range strategies {
		if folded(s.name) == folded(name) {
			return s.strategy, nil
		}
	}
	return nil, unknown(name)
}

// Names lists the strategies by the names that Named takes.
func Names() []string {
	var names []string
	for _, s := range strategies {
		names = append(names, s.name)
	}
	return names
}

// folded is a name without what does not count in it.
func folded(name string) string { return strings.ToLower(strings.ReplaceAll(name, "-", "")) }

func unknown(name string) error {
	var known, around []string
	for _, s := range strategies {
		known = append(known, s.name)
	}
	for _, w := range wrappers {
		around = append(around, w.name+":")
	}
	return fmt.Errorf("strategy %q is not known: give one of %s; before it, if you like, one of %s", name,
		strings.Join(known, ", "), strings.Join(around, ", "))
}
