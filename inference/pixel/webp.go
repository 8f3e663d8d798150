package pixel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"

	"golang.org/x/image/webp"
)

// webpFrame is a WebP file of one picture, or the first frame of an animation made into one.
type webpFrame struct {
	data   []byte
	canvas image.Point // animations: the size of the whole
	at     image.Point // animations: where on it the frame lies
	exif   []byte
}

// chunks walks the chunks of a RIFF container until do reports false.
func chunks(data []byte, do func(kind string, chunk []byte) bool) error {
	for len(data) >= 8 {
		kind, n := string(data[:4]), int64(binary.LittleEndian.Uint32(data[4:]))
		data = data[8:]
		if n > int64(len(data)) {
			return errors.New("the file is cut off")
		}
		if !do(kind, data[:n]) {
			return nil
		}
		data = data[min(int64(len(data)), n+n&1):]
	}
	return nil
}

func chunk(kind string, data []byte) []byte {
	out := binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(data)))
	out = append(out, data...)
	return append(out, make([]byte, len(data)&1)...)
}

// firstFrame finds what x/image can decode, which knows no animations.
func firstFrame(data []byte) (webpFrame, error) {
	f := webpFrame{data: data}
	uint24 := func(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
	var frame []byte
	err := chunks(data[12:], func(kind string, chunk []byte) bool {
		switch {
		case kind == "VP8X" && len(chunk) >= 10 && chunk[0]&2 != 0:
			f.canvas = image.Pt(uint24(chunk[4:])+1, uint24(chunk[7:])+1)
		case kind == "ANMF" && frame == nil && len(chunk) > 16:
			frame = chunk
		case kind == "EXIF":
			f.exif = bytes.TrimPrefix(chunk, []byte("Exif\x00\x00"))
			return false
		}
		return true
	})
	if f.canvas == (image.Point{}) {
		return f, nil // x/image says what is wrong
	}
	if frame == nil {
		return f, errors.Join(errors.New("animation without a frame"), err)
	}
	f.at = image.Pt(2*uint24(frame), 2*uint24(frame[3:]))
	var alpha, pixels []byte
	err = chunks(frame[16:], func(kind string, data []byte) bool {
		switch kind {
		case "ALPH":
			alpha = chunk(kind, data)
		case "VP8 ", "VP8L":
			pixels = chunk(kind, data)
		}
		return pixels == nil
	})
	if err != nil || pixels == nil {
		return f, errors.Join(errors.New("frame without pixels"), err)
	}
	var body []byte
	if alpha != nil {
		body = chunk("VP8X", append([]byte{0x10, 0, 0, 0}, append(frame[6:9:9], frame[9:12]...)...))
	}
	body = append(append(body, alpha...), pixels...)
	f.data = chunk("RIFF", append([]byte("WEBP"), body...))
	return f, nil
}

func decodeWebP(data []byte, h header) (*Picture, error) {
	f, err := firstFrame(data)
	if err != nil {
		return nil, err
	}
	img, err := webp.Decode(bytes.NewReader(f.data))
	if err != nil {
		return nil, err
	}
	var p *Picture
	switch img := img.(type) {
	case *image.YCbCr:
		p = libwebp.picture(img)
	case *image.NYCbCrA:
		p = libwebp.picture(&img.YCbCr)
	default:
		if p, err = rgb(img); err != nil {
			return nil, err
		}
	}
	if f.canvas == (image.Point{}) {
		return p, nil
	}
	whole := NewPicture(h.width, h.height)
	if f.at.X+p.Width > h.width || f.at.Y+p.Height > h.height {
		return nil, errors.New("frame is not on the canvas")
	}
	for y := range p.Height {
		copy(whole.row(f.at.Y + y)[f.at.X*3:], p.row(y))
	}
	return whole, nil
}
