package head

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/labelloop/labelloop/activelearn"
)

const (
	sharpness = 30.0  // factor on cosines by which the pool is shared out among prototypes
	sharpened = 2.0   // factor on a head's logits, by which the pool is shared out anew
	steps     = 3     // of expectation and maximisation: more drift away from what names and labels say
	poolRows  = 4_096 // a sample of so many items tells as much
)

// prototypes gives each class a mean direction: of its name, its labelled items and its share of the pool, as a mixture of
// von Mises-Fisher distributions has it (Banerjee et al., "Clustering on the unit hypersphere using von Mises-Fisher
// distributions", JMLR 2005), with the classes of labelled items known.
type prototypes struct {
	*Data
	pool   activelearn.Matrix
	shares activelearn.Matrix // sums of the pool's rows that fall to each class by the names alone, and the names
}

func newPrototypes(data *Data, rng *rand.Rand) prototypes {
	p := prototypes{Data: data}
	if data.Multi || data.Names.Rows == 0 {
		return p // classes are no mixture, or nothing tells them apart
	}
	if p.pool = data.Pool; p.pool.Rows > poolRows {
		rows := rng.Perm(p.pool.Rows)[:poolRows]
		slices.Sort(rows)
		p.pool = p.pool.Gather(rows)
	}
	centres := data.Names
	p.shares = centres
	for range steps {
		p.shares = p.sums(p.judged(centres, sharpness, nil), nil)
		centres = unit(p.shares)
	}
	return p
}

// learns tells whether there is a pool to learn from.
func (p *prototypes) learns() bool { return p.pool.Rows > 0 }

// of gives the prototypes that names, the labelled items of the given rows and the pool make together.
func (p *prototypes) of(rows []int) activelearn.Matrix {
	if p.Multi || p.Names.Rows == 0 {
		return p.Names
	}
	centres := unit(p.sums(activelearn.Matrix{}, rows))
	for range steps {
		if p.learns() {
			centres = unit(p.sums(p.judged(centres, sharpness, nil), rows))
		}
	}
	return centres
}

// quick gives nearly the same, with the pool shared out by the names alone.
func (p *prototypes) quick(rows []int) activelearn.Matrix {
	if p.Multi || p.Names.Rows == 0 {
		return p.Names
	}
	sums := activelearn.Matrix{Rows: p.Classes, Cols: p.X.Cols, Data: slices.Clone(p.shares.Data)}
	p.addLabelled(sums, rows)
	return unit(sums)
}

// refined gives the prototypes with the pool shared out by a head.
func (p *prototypes) refined(h *activelearn.Logistic, rows []int) activelearn.Matrix {
	return unit(p.sums(p.judged(h.Weights, sharpened, h.Bias), rows))
}

// judged gives the pool's probabilities, rows x classes: a softmax over factor * (pool * weights + bias).
func (p *prototypes) judged(weights activelearn.Matrix, factor float32, bias []float32) activelearn.Matrix {
	sharp := activelearn.Logistic{Weights: activelearn.NewMatrix(weights.Rows, weights.Cols), Bias: make([]float32, weights.Rows)}
	for i, w := range weights.Data {
		sharp.Weights.Data[i] = factor * w
	}
	for i, b := range bias {
		sharp.Bias[i] = factor * b
	}
	return sharp.Probs(p.pool)
}

// sums adds up, for each class, its name, the labelled items of the given rows, and the pool by its probabilities.
func (p *prototypes) sums(probs activelearn.Matrix, rows []int) activelearn.Matrix {
	sums := activelearn.Matrix{Rows: p.Classes, Cols: p.X.Cols, Data: slices.Clone(p.Names.Data)}
	for i := range probs.Rows {
		for k, share := range probs.Row(i) { // whole rows take half the time of blas32.Gemm's blocks
			blas32.Axpy(share, vector(p.pool.Row(i)), vector(sums.Row(k)))
		}
	}
	p.addLabelled(sums, rows)
	return sums
}

func (p *prototypes) addLabelled(sums activelearn.Matrix, rows []int) {
	for _, row := range rows {
		to := sums.Row(p.Y[row][0])
		for j, v := range p.X.Row(row) {
			to[j] += v
		}
	}
}

// unit scales rows to length 1.
func unit(m activelearn.Matrix) activelearn.Matrix {
	out := activelearn.NewMatrix(m.Rows, m.Cols)
	for i := range m.Rows {
		row, square := m.Row(i), 0.0
		for _, v := range row {
			square += float64(v) * float64(v)
		}
		norm := math.Sqrt(max(square, math.SmallestNonzeroFloat32))
		for j, v := range row {
			out.Row(i)[j] = float32(float64(v) / norm)
		}
	}
	return out
}

func vector(x []float32) blas32.Vector { return blas32.Vector{N: len(x), Inc: 1, Data: x} }
