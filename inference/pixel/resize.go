package pixel

import "fmt"

// Resize gives the part of the picture resized to width x height that a crop at (left, top) of cropWidth x cropHeight
// keeps. Rows and columns that the crop drops are not computed. It is uint8-identical with Pillow's resize: first each
// row, then each column, rounded and clipped to 8 bits in between; a direction that keeps its size is left alone.
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
	firstRow, rows := top, cropHeight
	var vertical []taps
	if height != p.Height {
		vertical = k.plan(p.Height, height, top, top+cropHeight)
		firstRow = vertical[0].from
		last := vertical[len(vertical)-1]
		rows = last.from + len(last.weights) - firstRow
	}
	wide := NewPicture(cropWidth, rows)
	if width != p.Width {
		horizontal := k.plan(p.Width, width, left, left+cropWidth)
		for y := range rows {
			resizeRow(wide.row(y), p.row(firstRow+y), horizontal)
		}
	} else {
		for y := range rows {
			copy(wide.row(y), p.row(firstRow + y)[left*3:])
		}
	}
	if vertical == nil {
		return wide, nil
	}
	out := NewPicture(cropWidth, cropHeight)
	sums := make([]int32, cropWidth*3)
	for y, t := range vertical {
		for i := range sums {
			sums[i] = 1 << (fixedBits - 1)
		}
		for i, weight := range t.weights {
			row := wide.row(t.from - firstRow + i)[:len(sums)]
			for x := range sums {
				sums[x] += int32(row[x]) * weight
			}
		}
		row := out.row(y)
		for x, sum := range sums {
			row[x] = clip(sum)
		}
	}
	return out, nil
}

// resizeRow computes the samples of one row.
func resizeRow(out, in []byte, plan []taps) {
	for x, t := range plan {
		r, g, b := int32(1<<(fixedBits-1)), int32(1<<(fixedBits-1)), int32(1<<(fixedBits-1))
		from := in[t.from*3:][:len(t.weights)*3]
		for i, weight := range t.weights {
			pixel := from[i*3 : i*3+3 : i*3+3]
			r += int32(pixel[0]) * weight
			g += int32(pixel[1]) * weight
			b += int32(pixel[2]) * weight
		}
		pixel := out[x*3 : x*3+3 : x*3+3]
		pixel[0], pixel[1], pixel[2] = clip(r), clip(g), clip(b)
	}
}

func clip(sum int32) byte { return byte(min(max(sum>>fixedBits, 0), 255)) }

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
