package activelearn

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
)

// plusPlus picks k of n items that lie far apart, by greedy k-means++ (Arthur & Vassilvitskii 2007) as scikit-learn
// draws it. The first is drawn by weight. Each further one is the best of 2 + ln k draws, in which an item's chance is
// its weight times its squared distance to the nearest pick; the best is that which leaves the lowest sum of these.
// When no item is left at a distance, the lowest indexes go. Weights are as kMeans has them.
func plusPlus(n, k int, weights []float32, measure metric, rng *rand.Rand) []int {
	if k = min(k, n); k <= 0 {
		return nil
	}
	picks := make([]int, 0, k)
	chances, nearest := make([]float64, n), make([]float64, n)
	for i := range n {
		chances[i], nearest[i] = weight(weights, i), math.Inf(1)
	}
	cumulate(chances)
	trials := make([][]float64, 2+int(math.Log(float64(k))))
	for t := range trials {
		trials[t] = make([]float64, n)
	}
	for len(picks) < k && chances[n-1] > 0 {
		drawn := make([]int, len(trials))
		if len(picks) == 0 {
			drawn = drawn[:1]
		}
		for t := range drawn {
			drawn[t] = draw(chances, rng)
		}
		parallelRuns(n, cached, func(from, to int) {
			for t, item := range drawn {
				d := trials[t][from:to]
				copy(d, nearest[from:to])
				measure(item, from, to, d)
			}
		})
		best, least := 0, math.Inf(1)
		for t, d := range trials[:len(drawn)] {
			sum := 0.0
			for i, v := range d {
				sum += v * weight(weights, i)
			}
			if sum < least {
				best, least = t, sum
			}
		}
		picks = append(picks, drawn[best])
		nearest, trials[best] = trials[best], nearest
		for i, v := range nearest {
			chances[i] = v * weight(weights, i)
		}
		cumulate(chances)
	}
	for i := 0; len(picks) < k; i++ {
		if !slices.Contains(picks, i) {
			picks = append(picks, i)
		}
	}
	return picks
}

// cumulate turns chances into their running sums.
func cumulate(chances []float64) {
	sum := 0.0
	for i, chance := range chances {
		sum += chance
		chances[i] = sum
	}
}

// draw gives an index with a chance that is its share of the running sums, of which the last is above 0.
func draw(sums []float64, rng *rand.Rand) int {
	total := sums[len(sums)-1]
	at := min(rng.Float64()*total, math.Nextafter(total, 0)) // u * total may round up to total
	return sort.Search(len(sums), func(i int) bool { return sums[i] > at })
}
