package pixel

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Processor prepares pictures for a model as an image processor of transformers does: resize, crop, rescale, normalise.
type Processor struct {
	Kind     string // image_processor_type
	Filter   Filter
	resize   bool
	short    int     // length that the shorter side is resized to; 0 where both are given
	width    int     // else what the picture is resized to
	height   int     // likewise
	crop     bool    // cut the middle out, or pad with black where it is larger than the picture
	cropPct  float64 // ConvNeXT: share of the resized picture that is kept; 0 where it isn't one
	cropW    int
	cropH    int
	channels [3][256]float32 // what each sample becomes
}

// config is preprocessor_config.json.
type config struct {
	Kind          string          `json:"image_processor_type"`
	OldKind       string          `json:"feature_extractor_type"`
	Resize        *bool           `json:"do_resize"`
	Size          json.RawMessage `json:"size"`
	Resample      *int            `json:"resample"`
	CenterCrop    *bool           `json:"do_center_crop"`
	CropSize      json.RawMessage `json:"crop_size"`
	CropPct       *float64        `json:"crop_pct"`
	Rescale       *bool           `json:"do_rescale"`
	RescaleFactor *float64        `json:"rescale_factor"`
	RescaleOffset *bool           `json:"rescale_offset"`
	IncludeTop    *bool           `json:"include_top"`
	Normalize     *bool           `json:"do_normalize"`
	Mean          []float64       `json:"image_mean"`
	Std           []float64       `json:"image_std"`
}

var (
	clipMean, clipStd = []float64{0.48145466, 0.4578275, 0.40821073}, []float64{0.26862954, 0.26130258, 0.27577711}
	half              = []float64{0.5, 0.5, 0.5}
)

// defaults holds, by the name without its ending, what a processor of transformers does where the file says nothing.
var defaults = map[string]struct {
	size, cropSize string
	filter         Filter
	crop           bool
	square         bool // a bare number as size means both sides, not the shorter one
	mean, std      []float64
}{
	"CLIP":         {`{"shortest_edge":224}`, `224`, Bicubic, true, false, clipMean, clipStd},
	"ChineseCLIP":  {`{"shortest_edge":224}`, `224`, Bicubic, true, false, clipMean, clipStd},
	"Bit":          {`{"shortest_edge":224}`, `224`, Bicubic, true, false, clipMean, clipStd},
	"Siglip":       {`224`, `224`, Bicubic, false, true, half, half},
	"ViT":          {`224`, `224`, Bilinear, false, true, half, half},
	"DeiT":         {`256`, `224`, Bicubic, true, true, half, half},
	"ConvNext":     {`{"shortest_edge":384}`, `384`, Bilinear, false, false, half, half},
	"EfficientNet": {`346`, `289`, Nearest, false, true, half, half},
}

// ParseProcessor reads preprocessor_config.json.
func ParseProcessor(data []byte) (*Processor, error) {
	var c config
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, err
	}
	kind := c.Kind
	if kind == "" {
		kind = c.OldKind
	}
	name := kind
	for _, ending := range []string{"Fast", "ImageProcessor", "FeatureExtractor"} {
		name = strings.TrimSuffix(name, ending)
	}
	d, ok := defaults[name]
	if !ok {
		var known []string
		for k := range defaults {
			known = append(known, k+"ImageProcessor")
		}
		return nil, fmt.Errorf("image_processor_type %q is not supported: want one of %s", kind, strings.Join(slices.Sorted(slices.Values(known)), ", "))
	}
	p := &Processor{Kind: kind, Filter: d.filter, resize: or(c.Resize, true), crop: or(c.CenterCrop, d.crop)}
	p.Filter = Filter(or(c.Resample, int(d.filter)))
	if _, ok := kernels[p.Filter]; !ok && p.Filter != Nearest {
		return nil, fmt.Errorf("resample is %d: want 0 (nearest) to 5 (hamming)", p.Filter)
	}
	var err error
	if p.short, p.width, p.height, err = parseSize("size", c.Size, d.size, d.square); err != nil {
		return nil, err
	}
	short := 0
	if short, p.cropW, p.cropH, err = parseSize("crop_size", c.CropSize, d.cropSize, true); err != nil {
		return nil, err
	}
	if short != 0 {
		p.cropW, p.cropH = short, short
	}
	if name == "ConvNext" {
		if p.short == 0 {
			return nil, fmt.Errorf("size is %s: want {\"shortest_edge\": pixels}", c.Size)
		}
		if err := p.convNext(or(c.CropPct, 224.0/256)); err != nil {
			return nil, err
		}
	}
	if !p.crop && (!p.resize || p.short != 0) {
		return nil, errors.New("do_resize and do_center_crop leave each picture a shape of its own, which can't be batched: want a crop, or a size of height and width")
	}
	return p, p.scale(c, name, d.mean, d.std)
}

