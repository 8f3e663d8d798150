package inference

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
)

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func TestSoftmax(t *testing.T) {
	for _, c := range []struct {
		logits      []float32
		temperature float64
		want        []float64
	}{
		{[]float32{0, 0}, 1, []float64{0.5, 0.5}},
		{[]float32{1, 0}, 1, []float64{math.E / (1 + math.E), 1 / (1 + math.E)}},
		{[]float32{1, 0}, 0.5, []float64{math.Exp(2) / (1 + math.Exp(2)), 1 / (1 + math.Exp(2))}},
		{[]float32{3e38, -3e38}, 1, []float64{1, 0}}, // does not overflow
		{[]float32{-200, -201}, 1, []float64{math.E / (1 + math.E), 1 / (1 + math.E)}},
	} {
		if got := softmax(c.logits, c.temperature); !slices.EqualFunc(got, c.want, near) {
			t.Errorf("softmax(%v, %g) is %v, want %v", c.logits, c.temperature, got, c.want)
		}
	}
}

func TestDecision(t *testing.T) {
	labels := []string{"a", "b", "c"}
	probs := []float64{0.2, 0.7, 0.7}
	for name, c := range map[string]struct {
		decision   Decision
		labels     []string
		confidence float64
		scores     int
	}{
		"single label, ties keep the label set's order": {Decision{}, []string{"b"}, 0.7, 3},
		"top 2":           {Decision{TopK: 2}, []string{"b"}, 0.7, 2},
		"top 9 of 3":      {Decision{TopK: 9}, []string{"b"}, 0.7, 3},
		"multi-label":     {Decision{MultiLabel: true, Threshold: 0.5, TopK: 1}, []string{"b", "c"}, 0.7, 1},
		"no label at all": {Decision{MultiLabel: true, Threshold: 0.9}, []string{}, 0.7, 3},
	} {
		p := c.decision.predict(labels, probs)
		if !slices.Equal(p.Labels, c.labels) || !near(p.Confidence, c.confidence) || len(p.Scores) != c.scores {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// TestHighest: a few of the probabilities are the first of all.
func TestHighest(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	probs := make([]float64, 60)
	labels := make([]string, len(probs))
	for i := range probs {
		probs[i], labels[i] = float64(draw.IntN(20))/20, strconv.Itoa(i) // many are equal
	}
	all := highest(labels, probs, len(probs))
	for i := range all[1:] {
		if all[i].Prob < all[i+1].Prob {
			t.Fatalf("%v stands before %v", all[i], all[i+1])
		}
	}
	for n := range len(probs) {
		if got := highest(labels, probs, n+1); !slices.Equal(got, all[:n+1]) {
			t.Fatalf("the %d highest are %v, want %v", n+1, got, all[:n+1])
		}
	}
}

func TestNormalize(t *testing.T) {
	v := []float32{3, 4}
	if Normalize(v); !slices.Equal(v, []float32{0.6, 0.8}) {
		t.Errorf("normalized to %v", v)
	}
	zero := []float32{0, 0}
	if Normalize(zero); !slices.Equal(zero, []float32{0, 0}) {
		t.Errorf("zeros are normalized to %v", zero)
	}
}

func TestClassificationChoosesAmongSomeLabels(t *testing.T) {
	task := Classification{Input: &TextEncoder{}, Labels: []string{"a", "b", "c"}, Only: []int{2, 0}, Temperature: 1, Calibrated: true}
	p, err := task.Decode(nil, [][]float32{{1, 9, 0}})
	want := label.Scores{{Label: "a", Prob: math.E / (1 + math.E)}, {Label: "c", Prob: 1 / (1 + math.E)}}
	if err != nil || !p.Calibrated || !slices.EqualFunc(p.Scores, want, func(a, b label.Score) bool {
		return a.Label == b.Label && near(a.Prob, b.Prob)
	}) {
		t.Errorf("%+v, %v", p, err)
	}
}
