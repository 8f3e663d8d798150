package pixel

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"sync"

	"golang.org/x/image/bmp"

	"github.com/labelloop/labelloop/inference/pixel/libjpeg"
)

// JPEGDecoder names what decodes JPEG: libjpeg-turbo where it was loaded, else Go's image/jpeg, whose pixels differ by a
// few levels.
func JPEGDecoder() string {
	if path := libjpeg.Path(); path != "" {
		return "libjpeg-turbo (" + path + ")"
	}
	return "image/jpeg"
}

// buffers are those of pictures that are no longer used. Fresh memory costs as much as a part of the decoding.
var buffers sync.Pool

// buffer gives n bytes of any value.
func buffer(n int) []byte {
	if b, ok := buffers.Get().(*[]byte); ok && cap(*b) >= n {
		return (*b)[:n]
	}
	return make([]byte, n)
}

func decodeJPEG(data []byte, h header) (*Picture, error) {
	if libjpeg.Path() == "" {
		return decodeJPEGByGo(data)
	}
	if h.components != 4 {
		p := &Picture{h.width, h.height, buffer(h.width * h.height * 3)}
		return p, libjpeg.RGB(p.Pix, data, h.width, h.height)
	}
	pix := make([]byte, h.width*h.height*4)
	if err := libjpeg.CMYK(pix, data, h.width, h.height); err != nil {
		return nil, err
	}
	p := NewPicture(h.width, h.height)
	for i := range h.width * h.height {
		c := pix[i*4 : i*4+4]
		p.set(i, 255-c[0], 255-c[1], 255-c[2], 255-c[3]) // stored inverted, as Adobe does and Pillow takes for granted
	}
	return p, nil
}

// set writes the pixel at index i from CMYK, as Pillow's cmyk2rgb does.
func (p *Picture) set(i int, c, m, y, k byte) {
	white := 255 - int(k)
	for j, ink := range [3]byte{c, m, y} {
		t := int(ink)*white + 128 // rounded division by 255
		p.Pix[i*3+j] = byte(white - (t>>8+t)>>8)
	}
}

func decodeJPEGByGo(data []byte) (*Picture, error) {
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if cmyk, ok := img.(*image.CMYK); ok {
		p := NewPicture(cmyk.Rect.Dx(), cmyk.Rect.Dy())
		for y := range p.Height {
			for x := range p.Width {
				c := cmyk.Pix[y*cmyk.Stride+x*4:]
				p.set(y*p.Width+x, c[0], c[1], c[2], c[3])
			}
		}
		return p, nil
	}
	return rgb(img)
}

func decodePNG(data []byte, h header) (*Picture, error) {
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if !h.grey16 {
		return rgb(img)
	}
	// Pillow clips 16-bit grey to 255 where it takes the high byte of all other 16-bit samples.
	p := NewPicture(h.width, h.height)
	for y := range h.height {
		row := p.row(y)
		for x := range h.width {
			var v uint16
			switch img := img.(type) {
			case *image.Gray16:
				v = img.Gray16At(x, y).Y
			case *image.NRGBA64: // one grey level is transparent
				v = img.NRGBA64At(x, y).R
			}
			grey := byte(min(v, 255))
			row[x*3], row[x*3+1], row[x*3+2] = grey, grey, grey
		}
	}
	return p, nil
}

func decodeBMP(data []byte, _ header) (*Picture, error) {
	img, err := bmp.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return rgb(img)
}

// rgb drops alpha and keeps the colours under it, as Pillow's convert("RGB") does.
func rgb(img image.Image) (*Picture, error) {
	r := img.Bounds()
	p := NewPicture(r.Dx(), r.Dy())
	if len(p.Pix) == 0 {
		return nil, errors.New("no pixels")
	}
	switch img := img.(type) {
	case *image.NRGBA:
		p.fill(img.Pix, img.Stride, 4, 0, 1, 2)
	case *image.RGBA: // what the decoders give for pictures without alpha
		p.fill(img.Pix, img.Stride, 4, 0, 1, 2)
	case *image.NRGBA64:
		p.fill(img.Pix, img.Stride, 8, 0, 2, 4)
	case *image.RGBA64:
		p.fill(img.Pix, img.Stride, 8, 0, 2, 4)
	case *image.Gray:
		p.fill(img.Pix, img.Stride, 1, 0, 0, 0)
	case *image.Paletted:
		return p, p.drawPaletted(img)
	case *image.YCbCr:
		return jpegLike.picture(img), nil
	default:
		return nil, fmt.Errorf("pixels of type %T", img)
	}
	return p, nil
}

// fill takes the picture from interleaved samples: size bytes a pixel, red, green and blue at r, g and b.
func (p *Picture) fill(pix []byte, stride, size, r, g, b int) {
	for y := range p.Height {
		from, row := pix[y*stride:], p.row(y)
		for x := range p.Width {
			row[x*3], row[x*3+1], row[x*3+2] = from[x*size+r], from[x*size+g], from[x*size+b]
		}
	}
}

// drawPaletted draws a frame at its place. An index without a colour is an error.
func (p *Picture) drawPaletted(img *image.Paletted) error {
	colors := make([][3]byte, len(img.Palette))
	for i, c := range img.Palette {
		straight := color.NRGBAModel.Convert(c).(color.NRGBA)
		colors[i] = [3]byte{straight.R, straight.G, straight.B}
	}
	return p.draw(img, colors)
}

// draw draws a frame at its place in colors.
func (p *Picture) draw(img *image.Paletted, colors [][3]byte) error {
	r := img.Rect
	if !r.In(image.Rect(0, 0, p.Width, p.Height)) {
		return fmt.Errorf("frame %v is not in a picture of %d x %d", r, p.Width, p.Height)
	}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := p.row(y)[r.Min.X*3:]
		for x, index := range img.Pix[(y-r.Min.Y)*img.Stride:][:r.Dx()] {
			if int(index) >= len(colors) {
				return fmt.Errorf("colour %d of %d", index, len(colors))
			}
			copy(row[x*3:x*3+3], colors[index][:])
		}
	}
	return nil
}
