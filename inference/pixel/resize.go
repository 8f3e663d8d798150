package pixel

import "fmt"

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
	columns, rows := k.plan(p.Width, width, left, left+cropWidth), k.plan(p.Height, height, top, top+cropHeight)
	// Pillow 13 begins with the columns where the height shrinks by more than twice what the width does; older ones never
	// do. It shows in the last bit, for the second pass works on rounded numbers.
	if less := p.Height - height; less > 0 && less > 2*(p.Width-width) {
		from, n := span(columns)
		return p.resizeColumns(rows, from, n).resizeRows(shifted(columns, from), 0, cropHeight), nil
	}
	from, n := span(rows)
	return p.resizeRows(columns, from, n).resizeColumns(shifted(rows, from), 0, cropWidth), nil
}

// span gives the samples that a plan needs.
func span(plan []taps) (from, n int) {
	last := plan[len(plan)-1]
	return plan[0].from, last.from + len(last.weights) - plan[0].from
}

// shifted gives a plan for samples of which the first ones are missing.
func shifted(plan []taps, missing int) []taps {
	for i := range plan {
		plan[i].from -= missing
	}
	return plan
}

// resizeRows makes each of n rows as long as the plan.
func (p *Picture) resizeRows(plan []taps, from, n int) *Picture {
	out := NewPicture(len(plan), n)
	for y := range n {
		resizeRow(out.row(y), p.row(from+y), plan)
	}
	return out
}

// resizeColumns makes each of n columns as long as the plan.
func (p *Picture) resizeColumns(plan []taps, from, n int) *Picture {
	out := NewPicture(n, len(plan))
	sums := make([]int32, n*3)
	for y, t := range plan {
		if t.copies() {
			copy(out.row(y), p.row(t.from)[from*3:])
			continue
		}
		for i := range sums {
			sums[i] = 1 << (fixedBits - 1)
		}
		for i, weight := range t.weights {
			row := p.row(t.from + i)[from*3:][:len(sums)]
			for x := range sums {
				sums[x] += int32(row[x]) * weight
			}
		}
		row := out.row(y)
		for x, sum := range sums {
			row[x] = clip(sum)
		}
	}
	return out
}

// resizeRow computes the samples of one row.
func resizeRow(out, in []byte, plan []taps) {
	for x, t := range plan {
		pixel := out[x*3 : x*3+3 : x*3+3]
		from := in[t.from*3:][:len(t.weights)*3]
		if t.copies() {
			copy(pixel, from)
			continue
		}
		r, g, b := int32(1<<(fixedBits-1)), int32(1<<(fixedBits-1)), int32(1<<(fixedBits-1))
		for i, weight := range t.weights {
			sample := from[i*3 : i*3+3 : i*3+3]
			r += int32(sample[0]) * weight
			g += int32(sample[1]) * weight
			b += int32(sample[2]) * weight
		}
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
