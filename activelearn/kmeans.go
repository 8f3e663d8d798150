package activelearn

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Lloyd's algorithm ends at the latest after so many rounds, or, as in scikit-learn, when the squared moves of the
// centers sum to less than this share of the mean variance of a dimension.
const (
	lloydRounds    = 100
	lloydTolerance = 1e-4
)

// kMeans parts the points into k clusters (as many as there are points, where those are fewer) by Lloyd's algorithm
// from k-means++ seeds. It gives the centers, weighted means of their points, and the cluster of each point, that of
// the nearest center, the first of equally near ones. No cluster is empty: one without points takes a point that is far
// from its own center. Weights are 0 or more; nil weighs each point as 1. The result depends on the state of rng, not
// on the number of cores.
func kMeans(points Matrix, k int, weights []float32, rng *rand.Rand) (centers Matrix, cluster []int) {
	if k = min(k, points.Rows); k <= 0 {
		return NewMatrix(0, points.Cols), nil
	}
	s := newSpace(points, Euclidean)
	l := lloyd{
		space:   s,
		centers: points.Gather(plusPlus(points.Rows, k, weights, s.among(count(points.Rows)), rng)),
		cluster: make([]int, points.Rows),
		second:  make([]float64, points.Rows),
	}
	tolerance := lloydTolerance * meanVariance(points)
	for range lloydRounds {
		changed := l.assign()
		moved := l.move(weights)
		if !changed {
			return l.centers, l.cluster
		}
		if moved <= tolerance {
			break
		}
	}
	l.assign()
	return l.centers, l.cluster
}

// lloyd is a state of Lloyd's algorithm.
type lloyd struct {
	space
	centers Matrix
	cluster []int     // of each point
	second  []float64 // at most the distance of each point to the nearest center of another cluster
}

// assign puts each point into the cluster of the nearest center and fills each cluster that got none. It tells whether
// any point changed its cluster. As Hamerly (2010, "Making k-means even faster") has it, a point that is nearer to its
// center than any other center can be is left where it is.
func (l lloyd) assign() bool {
	squares := newSpace(l.centers, Euclidean).squares
	before := slices.Clone(l.cluster)
	distances := make([]float64, len(l.cluster)) // squared, to the own center
	parallelRuns(len(l.cluster), cached, func(from, to int) {
		for i := from; i < to; i++ {
			x, own := l.points.Row(i), l.cluster[i]
			nearest := Euclidean.between(x, l.centers.Row(own), l.squares[i], squares[own])
			if math.Sqrt(nearest) < l.second[i] {
				distances[i] = nearest
				continue
			}
			second := math.Inf(1)
			for c, square := range squares {
				if c == own {
					continue
				}
				d := Euclidean.floor(x, l.centers.Row(c), l.squares[i], square)
				if d <= nearest {
					d = Euclidean.between(x, l.centers.Row(c), l.squares[i], square)
				}
				if d < nearest || d == nearest && c < l.cluster[i] {
					l.cluster[i], nearest, d = c, d, nearest
				}
				second = min(second, d)
			}
			distances[i], l.second[i] = nearest, math.Sqrt(max(0, second))*(1-1e-9) // roundings put aside
		}
	})
	l.refill(distances)
	return !slices.Equal(l.cluster, before)
}

// refill gives each empty cluster the point that is farthest from its center in the clusters of several.
func (l lloyd) refill(distances []float64) {
	sizes := make([]int, l.centers.Rows)
	for _, c := range l.cluster {
		sizes[c]++
	}
	for c, size := range sizes {
		if size > 0 {
			continue
		}
		farthest := -1
		for i, d := range distances {
			if sizes[l.cluster[i]] > 1 && (farthest < 0 || d > distances[farthest]) {
				farthest = i
			}
		}
		sizes[l.cluster[farthest]]--
		sizes[c]++
		l.cluster[farthest], l.second[farthest], distances[farthest] = c, 0, 0
	}
}

// move puts each center at the weighted mean of its cluster and gives the sum of the squared moves. The center of a
// cluster that weighs nothing stays.
func (l lloyd) move(weights []float32) (moved float64) {
	dims := l.centers.Cols
	sums := make([]float64, len(l.centers.Data))
	totals := make([]float64, l.centers.Rows)
	for i, c := range l.cluster {
		w := weight(weights, i)
		totals[c] += w
		sum := sums[c*dims : (c+1)*dims]
		for j, v := range l.points.Row(i) {
			sum[j] += w * float64(v)
		}
	}
	farthest := 0.0
	for c, total := range totals {
		if total == 0 {
			continue
		}
		move := 0.0
		for j, v := range l.centers.Row(c) {
			mean := float32(sums[c*dims+j] / total)
			l.centers.Row(c)[j] = mean
			move += (float64(mean) - float64(v)) * (float64(mean) - float64(v))
		}
		moved += move
		farthest = max(farthest, math.Sqrt(move))
	}
	for i := range l.second {
		l.second[i] -= farthest
	}
	return moved
}

// weight gives the weight of item i, 1 where there are no weights.
func weight(weights []float32, i int) float64 {
	if weights == nil {
		return 1
	}
	return float64(weights[i])
}

// meanVariance is the variance of a dimension, averaged over the dimensions.
func meanVariance(points Matrix) float64 {
	sums, squares := make([]float64, points.Cols), 0.0
	for i := range points.Rows {
		for j, v := range points.Row(i) {
			sums[j] += float64(v)
			squares += float64(v) * float64(v)
		}
	}
	n := float64(points.Rows)
	variance := squares / n
	for _, sum := range sums {
		variance -= sum / n * (sum / n)
	}
	return max(0, variance) / float64(points.Cols)
}
