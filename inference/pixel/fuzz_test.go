package pixel

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/labelloop/labelloop/inference/pixel/libjpeg"
)

// seeds adds the small pictures of one format.
func seeds(f *testing.F, pattern string) {
	paths, err := filepath.Glob(filepath.Join("..", "..", "testdata", "pixels", pattern))
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if len(data) < 10_000 {
			f.Add(data)
		}
	}
}

// decodeAny decodes whatever it is given, with all that follows, and checks what comes out.
func decodeAny(t *testing.T, data []byte) {
	p, err := Decoder{MaxPixels: 1 << 20, Orient: true}.Decode(data)
	if err != nil {
		return
	}
	if p.Width < 1 || p.Height < 1 || len(p.Pix) != p.Width*p.Height*3 {
		t.Fatalf("picture of %d x %d has %d bytes", p.Width, p.Height, len(p.Pix))
	}
	processor, err := ParseProcessor([]byte(`{"image_processor_type":"CLIPImageProcessor","size":9,"crop_size":7}`))
	if err != nil {
		t.Fatal(err)
	}
	if crop, err := processor.Crop(p); err != nil || len(crop.Pix) != 7*7*3 {
		t.Fatalf("crop: %v", err)
	}
}

func FuzzPNG(f *testing.F)  { seeds(f, "*.png"); f.Fuzz(decodeAny) }
func FuzzWebP(f *testing.F) { seeds(f, "*.webp"); f.Fuzz(decodeAny) }
func FuzzGIF(f *testing.F)  { seeds(f, "*.gif"); f.Fuzz(decodeAny) }
func FuzzBMP(f *testing.F)  { seeds(f, "*.bmp"); f.Fuzz(decodeAny) }

// FuzzJPEG decodes by libjpeg-turbo, which TestMain has loaded, and by Go.
func FuzzJPEG(f *testing.F) {
	if libjpeg.Path() == "" {
		f.Fatal("libjpeg-turbo is not loaded")
	}
	seeds(f, "*.jpg")
	f.Fuzz(func(t *testing.T, data []byte) {
		decodeAny(t, data)
		if h, err := readJPEGHeader(data); err == nil && h.width*h.height < 1<<20 {
			decodeJPEGByGo(data)
		}
	})
}

func FuzzProcessor(f *testing.F) {
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "pixels", "processors.json"))
	if err != nil {
		f.Fatal(err)
	}
	for _, config := range bytes.SplitAfter(data, []byte("},\n")) {
		if i := bytes.IndexByte(config[1:], '{'); i > 0 {
			f.Add(bytes.TrimSuffix(bytes.TrimSpace(config[1+i:]), []byte(",")))
		}
	}
	picture := NewPicture(13, 5)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParseProcessor(data)
		if err != nil {
			return
		}
		width, height := p.Size()
		if width*height > 1<<16 {
			return
		}
		if crop, err := p.Crop(picture); err != nil || len(crop.Pix) != width*height*3 {
			t.Fatalf("%s: %v", data, err)
		}
	})
}
