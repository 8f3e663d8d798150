package pixel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/gif"

	"golang.org/x/image/bmp"
	"golang.org/x/image/webp"
)

// header is what is known of a picture before it is decoded.
type header struct {
	format        string
	width, height int
	components    int  // JPEG: samples a pixel
	progressive   bool // JPEG: all coefficients are held until the last scan
	grey16        bool // PNG: 16-bit greyscale
	orientation   int  // EXIF, 1 to 8; 0 where there is none
}

// memory estimates the bytes that decoding takes at most, the RGB picture included.
func (h header) memory() int64 {
	pixel := int64(3 + 4) // RGB, and what the decoder gives
	if h.progressive {
		pixel += 2 * 3
	}
	return pixel * int64(h.width) * int64(h.height)
}

// decoders by format.
var decoders = map[string]func(data []byte, h header) (*Picture, error){
	"JPEG": decodeJPEG,
	"PNG":  decodePNG,
	"GIF":  decodeGIF,
	"BMP":  decodeBMP,
	"WebP": decodeWebP,
}

// others are formats that people may well have, told by their first bytes, but that are not read.
var others = []struct {
	at           int
	magic, named string
}{
	{0, "II*\x00", "TIFF"}, {0, "MM\x00*", "TIFF"}, {4, "ftypavif", "AVIF"}, {4, "ftypheic", "HEIC"}, {4, "ftypmif1", "HEIF"},
	{0, "\x00\x00\x00\x0cJXL ", "JPEG XL"}, {0, "\xff\x0a", "JPEG XL"}, {0, "\x00\x00\x00\x0cjP  ", "JPEG 2000"},
	{0, "\x00\x00\x01\x00", "ICO"}, {0, "8BPS", "Photoshop"}, {0, "<svg", "SVG"}, {0, "<?xml", "XML"}, {0, "%PDF", "PDF"},
}

// readHeader tells the format by the first bytes, not by a name, and reads the size.
func readHeader(data []byte) (header, error) {
	has := func(at int, magic string) bool { return len(data) >= at && bytes.HasPrefix(data[at:], []byte(magic)) }
	switch {
	case len(data) == 0:
		return header{}, fmt.Errorf("the file is empty: %w", ErrFormat)
	case has(0, "\xff\xd8\xff"):
		return readJPEGHeader(data)
	case has(0, pngMagic):
		return readPNGHeader(data)
	case has(0, "GIF87a"), has(0, "GIF89a"):
		if gifFrames(data, maxFrames+1) > maxFrames {
			return header{}, fmt.Errorf("GIF of more than %d frames: %w", maxFrames, ErrTooBig)
		}
		c, err := gif.DecodeConfig(bytes.NewReader(data))
		return sized("GIF", c, err)
	case has(0, "BM"):
		c, err := bmp.DecodeConfig(bytes.NewReader(data))
		return sized("BMP", c, err)
	case has(0, "RIFF") && has(8, "WEBP"):
		return readWebPHeader(data)
	}
	for _, o := range others {
		if has(o.at, o.magic) {
			return header{}, fmt.Errorf("the file is %s; convert it first: %w", o.named, ErrFormat)
		}
	}
	return header{}, fmt.Errorf("the file begins with %q: %w", data[:min(len(data), 8)], ErrFormat)
}

func sized(format string, c image.Config, err error) (header, error) {
	if err != nil {
		return header{}, fmt.Errorf("read the %s header: %w: %w", format, err, ErrDamaged)
	}
	return header{format: format, width: c.Width, height: c.Height}, nil
}

const pngMagic = "\x89PNG\r\n\x1a\n"

// readPNGHeader reads IHDR, and eXIf where it comes before the pixels.
func readPNGHeader(data []byte) (header, error) {
	h, known := header{format: "PNG"}, false
	for at, first := len(pngMagic), true; ; first = false {
		if len(data)-at < 8 {
			break
		}
		n, kind := int64(binary.BigEndian.Uint32(data[at:])), string(data[at+4:at+8])
		at += 8
		if int64(len(data)-at) < n+4 {
			break
		}
		chunk := data[at : at+int(n)]
		at += int(n) + 4 // the checksum
		switch {
		case first && (kind != "IHDR" || n != 13):
			return h, fmt.Errorf("read the PNG header: it begins with %q: %w", kind, ErrDamaged)
		case first:
			h.width, h.height = int(binary.BigEndian.Uint32(chunk)), int(binary.BigEndian.Uint32(chunk[4:]))
			known = true
			h.grey16 = chunk[8] == 16 && chunk[9] == 0
		case kind == "eXIf":
			h.orientation = orientation(chunk)
		case kind == "IDAT":
			return h, nil
		}
	}
	if known { // and the decoder says what else is wrong
		return h, nil
	}
	return h, fmt.Errorf("read the PNG header: the file is cut off: %w", ErrDamaged)
}

// readJPEGHeader walks the markers up to the frame header (ITU T.81, annex B) and reads EXIF on the way.
func readJPEGHeader(data []byte) (header, error) {
	h := header{format: "JPEG"}
	for at := 2; ; {
		for at < len(data) && data[at] != 0xff { // libjpeg steps over what stands between segments
			at++
		}
		for at < len(data) && data[at] == 0xff {
			at++
		}
		if len(data)-at < 3 {
			break
		}
		marker := data[at]
		at++
		if marker == 0x01 || marker == 0x00 || marker >= 0xd0 && marker <= 0xd8 { // these have no length
			continue
		}
		n := int(binary.BigEndian.Uint16(data[at:]))
		if n < 2 || len(data)-at < n {
			break
		}
		segment := data[at+2 : at+n]
		at += n
		switch {
		case marker == 0xe1 && bytes.HasPrefix(segment, []byte("Exif\x00\x00")) && h.orientation == 0:
			h.orientation = orientation(segment[6:])
		case marker == 0xda || marker == 0xd9:
			return h, fmt.Errorf("read the JPEG header: no frame before the pixels: %w", ErrDamaged)
		case marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc:
			if len(segment) < 6 {
				return h, fmt.Errorf("read the JPEG header: frame of %d bytes: %w", len(segment), ErrDamaged)
			}
			h.height, h.width = int(binary.BigEndian.Uint16(segment[1:])), int(binary.BigEndian.Uint16(segment[3:]))
			h.components, h.progressive = int(segment[5]), marker&3 == 2
			return h, nil
		}
	}
	return h, fmt.Errorf("read the JPEG header: the file is cut off: %w", ErrDamaged)
}

// readWebPHeader reads the size; x/image takes the canvas of an extended file for it.
func readWebPHeader(data []byte) (header, error) {
	still, err := firstFrame(data)
	if err != nil {
		return header{}, fmt.Errorf("read the WebP header: %w: %w", err, ErrDamaged)
	}
	c, err := webp.DecodeConfig(bytes.NewReader(still.data))
	h, err := sized("WebP", c, err)
	if still.canvas != (image.Point{}) {
		h.width, h.height = max(h.width, still.canvas.X), max(h.height, still.canvas.Y)
	}
	h.orientation = orientation(still.exif)
	return h, err
}
