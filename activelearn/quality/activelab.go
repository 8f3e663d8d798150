package quality

import (
	"fmt"
	"math"

	"github.com/labelloop/labelloop/activelearn"
)

// ActiveLab scores what another label would teach: the items with the lowest scores should be labelled next, be it again
// (relabel: one score for each item of a) or for the first time (fresh: one for each row of unlabelled). Row i of probs
// are out-of-sample probabilities of item i of a; unlabelled holds those of the items without annotations. Either may be
// empty. The same numbers as cleanlab's multiannotator.get_active_learning_scores (Goh and Mueller 2023, "ActiveLab:
// active learning with re-labeling by multiple annotators").
func ActiveLab(a Annotations, probs, unlabelled activelearn.Matrix) (relabel, fresh []float64, err error) {
	temperature, model, annotator := 1.0, 1.0, 1.0
	if a.Items > 0 {
		c, err := newCrowd(a, probs)
		if err != nil {
			return nil, nil, fmt.Errorf("score labelled items: %w", err)
		}
		var quality, weight []float64
		if c.single() {
			for i, list := range c.items {
				quality = append(quality, c.probs[i][list[0].Class])
			}
			for range c.annotators {
				weight = append(weight, 1)
			}
		} else {
			temperature = c.temperature()
			c.probs = scale(c.probs, temperature)
			fit := c.fit()
			quality, weight, model = fit.Quality, fit.AnnotatorWeight, fit.ModelWeight
			annotator = mean(weight)
		}
		for i, list := range c.items {
			total := model
			for _, n := range list {
				total += weight[n.Annotator]
			}
			relabel = append(relabel, blend(quality[i], total, c.classes, annotator))
		}
	}
	if unlabelled.Rows == 0 {
		return relabel, nil, nil
	}
	if err := checkProbs(unlabelled, unlabelled.Rows); err != nil {
		return nil, nil, fmt.Errorf("score unlabelled items: %w", err)
	}
	if a.Items > 0 && unlabelled.Cols != probs.Cols {
		return nil, nil, fmt.Errorf("score unlabelled items: %d classes, but %d of labelled items", unlabelled.Cols, probs.Cols)
	}
	fresh = make([]float64, unlabelled.Rows)
	scaled := make([]float64, unlabelled.Cols)
	of(unlabelled).each(func(i int, row []float64) {
		scaleRow(scaled, row, temperature)
		fresh[i] = blend(scaled[activelearn.Argmax(scaled)], model, unlabelled.Cols, annotator)
	})
	return relabel, fresh, nil
}

// blend averages what is known of an item with what one more annotator would say who knows nothing.
func blend(quality, weight float64, classes int, annotator float64) float64 {
	return (quality*weight + annotator/float64(classes)) / (weight + annotator)
}

// temperature is the one of a coarse grid, then of a fine one, at which the probabilities fit the annotations best, by
// the cross entropy to the shares of the classes.
func (c crowd) temperature() float64 {
	coarse := []float64{0.1, 0.2, 0.5, 0.8, 1, 2, 3, 5, 8}
	at, _ := c.coolest(coarse)
	const steps = 4
	var fine []float64
	for from := max(at-1, 0); from < min(at+1, len(coarse)-1); from++ {
		for step := range steps {
			fine = append(fine, coarse[from]+(coarse[from+1]-coarse[from])*float64(step)/steps)
		}
	}
	if at < len(coarse)-1 {
		fine = append(fine, coarse[at+1])
	}
	_, best := c.coolest(fine)
	return best
}

// coolest gives the temperature with the lowest cross entropy, the first of equals.
func (c crowd) coolest(temperatures []float64) (at int, temperature float64) {
	least := math.Inf(1)
	scaled := make([]float64, c.classes)
	for t, candidate := range temperatures {
		entropies := make([]float64, len(c.items))
		for i, list := range c.items {
			softmax(scaled, c.probs[i], candidate)
			for k, share := range shares(list, c.classes) {
				entropies[i] -= share * math.Log(max(scaled[k], smallest))
			}
		}
		if entropy := mean(entropies); entropy < least {
			at, temperature, least = t, candidate, entropy
		}
	}
	return at, temperature
}

// smallest is the least probability that has a logarithm here.
const smallest = 1e-30

// softmax raises probabilities to the power of 1/temperature and lets them sum to 1.
func softmax(scaled, probs []float64, temperature float64) {
	for k, p := range probs {
		scaled[k] = math.Exp(math.Log(p) / temperature)
	}
	normalise(scaled)
}

// scaleRow is softmax for probabilities that may be 0 and need not sum to 1.
func scaleRow(scaled, probs []float64, temperature float64) {
	for k, p := range probs {
		scaled[k] = max(p, smallest)
	}
	normalise(scaled)
	softmax(scaled, scaled, temperature)
	normalise(scaled) // once more, as the reference does: rounding decides between classes that are equal but for it
}

func normalise(row []float64) {
	total := sum(row)
	for k := range row {
		row[k] /= total
	}
}

func scale(probs [][]float64, temperature float64) [][]float64 {
	scaled := make([][]float64, len(probs))
	for i, row := range probs {
		scaled[i] = make([]float64, len(row))
		scaleRow(scaled[i], row, temperature)
	}
	return scaled
}
