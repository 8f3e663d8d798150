package activelearn

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// SEALS lets another strategy choose among the nearest unlabelled neighbours of the labelled items alone (Coleman et al.
// 2022, "Similarity search for efficient active learning and search of rare concepts"). Neighbours are sought by cosine,
// exhaustively; K doubles until there are n to choose among. Where nothing is labelled, or K items or fewer are
// unlabelled, Base chooses among all. It reads Embeddings and Labels, and what Base reads.
type SEALS struct {
	Base Strategy
	K    int // neighbours of each labelled item; 0: 100
}

// Select implements Strategy.
func (s SEALS) Select(pool Pool, n int, rng *rand.Rand) ([]int, error) {
	if err := pool.check(embeddings); err != nil {
		return nil, fmt.Errorf("SEALS: %w", err)
	}
	items, labelled := pool.unlabelled(), pool.labelled()
	if len(labelled) == 0 {
		return s.Base.Select(pool, n, rng)
	}
	near := newSpace(pool.Embeddings, Cosine)
	for k := orDefault(s.K, 100); k < len(items); k *= 2 {
		if found := union(near.nearest(labelled, items, k)); len(found) >= n {
			return within(s.Base, pool, found, n, rng)
		}
	}
	return s.Base.Select(pool, n, rng)
}

// union gives the items of all lists, each once, in order.
func union(lists [][]neighbour) []int {
	var items []int
	for _, list := range lists {
		for _, neighbour := range list {
			items = append(items, neighbour.item)
		}
	}
	slices.Sort(items)
	return slices.Compact(items)
}

// AnchorSubsampling (AnchorAL) lets another strategy choose among items that are like the labelled ones of each class, so
// that rare classes are searched for as much as frequent ones (Lesci & Vlachos 2024, "AnchorAL: computationally efficient
// active learning for large and imbalanced datasets"). Of each class, anchors that lie far apart are drawn by k-means++;
// the nearest neighbours of all anchors, by cosine, are put in order of their mean similarity to the anchors that found
// them, and Base chooses among the first Size of them. The search is exhaustive. Where it finds fewer than n items, or
// Size items or fewer are unlabelled, Base chooses among all. It reads Embeddings and Labels, and what Base reads.
type AnchorSubsampling struct {
	Base    Strategy
	Size    int // items to choose among; 0: 500
	Anchors int // of each class, at most; 0: 10
	K       int // neighbours of each anchor; 0: 50
}

// Select implements Strategy.
func (s AnchorSubsampling) Select(pool Pool, n int, rng *rand.Rand) ([]int, error) {
	if err := pool.check(embeddings); err != nil {
		return nil, fmt.Errorf("anchor subsampling: %w", err)
	}
	items, size := pool.unlabelled(), max(n, orDefault(s.Size, 500))
	if size >= len(items) {
		return s.Base.Select(pool, n, rng)
	}
	near := newSpace(pool.Embeddings, Cosine)
	found := likeAnchors(near.nearest(near.anchors(pool, orDefault(s.Anchors, 10), rng), items, orDefault(s.K, 50)), size)
	if len(found) < n {
		return s.Base.Select(pool, n, rng)
	}
	return within(s.Base, pool, found, n, rng)
}

// anchors draws up to most labelled items of each class.
func (s space) anchors(pool Pool, most int, rng *rand.Rand) []int {
	var members [][]int // by class
	for _, item := range pool.labelled() {
		for _, class := range pool.Labels[item] {
			for len(members) <= class {
				members = append(members, nil)
			}
			members[class] = append(members[class], item)
		}
	}
	var anchors []int
	for _, of := range members {
		if len(of) > most {
			picks := plusPlus(len(of), most, nil, s.among(of), rng)
			for i, at := range picks {
				picks[i] = of[at]
			}
			of = picks
		}
		anchors = append(anchors, of...)
	}
	return anchors
}

// likeAnchors gives the items, size at most, with the highest mean similarity to the anchors whose neighbours they are.
func likeAnchors(lists [][]neighbour, size int) []int {
	items := union(lists)
	far, times := map[int]float64{}, map[int]float64{}
	for _, list := range lists {
		for _, neighbour := range list {
			far[neighbour.item] += neighbour.squared
			times[neighbour.item]++
		}
	}
	return lowest(scoresOf(items, func(item int) float64 { return far[item] / times[item] }), items, size)
}

// within lets a strategy choose among some of the unlabelled items. It sees them and all labelled ones.
func within(base Strategy, pool Pool, items []int, n int, rng *rand.Rand) ([]int, error) {
	at := slices.Concat(items, pool.labelled())
	slices.Sort(at)
	picks, err := base.Select(pool.gather(at), n, rng)
	for i, pick := range picks {
		picks[i] = at[pick]
	}
	return picks, err
}
