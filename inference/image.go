package inference

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/labelloop/labelloop/inference/pixel"
	"github.com/labelloop/labelloop/internal/label"
)

// ImageEncoder is the image side of a graph: how pictures are decoded, and what the graph takes of them.
type ImageEncoder struct {
	Decoder   pixel.Decoder
	Processor *pixel.Processor

	// Beside holds what else the graph takes: the tokens of a text, where image and text share a graph.
	Beside map[string]Tensor
}

// encode reads, decodes, resizes and crops pictures, on all cores.
func (e *ImageEncoder) encode(ctx context.Context, items []label.Item) []Encoded {
	out := make([]Encoded, len(items))
	next := make(chan int)
	var working sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(items)) {
		working.Go(func() {
			for i := range next {
				pixels, err := e.pixels(ctx, items[i])
				if err != nil {
					out[i].Err = err
				} else {
					out[i].Rows = []Row{{Pixels: pixels}}
				}
			}
		})
	}
	for i := range items {
		next <- i
	}
	close(next)
	working.Wait()
	return out
}

func (e *ImageEncoder) pixels(ctx context.Context, item label.Item) ([]byte, error) {
	if item.Load == nil {
		return nil, errors.New("the item has no picture")
	}
	data, err := item.Load()
	if err != nil {
		return nil, err
	}
	var crop *pixel.Picture
	err = e.Decoder.Use(ctx, data, func(p *pixel.Picture) (err error) {
		crop, err = e.Processor.Crop(p)
		return err
	})
	if err != nil {
		return nil, err
	}
	return crop.Pix, nil
}

// run feeds pictures as float32 [rows, 3, height, width].
func (e *ImageEncoder) run(ctx context.Context, s Session, rows []Row) (map[string]Tensor, error) {
	width, height := e.Processor.Size()
	size := 3 * height * width
	in := map[string]Tensor{}
	ports, _ := s.Signature()
	for _, port := range ports {
		if beside, ok := e.Beside[port.Name]; ok {
			in[port.Name] = beside
			continue
		}
		if err := e.fits(port, width, height); err != nil {
			return nil, err
		}
		values := make([]float32, len(rows)*size)
		for i, r := range rows {
			e.Processor.Values(values[i*size:(i+1)*size], r.Pixels)
		}
		in[port.Name] = Tensor{Shape: []int64{int64(len(rows)), 3, int64(height), int64(width)}, Float32: values}
	}
	return s.Run(ctx, in)
}

// fits checks that a graph's input takes what the processor makes.
func (e *ImageEncoder) fits(port Port, width, height int) error {
	if len(port.Shape) != 4 || len(e.Beside) > 0 && port.Name != "pixel_values" {
		return fmt.Errorf("graph wants an input %q of shape %v, which an image model does not have: %w", port.Name, port.Shape, label.ErrBadModel)
	}
	for i, n := range []int{3, height, width} {
		if want := port.Shape[i+1]; want >= 0 && want != int64(n) {
			return fmt.Errorf("graph takes %s of shape %v, and preprocessor_config.json makes 3 x %d x %d: put the model's own there: %w",
				port.Name, port.Shape, height, width, label.ErrBadModel)
		}
	}
	return nil
}

// merge has nothing to join: a picture is one row.
func (e *ImageEncoder) merge(vectors [][]float32) []float32 { return vectors[0] }

// ImageEmbedding reads the embedding of a picture: image_embeds (a dual encoder's projection), else pooler_output, else
// the first vector of last_hidden_state (the class token).
type ImageEmbedding struct {
	Image      ImageEncoder
	Projection *Projection
	Normalize  bool // scale to Euclidean length 1

	// Classes are those that the graph mixes an embedding from (ConSE, Norouzi et al. 2014) and gives in class_probs.
	// Where they are set, rows' vectors end in these probabilities, to explain a label by.
	Classes []string
}

// Encode gives one row per picture.
func (t *ImageEmbedding) Encode(ctx context.Context, items []label.Item) []Encoded {
	return t.Image.encode(ctx, items)
}

// Run returns each picture's embedding, not yet normalised.
func (t *ImageEmbedding) Run(ctx context.Context, s Session, rows []Row) ([][]float32, error) {
	out, err := t.Image.run(ctx, s, rows)
	if err != nil {
		return nil, err
	}
	if name, tensor, ok := output(out, "image_embeds", "pooler_output"); ok {
		if n := len(tensor.Shape); n == 4 && tensor.Shape[2] == 1 && tensor.Shape[3] == 1 { // a convolutional network's
			tensor.Shape = tensor.Shape[:2]
		}
		vectors, err := matrix(name, tensor, len(rows))
		if err != nil || t.Classes == nil {
			return t.Projection.project(vectors, err)
		}
		return t.withClasses(vectors, out)
	}
	name, hidden, ok := output(out, "last_hidden_state")
	if !ok || len(hidden.Shape) != 3 || hidden.Float32 == nil || hidden.Shape[0] != int64(len(rows)) {
		return nil, fmt.Errorf("graph has no output image_embeds, pooler_output or %s [%d, tokens, n]: export the encoder itself: %w",
			name, len(rows), label.ErrBadModel)
	}
	tokens, dim := int(hidden.Shape[1]), int(hidden.Shape[2])
	vectors := make([][]float32, len(rows))
	for i := range vectors {
		vectors[i] = hidden.Float32[i*tokens*dim:][:dim]
	}
	return vectors, nil
}

func (t *ImageEmbedding) withClasses(vectors [][]float32, out map[string]Tensor) ([][]float32, error) {
	probs, err := matrix("class_probs", out["class_probs"], len(vectors))
	if err == nil && len(probs[0]) != len(t.Classes) {
		err = fmt.Errorf("graph gives %d class_probs for %d classes (id2label in config.json): %w", len(probs[0]), len(t.Classes), label.ErrBadModel)
	}
	if err != nil {
		return nil, err
	}
	joined := make([][]float32, len(vectors))
	for i, v := range vectors {
		joined[i] = slices.Concat(v, probs[i])
	}
	return joined, nil
}

// explanation gives the most probable of the classes that the embedding was mixed from.
func (t *ImageEmbedding) explanation(vectors [][]float32) label.Scores {
	if t.Classes == nil {
		return nil
	}
	probs := vectors[0][len(vectors[0])-len(t.Classes):]
	wide := make([]float64, len(probs))
	for i, p := range probs {
		wide[i] = float64(p)
	}
	return Decision{TopK: 5}.predict(t.Classes, wide).Scores
}

// Vector gives a picture's embedding from its row's vector.
func (t *ImageEmbedding) Vector(vectors [][]float32) []float32 {
	v := slices.Clone(vectors[0][:len(vectors[0])-len(t.Classes)])
	if t.Normalize {
		Normalize(v)
	}
	return v
}

// Decode gives a prediction that holds the embedding alone.
func (t *ImageEmbedding) Decode(_ []Row, vectors [][]float32) (label.Prediction, error) {
	return label.Prediction{Embedding: t.Vector(vectors)}, nil
}
