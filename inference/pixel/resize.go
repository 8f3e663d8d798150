package pixel

import (
	"fmt"

	"github.com/labelloop/labelloop/inference/pixel/resample"
)

// Resize gives the part of the picture resized to width x height that a crop at (left, top) of cropWidth x cropHeight
// keeps. Rows and columns that the crop drops are not computed. It is uint8-identical with the resize of Pillow 13: one
// direction after the other, rounded and clipped to 8 bits in between; a direction that keeps its size is left alone.
func (p *Picture) Resize(f Filter, width, height, left, top, cropWidth, cropHeight int) (*Picture, error) {
	if left < 0 || top < 0 || cropWidth < 1 || cropHeight < 1 || left+cropWidth > width || top+cropHeight > height {
		return nil, fmt.Errorf("crop of %d x %d at (%d, %d) is not within %d x %d", cropWidth, cropHeight, left, top, width, height)
	}
	if f == Nearest {
		return p.nearest(width, height, left, top, cropWidth, cropHeight), nil
	}
	k, ok := kernels[f]
	if !ok {
		return nil, fmt.Errorf("resampling filter %d is unknown: want 0 (nearest) to 5 (hamming)", f)
	}
	fromX, spanX, fromY, spanY := left, cropWidth, top, cropHeight // what is needed where a direction keeps its size
	var columns, rows resample.Taps
	if width != p.Width {
		columns = k.plan(p.Width, width, left, left+cropWidth)
		fromX, spanX = span(columns)
		columns = shift(columns, fromX)
	}
	if height != p.Height {
		rows = k.plan(p.Height, height, top, top+cropHeight)
		fromY, spanY = span(rows)
		rows = shift(rows, fromY)
	}
	part := view{p.Pix[(fromY*p.Width+fromX)*3:], p.Width * 3, spanX, spanY}
	// Pillow 13 begins with the columns where the height shrinks by more than twice what the width does; older ones never
	// do. It shows in the last bit, for the second pass works on rounded numbers.
	if less := p.Height - height; less > 0 && less > 2*(p.Width-width) {
		return part.resizeColumns(rows).resizeRows(columns).picture(), nil
	}
	return part.resizeRows(columns).resizeColumns(rows).picture(), nil
}

// view is a part of a picture.
type view struct {
	pix           []byte // from its first pixel on
	stride        int    // bytes from row to row
	width, height int
}

// resizeRows makes each row as long as the taps; none leave it as it is.
func (v view) resizeRows(t resample.Taps) view {
	if t.From == nil {
		return v
	}
	n := len(t.From)
	out := view{make([]byte, n*v.height*3), n * 3, n, v.height}
	resample.Rows(out.pix, v.pix, v.stride, v.width, v.height, t)
	return out
}

// resizeColumns makes each column as long as the taps; none leave it as it is.
func (v view) resizeColumns(t resample.Taps) view {
	if t.From == nil {
		return v
	}
	n := len(t.From)
	out := view{make([]byte, v.width*n*3), v.width * 3, v.width, n}
	resample.Columns(out.pix, v.pix, v.stride, v.width*3, t)
	return out
}

// picture gives a part as a picture of its own.
func (v view) picture() *Picture {
	p := NewPicture(v.width, v.height)
	for y := range v.height {
		copy(p.row(y), v.pix[y*v.stride:])
	}
	return p
}

// nearest takes the pixel under each output pixel's center. Pillow adds up the steps, and so do we: its rounding errors
// decide where a center falls between two pixels.
func (p *Picture) nearest(width, height, left, top, cropWidth, cropHeight int) *Picture {
	at := func(in, out, from, n int) []int {
		step := float64(in) / float64(out)
		places := make([]int, from+n)
		center := step * 0.5
		for i := range places {
			places[i] = min(int(center), in-1)
			center += step
		}
		return places[from:]
	}
	out := NewPicture(cropWidth, cropHeight)
	columns := at(p.Width, width, left, cropWidth)
	for y, fromY := range at(p.Height, height, top, cropHeight) {
		from, row := p.row(fromY), out.row(y)
		for x, fromX := range columns {
			copy(row[x*3:x*3+3], from[fromX*3:])
		}
	}
	return out
}
