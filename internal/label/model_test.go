package label

import "testing"

func TestTop(t *testing.T) {
	for _, c := range []struct {
		probs      []float32
		multi      bool
		class      int
		confidence float32
	}{
		{[]float32{0.25, 0.5, 0.25}, false, 1, 0.5},
		{[]float32{0.5, 0.5}, false, 0, 0.5},
		{[]float32{0.875, 0.25}, true, 0, 0.75},
		{[]float32{0.125, 0.25}, true, 1, 0.75},
		{nil, true, -1, 0},
	} {
		if class, confidence := (Probabilities{Probs: c.probs}).Top(c.multi); class != c.class || confidence != c.confidence {
			t.Errorf("%v: %d %v, want %d %v", c.probs, class, confidence, c.class, c.confidence)
		}
	}
}
