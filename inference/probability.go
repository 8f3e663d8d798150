package inference

import (
	"cmp"
	"math"
	"slices"

	"github.com/labelloop/labelloop/internal/label"
)

// softmax gives exp(x_i/T) / sum_j exp(x_j/T), shifted by the maximum so that it can't overflow.
func softmax(logits []float32, temperature float64) []float64 {
	peak := math.Inf(-1)
	for _, x := range logits {
		peak = max(peak, float64(x))
	}
	probs := make([]float64, len(logits))
	sum := 0.0
	for i, x := range logits {
		probs[i] = math.Exp((float64(x) - peak) / temperature)
		sum += probs[i]
	}
	for i := range probs {
		probs[i] /= sum
	}
	return probs
}

// sigmoid gives 1 / (1 + exp(-x_i/T)) for each logit.
func sigmoid(logits []float32, temperature float64) []float64 {
	probs := make([]float64, len(logits))
	for i, x := range logits {
		probs[i] = 1 / (1 + math.Exp(-float64(x)/temperature))
	}
	return probs
}

// Decision says how probabilities become labels.
type Decision struct {
	MultiLabel bool
	Threshold  float64 // multi-label: the probability from which a label applies
	TopK       int     // scores kept, highest first; 0 keeps all
}

// predict orders probabilities and decides on labels. Equal probabilities keep the order of the label set.
func (d Decision) predict(labels []string, probs []float64) label.Prediction {
	scores := make(label.Scores, len(labels))
	for i, name := range labels {
		scores[i] = label.Score{Label: name, Prob: probs[i]}
	}
	slices.SortStableFunc(scores, func(a, b label.Score) int { return cmp.Compare(b.Prob, a.Prob) })
	var p label.Prediction
	if d.MultiLabel {
		p.Labels = []string{}
		p.Confidence = 1
		for _, s := range scores {
			if s.Prob >= d.Threshold {
				p.Labels = append(p.Labels, s.Label)
			}
			p.Confidence = min(p.Confidence, max(s.Prob, 1-s.Prob))
		}
	} else {
		p.Labels = []string{scores[0].Label}
		p.Confidence = scores[0].Prob
	}
	p.Scores = scores
	if d.TopK > 0 && d.TopK < len(scores) {
		p.Scores = scores[:d.TopK]
	}
	return p
}

// Normalize scales v to Euclidean length 1 in place. A vector of zeros stays as it is.
func Normalize(v []float32) {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return
	}
	scale := 1 / math.Sqrt(sum)
	for i := range v {
		v[i] = float32(float64(v[i]) * scale)
	}
}
