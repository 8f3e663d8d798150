package quality

import (
	"cmp"
	"math"
	"slices"

	"github.com/labelloop/labelloop/activelearn"
)

const (
	near = 1e-6   // probabilities that are this close count as equal
	tiny = 1e-100 // keeps quotients of empty classes at 0
)

// Joint counts items by their given label (row) and their true label (column), as confident learning estimates them:
// classes x classes.
type Joint [][]int

// Thresholds gives, for each class, how sure a model is of it where it is the label: the mean probability of the class
// among the items that bear it (Northcutt et al. 2021, "Confident learning", equation 2). It is 2, which no probability
// reaches, for a class that no item bears. Row i of probs (items x classes) are out-of-sample probabilities of item i.
func Thresholds(labels []int, probs activelearn.Matrix) ([]float64, error) {
	if err := check(labels, probs); err != nil {
		return nil, err
	}
	return thresholds(labels, of(probs)), nil
}

func thresholds(labels []int, probs table) []float64 {
	mean, count := make([]float64, probs.cols), make([]float64, probs.cols)
	probs.each(func(i int, row []float64) {
		mean[labels[i]] += row[labels[i]]
		count[labels[i]]++
	})
	for c := range mean {
		if count[c] == 0 {
			mean[c] = 2
			continue
		}
		mean[c] = max(mean[c]/count[c], 2*near)
	}
	return mean
}

// ConfidentJoint counts the items whose true label is known with confidence: those with a class that reaches its
// threshold (of several, the most probable class counts). The diagonal is at least 1. cleanlab's
// compute_confident_joint with calibrate=False.
func ConfidentJoint(labels []int, probs activelearn.Matrix) (Joint, error) {
	if err := check(labels, probs); err != nil {
		return nil, err
	}
	joint, _ := confidentJoint(labels, of(probs))
	return joint, nil
}

// confidentJoint tells besides which items are confidently of another class than their label.
func confidentJoint(labels []int, probs table) (joint Joint, off []bool) {
	thresholds := thresholds(labels, probs)
	joint, off = newJoint(probs.cols), make([]bool, probs.rows)
	probs.each(func(i int, row []float64) {
		confident, truth := 0, 0
		for c, p := range row {
			if p >= thresholds[c]-near {
				if confident == 0 {
					truth = c
				}
				confident++
			}
		}
		if confident == 0 {
			return
		}
		if confident > 1 {
			truth = activelearn.Argmax(row)
		}
		joint[labels[i]][truth]++
		off[i] = truth != labels[i]
	})
	for c := range joint {
		joint[c][c] = max(joint[c][c], 1)
	}
	return joint, off
}

func newJoint(classes int) Joint {
	joint := make(Joint, classes)
	for c := range joint {
		joint[c] = make([]int, classes)
	}
	return joint
}

// Calibrate scales the counts so that each row adds up to the number of items with that label, and all to the number of
// items, in whole numbers. labels must be classes of the joint.
func (j Joint) Calibrate(labels []int) Joint {
	classes := len(j)
	counts := make([]float64, classes)
	for _, label := range labels {
		counts[label]++
	}
	scaled := make([]float64, classes*classes) // by columns, the order in which cleanlab adds them
	for given, row := range j {
		total := 0
		for _, n := range row {
			total += n
		}
		for truth, n := range row {
			scaled[truth*classes+given] = float64(n) / max(float64(total), tiny) * counts[given]
		}
	}
	total := max(sum(scaled), tiny)
	calibrated, row := newJoint(classes), make([]float64, classes)
	for given := range calibrated {
		for truth := range row {
			row[truth] = scaled[truth*classes+given] / total * float64(len(labels))
		}
		calibrated[given] = roundKeepingSum(row)
	}
	return calibrated
}

// roundKeepingSum rounds (halves to even) and then moves the numbers that were rounded furthest by 1, until the sum is
// that of x, rounded.
func roundKeepingSum(x []float64) []int {
	rounded, target, total := make([]int, len(x)), int(math.RoundToEven(sum(x))), 0
	for i, v := range x {
		rounded[i] = int(math.RoundToEven(v))
		total += rounded[i]
	}
	for total != target {
		order := make([]int, len(x)) // the most rounded up first
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int {
			return cmp.Compare(x[a]-float64(rounded[a]), x[b]-float64(rounded[b]))
		})
		step := -1
		if target > total {
			step = 1
			slices.Reverse(order)
		}
		for _, i := range order[:min(len(x), step*(target-total))] {
			rounded[i] += step
			total += step
		}
	}
	return rounded
}

// Noise is what a joint says of how labels go wrong.
type Noise struct {
	Prior   []float64   // P(true label), by class
	Matrix  [][]float64 // P(given label = row | true label = column): columns sum to 1
	Inverse [][]float64 // P(true label = row | given label = column): columns sum to 1
}

// Noise estimates the noise of labels from the joint, be it calibrated or not (cleanlab's estimate_latent).
func (j Joint) Noise(labels []int) Noise {
	classes := len(j)
	share := make([]float64, classes)
	for _, label := range labels {
		share[label] += 1 / float64(len(labels))
	}
	given, truth := make([]float64, classes), make([]float64, classes)
	for g, row := range j {
		for t, n := range row {
			given[g] += float64(n)
			truth[t] += float64(n)
		}
	}
	noise := Noise{make([]float64, classes), make([][]float64, classes), make([][]float64, classes)}
	for a := range classes {
		noise.Matrix[a], noise.Inverse[a] = make([]float64, classes), make([]float64, classes)
		for b := range classes {
			noise.Matrix[a][b] = float64(j[a][b]) / max(truth[b], tiny)
			noise.Inverse[a][b] = float64(j[b][a]) / max(given[b], tiny)
		}
	}
	total := 0.0
	for c := range classes {
		prior := noise.Inverse[c][c] / max(noise.Matrix[c][c], tiny) * share[c]
		noise.Prior[c] = min(max(prior, near), 1)
		total += noise.Prior[c]
	}
	for c := range classes {
		noise.Prior[c] /= total
	}
	clipNoise(noise.Matrix)
	clipNoise(noise.Inverse)
	return noise
}

// clipNoise keeps the rates off the diagonal under 1 and lets the columns sum to 1.
func clipNoise(rates [][]float64) {
	for c := range rates {
		total := 0.0
		for r := range rates {
			if r != c {
				rates[r][c] = min(rates[r][c], 0.9999)
			}
			total += rates[r][c]
		}
		for r := range rates {
			rates[r][c] /= max(total, tiny)
		}
	}
}
