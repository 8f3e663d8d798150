package activelearn

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// blobs draws points around random middles.
func blobs(n, dims, middles int, seed uint64) Matrix {
	rng := seeded(seed)
	middle, m := NewMatrix(middles, dims), NewMatrix(n, dims)
	for i := range middle.Data {
		middle.Data[i] = float32(rng.NormFloat64())
	}
	for i := range n {
		at := middle.Row(rng.IntN(middles))
		for j := range m.Row(i) {
			m.Row(i)[j] = at[j] + 0.5*float32(rng.NormFloat64())
		}
	}
	return m
}

// onCores calls f with each of some numbers of cores.
func onCores(f func(cores int)) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, cores := range []int{1, 2, 7} {
		runtime.GOMAXPROCS(cores)
		f(cores)
	}
}

func TestKMeansOnCores(t *testing.T) {
	points := blobs(3000, 20, 10, 1)
	centers, cluster := kMeans(points, 40, nil, seeded(2))
	onCores(func(cores int) {
		c, k := kMeans(points, 40, nil, seeded(2))
		if !slices.Equal(c.Data, centers.Data) || !slices.Equal(k, cluster) {
			t.Errorf("on %d cores kMeans gives something else", cores)
		}
	})
}

func TestKMeansDegenerate(t *testing.T) {
	equal := NewMatrix(7, 2)
	line := NewMatrix(6, 1)
	copy(line.Data, []float32{1, 1, 1, 1, 5, 5})
	for name, c := range map[string]struct {
		points  Matrix
		weights []float32
		k, want int
	}{
		"no points":           {points: NewMatrix(0, 3), k: 2},
		"equal points":        {points: equal, k: 3, want: 3},
		"fewer points than k": {points: line, k: 9, want: 6},
		"fewer values than k": {points: line, k: 4, want: 4},
		"no weight":           {points: line, weights: make([]float32, 6), k: 2, want: 2},
	} {
		t.Run(name, func(t *testing.T) {
			centers, cluster := kMeans(c.points, c.k, c.weights, seeded(1))
			if centers.Rows != c.want || len(cluster) != c.points.Rows {
				t.Fatalf("%d centers of %d points, want %d of %d", centers.Rows, len(cluster), c.want, c.points.Rows)
			}
			for i := range centers.Rows {
				if !slices.Contains(cluster, i) {
					t.Errorf("cluster %d is empty: %v", i, cluster)
				}
			}
			if slices.ContainsFunc(centers.Data, func(v float32) bool { return v != v }) {
				t.Errorf("centers %v", centers.Data)
			}
		})
	}
}

func TestKMeansWeights(t *testing.T) {
	points := NewMatrix(3, 1)
	copy(points.Data, []float32{0, 1, 2})
	centers, _ := kMeans(points, 1, []float32{0, 1, 3}, seeded(1))
	if centers.Data[0] != 1.75 {
		t.Errorf("center %g, want 1.75", centers.Data[0])
	}
}

// Lloyd's algorithm stays the plain one: at the end no point is nearer to another center than to its own.
func TestKMeansNearest(t *testing.T) {
	points := blobs(2000, 10, 30, 3)
	centers, cluster := kMeans(points, 50, nil, seeded(4))
	for i, own := range cluster {
		distance := func(c int) (sum float64) {
			for j, v := range points.Row(i) {
				d := float64(v) - float64(centers.Row(c)[j])
				sum += d * d
			}
			return sum
		}
		for c := range centers.Rows {
			if distance(c) < distance(own)-1e-9 {
				t.Fatalf("point %d is in cluster %d, nearer to %d", i, own, c)
			}
		}
	}
}

func TestDistance(t *testing.T) {
	points := NewMatrix(4, 2)
	copy(points.Data, []float32{3, 4, 6, 8, -3, -4, 0, 0})
	for _, c := range []struct {
		kind Distance
		i, j int
		want float64 // squared
	}{
		{Euclidean, 0, 0, 0}, {Euclidean, 0, 1, 25}, {Euclidean, 0, 2, 100}, {Euclidean, 0, 3, 25}, {Euclidean, 3, 3, 0},
		{Cosine, 0, 0, 0}, {Cosine, 0, 1, 0}, {Cosine, 0, 2, 4}, {Cosine, 0, 3, 1}, {Cosine, 3, 3, 0},
	} {
		if got := newSpace(points, c.kind).squared(c.i, c.j); got != c.want {
			t.Errorf("squared distance %v of rows %d and %d is %g, want %g", c.kind, c.i, c.j, got, c.want)
		}
	}
}

func TestDistanceFloor(t *testing.T) {
	for _, scale := range []float32{1e-30, 1e-3, 1, 1e6} {
		points := blobs(100, 384, 3, 5)
		for i := range points.Data {
			points.Data[i] *= scale
		}
		copy(points.Row(1), points.Row(0))
		for _, kind := range []Distance{Cosine, Euclidean} {
			s := newSpace(points, kind)
			for i := range points.Rows {
				for j := range points.Rows {
					squared, floor := s.squared(i, j), s.floor(i, j)
					if floor > squared || scale >= 1e-3 && squared-floor > 1e-3*math.Sqrt(1+s.squares[i]*s.squares[j]) {
						t.Fatalf("distance %v of rows %d and %d, times %g: floor %g of %g", kind, i, j, scale, floor, squared)
					}
				}
			}
		}
	}
}