// convNext resizes to a little more than the size and cuts the middle out; from 384 pixels on it bends the picture to the
// size instead.
func (p *Processor) convNext(pct float64) error {
	if !(pct > 0 && pct <= 1) {
		return fmt.Errorf("crop_pct is %v: want a share over 0, up to 1", pct)
	}
	if size := p.short; size < 384 {
		p.crop, p.cropW, p.cropH = true, size, size
		p.short = int(float64(size) / pct)
	} else {
		p.crop, p.short, p.width, p.height = false, 0, size, size
	}
	return nil
}

// scale fills the table of what samples become, in the order and precision of transformers: rescaled in float64, then
// float32.
func (p *Processor) scale(c config, name string, mean, std []float64) error {
	if c.Mean != nil {
		mean = c.Mean
	}
	if c.Std != nil {
		std = c.Std
	}
	if len(mean) != 3 || len(std) != 3 || std[0] == 0 || std[1] == 0 || std[2] == 0 {
		return fmt.Errorf("image_mean %v, image_std %v: want three numbers each, no deviation of 0", mean, std)
	}
	for channel := range p.channels {
		m, s := float32(mean[channel]), float32(std[channel])
		for v := range p.channels[channel] {
			x := float32(v)
			if or(c.Rescale, true) {
				x = float32(float64(v) * or(c.RescaleFactor, 1.0/255))
				if name == "EfficientNet" && or(c.RescaleOffset, false) {
					x--
				}
			}
			if or(c.Normalize, true) {
				x = (x - m) / s
			}
			if name == "EfficientNet" && or(c.IncludeTop, true) {
				x /= s
			}
			p.channels[channel][v] = x
		}
	}
	return nil
}

// maxSide bounds what a config file can ask for.
const maxSide = 4096

// parseSize reads a number, {"shortest_edge"} or {"height", "width"}.
func parseSize(field string, raw json.RawMessage, missing string, square bool) (short, width, height int, err error) {
	if raw == nil || string(raw) == "null" {
		raw = json.RawMessage(missing)
	}
	var sides struct {
		Short  int `json:"shortest_edge"`
		Width  int `json:"width"`
		Height int `json:"height"`
	}
	if err := json.Unmarshal(raw, &sides.Short); err == nil {
		if square {
			sides.Short, sides.Width, sides.Height = 0, sides.Short, sides.Short
		}
	} else if err := json.Unmarshal(raw, &sides); err != nil {
		return 0, 0, 0, fmt.Errorf("%s is %s: want a number, shortest_edge, or height and width", field, raw)
	}
	in := func(n int) bool { return n > 0 && n <= maxSide }
	if in(sides.Short) && sides.Width == 0 && sides.Height == 0 || sides.Short == 0 && in(sides.Width) && in(sides.Height) {
		return sides.Short, sides.Width, sides.Height, nil
	}
	return 0, 0, 0, fmt.Errorf("%s is %s: want a number, shortest_edge, or height and width, from 1 to %d", field, raw, maxSide)
}

// Size is the width and height of what the model takes.
func (p *Processor) Size() (width, height int) {
	if p.crop {
		return p.cropW, p.cropH
	}
	return p.width, p.height
}

// Crop resizes and crops a picture.
func (p *Processor) Crop(in *Picture) (*Picture, error) {
	width, height := in.Width, in.Height
	if p.resize {
		width, height = p.width, p.height
		if p.short != 0 {
			width, height = shortest(in.Width, in.Height, p.short)
		}
	}
	if !p.crop {
		return in.Resize(p.Filter, width, height, 0, 0, width, height)
	}
	fromX, atX, keptW := middle(width, p.cropW)
	fromY, atY, keptH := middle(height, p.cropH)
	out, err := in.Resize(p.Filter, width, height, fromX, fromY, keptW, keptH)
	if err != nil || keptW == p.cropW && keptH == p.cropH {
		return out, err
	}
	padded := NewPicture(p.cropW, p.cropH)
	for y := range keptH {
		copy(padded.row(atY + y)[atX*3:], out.row(y))
	}
	return padded, nil
}

// shortest gives the size whose shorter side is n; the longer one is rounded down.
func shortest(width, height, n int) (int, int) {
	if width <= height {
		return n, max(n*height/width, 1)
	}
	return max(n*width/height, 1), n
}

// middle says what a centre crop keeps of a side: n pixels from a place on, that land at a place of the crop.
func middle(side, crop int) (from, at, n int) {
	if side < crop {
		return 0, (crop - side + 1) / 2, side
	}
	return (side - crop) / 2, 0, crop
}

// Values writes the numbers of a cropped picture: 3 x height x width, rescaled and normalised.
func (p *Processor) Values(out []float32, pix []byte) {
	plane := len(pix) / 3
	red, green, blue := out[:plane], out[plane:2*plane], out[2*plane:3*plane]
	for i := range plane {
		rgb := pix[i*3 : i*3+3 : i*3+3]
		red[i], green[i], blue[i] = p.channels[0][rgb[0]], p.channels[1][rgb[1]], p.channels[2][rgb[2]]
	}
}

func or[T any](value *T, missing T) T {
	if value == nil {
		return missing
	}
	return *value
}
