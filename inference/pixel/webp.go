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
		p = upsampled(img)
	case *image.NYCbCrA:
		p = upsampled(&img.YCbCr)
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

// upsampled gives RGB with the numbers of libwebp: chroma is interpolated between its four neighbours, weighted 9, 3, 3
// and 1 ("fancy upsampling", upsampling.c), and turned to RGB in 14-bit fixed point (yuv.h).
func upsampled(img *image.YCbCr) *Picture {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	p := NewPicture(w, h)
	half := (w + 1) / 2
	cb, cr := make([]byte, 2*half+2), make([]byte, 2*half+2)
	chroma := func(plane []byte, y int) []byte { return plane[y*img.CStride:][:half] }
	for y := range h {
		// The nearer row of chroma samples, and the one on the other side of this row.
		near := y / 2
		far := near + y&1*2 - 1
		if far < 0 || far >= (h+1)/2 {
			far = near
		}
		interpolate(cb, chroma(img.Cb, near), chroma(img.Cb, far))
		interpolate(cr, chroma(img.Cr, near), chroma(img.Cr, far))
		luma, row := img.Y[y*img.YStride:][:w], p.row(y)
		for x, l := range luma {
			yy, u, v := int(l)*19077>>8, int(cb[x]), int(cr[x])
			row[x*3] = clip14(yy + v*26149>>8 - 14234)
			row[x*3+1] = clip14(yy - u*6419>>8 - v*13320>>8 + 8708)
			row[x*3+2] = clip14(yy + u*33050>>8 - 17685)
		}
	}
	return p
}

// interpolate doubles a row of chroma samples.
func interpolate(out, near, far []byte) {
	n := len(near)
	edge := func(i int) byte { return byte((3*int(near[i]) + int(far[i]) + 2) >> 2) }
	out[0] = edge(0)
	for i := 1; i < n; i++ {
		n0, n1, f0, f1 := int(near[i-1]), int(near[i]), int(far[i-1]), int(far[i])
		sum := n0 + n1 + f0 + f1 + 8
		// libwebp rounds in two steps; the diagonal that a sample lies on is named by its far end.
		out[2*i-1] = byte(((sum+2*(n1+f0))>>3 + n0) >> 1)
		out[2*i] = byte(((sum+2*(n0+f1))>>3 + n1) >> 1)
	}
	out[2*n-1] = edge(n - 1) // the last of an even width
}

func clip14(v int) byte { return byte(min(max(v>>6, 0), 255)) }
