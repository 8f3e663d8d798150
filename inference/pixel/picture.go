// Package pixel turns the bytes of a picture into the numbers that an image model takes: decoded to RGB, resized, cropped
// and normalised, equal to what Pillow and the image processors of Hugging Face's transformers give.
//
// Pictures are untrusted: their headers are read first, and nothing is decoded that claims more pixels than allowed.
package pixel

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/semaphore"
)

// Picture is 8-bit RGB, row by row from the top left.
type Picture struct {
	Width, Height int
	Pix           []byte // Height x Width x 3
}

// NewPicture gives a black picture.
func NewPicture(width, height int) *Picture {
	return &Picture{Width: width, Height: height, Pix: make([]byte, width*height*3)}
}

// row is the y-th row.
func (p *Picture) row(y int) []byte { return p.Pix[y*p.Width*3 : (y+1)*p.Width*3] }

// Errors that say what is wrong with a picture.
var (
	ErrFormat  = errors.New("not a picture that can be read: want JPEG, PNG, WebP, GIF or BMP")
	ErrTooBig  = errors.New("too large a picture")
	ErrDamaged = errors.New("the picture is damaged")
)

// DefaultMaxPixels is the largest picture that is decoded where nothing else is asked for.
const DefaultMaxPixels = 100_000_000

// What no picture is that a model could see anything in: such a file was made to keep a decoder busy.
const (
	maxFrames = 10_000 // of a GIF
	maxAspect = 10_000 // the longer side over the shorter: a crop keeps less than that part of it
)

// bytesInFlight bounds the memory of all pictures that are being decoded. A larger one waits until it is alone.
const bytesInFlight = 512 << 20

var inFlight = semaphore.NewWeighted(bytesInFlight)

// Decoder decodes pictures. The zero value does not turn pictures, and takes up to DefaultMaxPixels.
type Decoder struct {
	MaxPixels int  // width x height; 0 means DefaultMaxPixels
	Orient    bool // turn a picture as its EXIF orientation says; transformers' image processors do not
}

// Use decodes a picture as Pillow's convert("RGB") gives it (the first frame where there are several) and hands it to
// use. Decoding waits while others hold too much memory; the picture is not to be kept after use has returned. Errors
// wrap ErrFormat, ErrTooBig or ErrDamaged, or are those of ctx or use.
func (d Decoder) Use(ctx context.Context, data []byte, use func(*Picture) error) error {
	h, err := readHeader(data)
	if err != nil {
		return err
	}
	limit := d.MaxPixels
	if limit == 0 {
		limit = DefaultMaxPixels
	}
	// Compared as a quotient: a product of two header fields may not fit.
	if h.width <= 0 || h.height <= 0 {
		return fmt.Errorf("%s of %d x %d pixels: %w", h.format, h.width, h.height, ErrDamaged)
	}
	if h.width > limit/h.height {
		return fmt.Errorf("%s of %d x %d pixels; %d are allowed: %w", h.format, h.width, h.height, limit, ErrTooBig)
	}
	if long, short := max(h.width, h.height), min(h.width, h.height); long/short > maxAspect {
		return fmt.Errorf("%s of %d x %d pixels, a side more than %d times the other: %w", h.format, h.width, h.height, maxAspect, ErrTooBig)
	}
	weight := min(h.memory(), bytesInFlight)
	if err := inFlight.Acquire(ctx, weight); err != nil {
		return err
	}
	defer inFlight.Release(weight)
	p, err := decoders[h.format](data, h)
	if err != nil {
		return fmt.Errorf("decode %s: %w: %w", h.format, err, ErrDamaged)
	}
	if len(p.Pix) <= maxKept {
		defer buffers.Put(&p.Pix)
	}
	if d.Orient {
		p = p.turned(h.orientation)
	}
	return use(p)
}

// maxKept is the largest picture whose memory is kept for the next.
const maxKept = 16 << 20

// Decode decodes a picture that the caller keeps.
func (d Decoder) Decode(data []byte) (*Picture, error) {
	var kept *Picture
	err := d.Use(context.Background(), data, func(p *Picture) error {
		kept = &Picture{p.Width, p.Height, slices.Clone(p.Pix)}
		return nil
	})
	return kept, err
}
