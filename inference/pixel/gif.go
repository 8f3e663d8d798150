package pixel

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/gif"
)

// decodeGIF decodes the first frame; where it leaves a part of the canvas free, there is the transparent colour, or else
// the first of the palette.
func decodeGIF(data []byte, h header) (*Picture, error) {
	colors, transparent, err := gifColors(data)
	if err != nil {
		return nil, err
	}
	img, err := gif.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	frame, ok := img.(*image.Paletted)
	if !ok {
		return nil, fmt.Errorf("frame is a %T", img)
	}
	p := NewPicture(h.width, h.height)
	if under := max(transparent, 0); frame.Rect != image.Rect(0, 0, h.width, h.height) && under < len(colors) {
		for i := range h.width * h.height {
			copy(p.Pix[i*3:i*3+3], colors[under][:])
		}
	}
	return p, p.draw(frame, colors)
}

// gifColors reads the palette of the first frame and the index of its transparent colour, -1 where it has none. Go's own
// decoder makes that colour black, and whoever drops alpha wants to see what is under it.
func gifColors(data []byte) (colors [][3]byte, transparent int, err error) {
	cut := errors.New("the file is cut off")
	if len(data) < 13 {
		return nil, 0, cut
	}
	table := func(flags byte) error {
		if flags&0x80 == 0 {
			return nil
		}
		n := 2 << (flags & 7)
		if len(data) < n*3 {
			return cut
		}
		colors = make([][3]byte, n)
		for i := range colors {
			copy(colors[i][:], data[i*3:])
		}
		data = data[n*3:]
		return nil
	}
	transparent = -1
	flags := data[10]
	data = data[13:]
	if err := table(flags); err != nil {
		return nil, 0, err
	}
	for len(data) >= 2 {
		switch data[0] {
		case 0x21: // an extension: a label, then blocks of a length each up to an empty one
			if label := data[1]; label == 0xf9 && len(data) >= 7 && data[3]&1 != 0 {
				transparent = int(data[6])
			}
			if data = skipBlocks(data[2:]); data == nil {
				return nil, 0, cut
			}
		case 0x2c: // the frame: left, top, width, height, flags
			if len(data) < 10 {
				return nil, 0, cut
			}
			flags = data[9]
			data = data[10:]
			err := table(flags)
			return colors, transparent, err
		default:
			return nil, 0, fmt.Errorf("block of type %#x", data[0])
		}
	}
	return nil, 0, cut
}

// skipBlocks steps over blocks of a length each up to an empty one; nil where the file ends before a block does.
func skipBlocks(data []byte) []byte {
	for len(data) > 0 && data[0] != 0 {
		n := 1 + int(data[0])
		if len(data) < n {
			return nil
		}
		data = data[n:]
	}
	return data[min(len(data), 1):]
}

// gifFrames counts the frames of a GIF without decoding one, up to limit.
func gifFrames(data []byte, limit int) int {
	colors := func(at int) int { // the bytes that a colour table takes, which the flags at that place speak of
		if len(data) <= at || data[at]&0x80 == 0 {
			return 0
		}
		return 3 * (2 << (data[at] & 7))
	}
	skip := func(n int) { data = data[min(n, len(data)):] }
	skip(13 + colors(10))
	for n := 0; ; {
		switch {
		case n == limit || len(data) < 2:
			return n
		case data[0] == 0x21:
			skip(2)
		case data[0] == 0x2c:
			n++
			skip(11 + colors(9)) // and the code size
		default:
			return n
		}
		data = skipBlocks(data)
	}
}
