package inference

import (
	"context"
	"fmt"
	"math"

	"github.com/labelloop/labelloop/inference/pixel"
	"github.com/labelloop/labelloop/internal/label"
)

// Join lets text and image encoders share one graph that takes both (CLIP's own export): each is fed a constant in the
// other's place, a black picture or the one token 0.
func Join(text *TextEncoder, image *ImageEncoder) {
	width, height := image.Processor.Size()
	text.Beside = map[string]Tensor{
		"pixel_values": {Shape: []int64{1, 3, int64(height), int64(width)}, Float32: make([]float32, 3*height*width)},
	}
	tokens := max(text.Width, 1)
	mask := make([]int64, tokens)
	mask[0] = 1
	image.Beside = map[string]Tensor{
		"input_ids":      {Shape: []int64{1, int64(tokens)}, Int64: make([]int64, tokens)},
		"attention_mask": {Shape: []int64{1, int64(tokens)}, Int64: mask},
	}
}

// ProbeScale finds the scale and bias that a graph of both encoders turns cosines into logits_per_image by: the line
// through what it says of a few pictures and texts. biased tells that there is a bias to be found; else it is 0.
func ProbeScale(ctx context.Context, s Session, text TextEncoder, image ImageEncoder, biased bool) (scale, bias float64, err error) {
	var items []label.Item
	for _, t := range []string{"", "a", "photo of a dog", "stars 1234567890", "the red sea", "!?", "in the year of our lord"} {
		items = append(items, label.Item{Text: t})
	}
	var texts []Row
	for _, enc := range text.encode(ctx, items) {
		if enc.Err != nil {
			return 0, 0, enc.Err
		}
		texts = append(texts, enc.Rows[0])
	}
	width, height := image.Processor.Size()
	pictures := make([]float32, 0, 4*3*height*width)
	for kind := range 4 {
		p := pixel.NewPicture(width, height)
		for i := range p.Pix {
			p.Pix[i] = byte(i * []int{0, 1, 7919, 255 * (i / (1 + len(p.Pix)/2))}[kind]) // black, a ramp, noise, two halves
		}
		values := make([]float32, len(p.Pix))
		image.Processor.Values(values, p.Pix)
		pictures = append(pictures, values...)
	}
	text.Beside = map[string]Tensor{"pixel_values": {Shape: []int64{4, 3, int64(height), int64(width)}, Float32: pictures}}
	out, err := text.run(ctx, s, texts)
	if err != nil {
		return 0, 0, err
	}
	name, tensor, ok := output(out, "logits_per_image")
	if !ok {
		return 0, 0, fmt.Errorf("graph of both encoders has no output logits_per_image: %w", label.ErrBadModel)
	}
	logits, err := matrix(name, tensor, 4)
	if err != nil {
		return 0, 0, err
	}
	a, err := matrix("image_embeds", out["image_embeds"], 4)
	if err != nil {
		return 0, 0, err
	}
	b, err := matrix("text_embeds", out["text_embeds"], len(texts))
	if err != nil {
		return 0, 0, err
	}
	if len(a[0]) != len(b[0]) || len(logits[0]) != len(texts) {
		return 0, 0, fmt.Errorf("graph of both encoders gives image_embeds of %d numbers, text_embeds of %d: %w", len(a[0]), len(b[0]), label.ErrBadModel)
	}
	return fitLine(logits, a, b, biased)
}

// fitLine fits logits = scale x cosine + bias by least squares.
func fitLine(logits, images, texts [][]float32, biased bool) (scale, bias float64, err error) {
	var n, sumX, sumY, sumXX, sumXY float64
	for i, image := range images {
		for j, text := range texts {
			x := dot(image, text) / math.Sqrt(dot(image, image)*dot(text, text))
			y := float64(logits[i][j])
			n, sumX, sumY, sumXX, sumXY = n+1, sumX+x, sumY+y, sumXX+x*x, sumXY+x*y
		}
	}
	if biased {
		scale = (n*sumXY - sumX*sumY) / (n*sumXX - sumX*sumX)
		bias = (sumY - scale*sumX) / n
	} else {
		scale = sumXY / sumXX
	}
	if !(scale > 0) || math.IsInf(scale, 0) || math.IsNaN(bias) {
		return 0, 0, fmt.Errorf("graph of both encoders: its logits do not grow with the cosines of its embeddings: %w", label.ErrBadModel)
	}
	return scale, bias, nil
}

// Projection takes vectors of In values to Out values: the last layer of one side of a dual encoder, where it is kept
// beside the graph. A nil one leaves them as they are.
type Projection struct {
	Out, In int
	Weights []float32 // Out x In, row-major
}

// project passes on the error of what made the vectors.
func (p *Projection) project(vectors [][]float32, err error) ([][]float32, error) {
	if p == nil || err != nil {
		return vectors, err
	}
	out := make([][]float32, len(vectors))
	for i, v := range vectors {
		if len(v) != p.In {
			return nil, fmt.Errorf("graph gives vectors of %d values, and the projection beside it takes %d: %w", len(v), p.In, label.ErrBadModel)
		}
		out[i] = make([]float32, p.Out)
		for j := range out[i] {
			var sum float64
			for k, w := range p.Weights[j*p.In : (j+1)*p.In] {
				sum += float64(w) * float64(v[k])
			}
			out[i][j] = float32(sum)
		}
	}
	return out, nil
}
