package ort

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/labelloop/labelloop/inference"
)

// pictures fills the one input of a graph with rows of 3 x 64 x 64 numbers.
func pictures(s *Session, rows int) map[string]inference.Tensor {
	in, _ := s.Signature()
	data := make([]float32, rows*3*64*64)
	for i := range data {
		data[i] = float32(i%17) / 17
	}
	return map[string]inference.Tensor{in[0].Name: {Shape: []int64{int64(rows), 3, 64, 64}, Float32: data}}
}

// TestBindingsGiveTheSame compares runs through memory that is kept with others, over many shapes and goroutines.
func TestBindingsGiveTheSame(t *testing.T) {
	for _, path := range []string{graph, "../../testdata/image-models/resnet/model.onnx"} {
		plain, bound := open(t, path), open(t, path)
		r := bound.replicas[0]
		r.bound = newBindings(0)
		var all sync.WaitGroup
		for worker := range 4 {
			all.Go(func() {
				random := rand.New(rand.NewPCG(1, uint64(worker)))
				for range 30 {
					rows := 1 + random.IntN(40)
					in := feeds(plain, rows, 1+random.IntN(30))
					if len(in) == 1 {
						in = pictures(plain, rows)
					}
					want, err := plain.Run(t.Context(), in)
					if err != nil {
						t.Error(err)
						return
					}
					got, err := bound.Run(t.Context(), in)
					if err != nil {
						t.Error(err)
						return
					}
					for name := range want {
						if !slices.Equal(got[name].Shape, want[name].Shape) || !slices.Equal(got[name].Float32, want[name].Float32) {
							t.Errorf("%s: %d rows: output %s of shape %v differs from %v", path, rows, name, got[name].Shape, want[name].Shape)
							return
						}
					}
				}
			})
		}
		all.Wait()
		if n := len(r.bound.idle); n > 4 {
			t.Errorf("%d bindings for 4 workers", n)
		}
		for shapes := range r.bound.met {
			if strings.HasPrefix(shapes, "[9 ") || strings.HasPrefix(shapes, "[33 ") {
				t.Errorf("shapes %s: rows are not filled up", shapes)
			}
		}
	}
}

func TestBindingsRefuseBadFeeds(t *testing.T) {
	s := open(t, graph)
	s.replicas[0].bound = newBindings(0)
	for said, of := range map[string]inference.Tensor{
		"holds no data":       {Shape: []int64{1, 4}},
		"requires 4 elements": {Shape: []int64{1, 4}, Int64: []int64{1}},
		"idx=":                {Shape: []int64{1, 4}, Int64: []int64{1, 2, 3, 1 << 30}},
	} {
		in := feeds(s, 1, 4)
		in["input_ids"] = of
		if _, err := s.Run(t.Context(), in); err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("err is %v, want one about %q", err, said)
		}
	}
	if _, err := s.Run(t.Context(), feeds(s, 3, 5)); err != nil {
		t.Errorf("session is of no use after a bad run: %v", err)
	}
}
