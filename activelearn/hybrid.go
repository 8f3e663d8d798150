package activelearn

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Hybrid is the default strategy. Of the items that a model is least certain of (the smallest margins) it picks those that
// stand for the most others: filtered active submodular selection (Wei, Iyer & Bilmes 2015, "Submodularity in data subset
// selection and active learning") with the facility location function over cosines, in which an item weighs (1 - margin)^2.
// Labelled items stand for others too, so near-duplicates, of picks or of labelled items, are passed by while anything else
// is left.
// Among the picks are a random control slice, a uniform sample of the unlabelled items, by which accuracy can be estimated
// without bias, and labelled items that another label would help more. Where nothing is labelled yet, TypiClust picks,
// balanced over the predicted classes where there are (zero-shot) probabilities.
type Hybrid struct {
	Control float64 // share of the picks that is drawn at random; 0: 0.1, below 0: none
	Multi   bool    // Probs are sigmoids, one for each class
}

// Reason says why an item was picked.
type Reason string

const (
	Uncertain   Reason = "uncertain" // the model is not sure, and the item stands for others
	Controlling Reason = "control"   // drawn at random
	Cold        Reason = "cold"      // typical; there are no labels to learn from yet
	Relabelling Reason = "relabel"   // its label is doubtful
)

// Pick is an item to be labelled, and why.
type Pick struct {
	Item   int
	Reason Reason
}

// HybridPool is a pool and what only Hybrid reads. Either may be nil.
type HybridPool struct {
	Pool
	// Embed gives the embeddings of some items, where Pool.Embeddings does not hold those of all. Hybrid asks for a few
	// thousand.
	Embed func(items []int) (Matrix, error)
	// Scores tells for each item, labelled or not, how little another label would teach, as quality.ActiveLab does. A
	// labelled item with one of the n lowest scores is picked again, up to a fifth of the picks.
	Scores []float64
}

const (
	defaultControl = 0.1
	mostRelabelled = 0.2
	// Of the least certain items Hybrid looks at candidatesEach for each one it picks, within bounds.
	candidatesEach, fewestCandidates, mostCandidates = 80, 1000, 8000
	coldCandidates                                   = 10000 // drawn at random
	mostStanding                                     = 10000 // labelled items that stand for others, drawn at random
	mostAtOnce                                       = 2000  // picks from the same candidates
)

// Select implements Strategy.
func (h Hybrid) Select(pool Pool, n int, rng *rand.Rand) ([]int, error) {
	picks, err := h.Pick(HybridPool{Pool: pool}, n, rng)
	if err != nil {
		return nil, err
	}
	items := make([]int, len(picks))
	for i, p := range picks {
		items[i] = p.Item
	}
	return items, nil
}

// Pick gives n distinct items and the reasons for them, the most wanted first and the control slice spread evenly among
// them (fewer where fewer are left). It reads Probs (not needed while nothing is labelled), Labels and embeddings.
func (h Hybrid) Pick(pool HybridPool, n int, rng *rand.Rand) ([]Pick, error) {
	picks, err := h.pick(pool, n, rng)
	if err != nil {
		return nil, fmt.Errorf("hybrid: %w", err)
	}
	return picks, nil
}

func (h Hybrid) pick(pool HybridPool, n int, rng *rand.Rand) ([]Pick, error) {
	labelled := pool.labelled()
	var needs field
	if len(labelled) > 0 {
		needs |= probs
	}
	if pool.Embed == nil {
		needs |= embeddings
	}
	if err := pool.check(needs); err != nil {
		return nil, err
	}
	if pool.Scores != nil && len(pool.Scores) != pool.items() {
		return nil, fmt.Errorf("scores of %d items in a pool of %d", len(pool.Scores), pool.items())
	}
	again := pool.relabel(n)
	n = max(0, min(n-len(again), len(pool.unlabelled())))
	control, err := Random{}.Select(pool.Pool, h.controls(n, rng), rng)
	if err != nil {
		return nil, err
	}
	left := except(pool.unlabelled(), control)
	reason, choose := Uncertain, h.uncertain
	if len(labelled) == 0 {
		reason, choose = Cold, h.cold
	}
	var fresh []int
	if n > len(control) {
		if fresh, err = choose(pool, left, append(control, labelled...), n-len(control), rng); err != nil {
			return nil, err
		}
	}
	return spread(append(reasoned(fresh, reason), reasoned(again, Relabelling)...), reasoned(control, Controlling)), nil
}

// controls is how many of n picks are drawn at random. It is rounded at random, so that small batches have their share.
func (h Hybrid) controls(n int, rng *rand.Rand) int {
	share := h.Control
	if share == 0 {
		share = defaultControl
	}
	return min(n, int(max(0, share)*float64(n)+rng.Float64()))
}

// relabel gives the labelled items among those with the n lowest scores.
func (p HybridPool) relabel(n int) []int {
	if p.Scores == nil {
		return nil
	}
	var again []int
	for _, item := range lowest(p.Scores, count(len(p.Scores)), n) {
		if p.Labels != nil && p.Labels[item] != nil && len(again) < int(mostRelabelled*float64(n)) {
			again = append(again, item)
		}
	}
	return again
}

// units gives the items' embeddings, scaled to length 1.
func (p HybridPool) units(items []int) (Matrix, error) {
	if p.Embed == nil {
		return unit(p.Embeddings, items), nil
	}
	m, err := p.Embed(items)
	if err == nil && m.Rows != len(items) {
		err = fmt.Errorf("got %d rows", m.Rows)
	}
	if err == nil {
		err = Pool{Embeddings: m}.check(embeddings)
	}
	if err != nil {
		return Matrix{}, fmt.Errorf("embed %d items: %w", len(items), err)
	}
	return unit(m, count(m.Rows)), nil
}

// uncertain picks n of the items left, a part at a time where n is large.
func (h Hybrid) uncertain(pool HybridPool, left, standing []int, n int, rng *rand.Rand) ([]int, error) {
	n = min(n, len(left))
	var picks []int
	for len(picks) < n {
		part, err := h.part(pool, left, sample(standing, mostStanding, rng), min(n-len(picks), mostAtOnce))
		if err != nil {
			return nil, err
		}
		picks, standing, left = append(picks, part...), append(part, standing...), except(left, part)
	}
	return picks, nil
}

// part picks n of the items left.
func (h Hybrid) part(pool HybridPool, left, standing []int, n int) ([]int, error) {
	scores := scoresOf(left, func(item int) float64 { return h.certainty(pool.Probs.Row(item)) })
	candidates := lowest(scores, left, min(max(candidatesEach*n, fewestCandidates), mostCandidates))
	weights := make([]float64, len(candidates))
	for i, item := range candidates {
		doubt := 1 - h.certainty(pool.Probs.Row(item))
		weights[i] = doubt * doubt
	}
	points, err := pool.units(candidates)
	if err != nil {
		return nil, err
	}
	others, err := pool.units(standing)
	if err != nil {
		return nil, err
	}
	f := newFacilities(points, weights)
	f.standing(others)
	picks := f.choose(n)
	for i, at := range picks {
		picks[i] = candidates[at]
	}
	return picks, nil
}

// certainty of a row is its margin; of sigmoids that of the least certain class (Brinker 2006, "On active learning in
// multi-label classification").
func (h Hybrid) certainty(row []float32) float64 {
	if !h.Multi && len(row) > 1 {
		return margin(row)
	}
	least := 1.0
	for _, p := range row {
		least = min(least, math.Abs(2*float64(p)-1))
	}
	return least
}

// cold picks n of the items left, where nothing is labelled.
func (h Hybrid) cold(pool HybridPool, left, _ []int, n int, rng *rand.Rand) ([]int, error) {
	drawn := sample(left, max(n, coldCandidates), rng)
	points, err := pool.units(drawn)
	if err != nil {
		return nil, err
	}
	var typical Strategy = TypiClust{}
	part := Pool{Embeddings: points}
	if pool.Probs.Rows > 0 && !h.Multi {
		part.Probs = pool.Probs.Gather(drawn)
		typical = ClassBalancer{Base: typical}
	}
	picks, err := typical.Select(part, n, rng)
	if err != nil {
		return nil, err
	}
	for i, at := range picks {
		picks[i] = drawn[at]
	}
	return picks, nil
}

// sample gives n of the items, drawn without replacement, or all of them where there are no more.
func sample(items []int, n int, rng *rand.Rand) []int {
	if len(items) <= n {
		return items
	}
	drawn := make([]int, n)
	for i, at := range rng.Perm(len(items))[:n] {
		drawn[i] = items[at]
	}
	return drawn
}

// except gives the items, in order, that are not taken.
func except(items, taken []int) []int {
	isTaken := make(map[int]bool, len(taken))
	for _, item := range taken {
		isTaken[item] = true
	}
	var left []int
	for _, item := range items {
		if !isTaken[item] {
			left = append(left, item)
		}
	}
	return left
}

func reasoned(items []int, reason Reason) []Pick {
	picks := make([]Pick, len(items))
	for i, item := range items {
		picks[i] = Pick{item, reason}
	}
	return picks
}

// spread puts the picks of the second list between those of the first at even distances.
func spread(first, second []Pick) []Pick {
	all := make([]Pick, 0, len(first)+len(second))
	for i, pick := range second {
		before := (2*i + 1) * len(first) / (2 * len(second))
		all = append(append(all, first[len(all)-i:before]...), pick)
	}
	return append(all, first[len(all)-len(second):]...)
}
