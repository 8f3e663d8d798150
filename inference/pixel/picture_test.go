package pixel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// readGolden gives a small picture of testdata.
func readGolden(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "pixels", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// pngOfSize is a PNG whose header claims a size that its pixels do not have.
func pngOfSize(width, height uint32) []byte {
	ihdr := binary.BigEndian.AppendUint32([]byte("IHDR"), width)
	ihdr = append(binary.BigEndian.AppendUint32(ihdr, height), 8, 2, 0, 0, 0)
	data := binary.BigEndian.AppendUint32([]byte(pngMagic), 13)
	return binary.BigEndian.AppendUint32(append(data, ihdr...), crc32.ChecksumIEEE(ihdr))
}

func gifOfSize(width, height uint16) []byte {
	data := binary.LittleEndian.AppendUint16([]byte("GIF89a"), width)
	return append(binary.LittleEndian.AppendUint16(data, height), 0x80, 0, 0, 0, 0, 0, 255, 255, 255, 0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0, 0x3b)
}

func TestBombsAndWrongFilesAreRefused(t *testing.T) {
	progressive := readGolden(t, "000.jpg")
	for _, c := range []struct {
		name string
		data []byte
		want error
		says string
	}{
		{"PNG of 4 gigapixels", pngOfSize(65535, 65535), ErrTooBig, "65535 x 65535"},
		{"PNG whose product overflows", pngOfSize(1<<31-1, 1<<31-1), ErrTooBig, "pixels"},
		{"PNG without a width", pngOfSize(0, 5), ErrDamaged, "0 x 5"},
		{"PNG without pixels", pngOfSize(5, 5), ErrDamaged, "PNG"},
		{"GIF of 4 gigapixels", gifOfSize(65535, 65535), ErrTooBig, "GIF"},
		{"JPEG cut off", progressive[:len(progressive)*2/3], ErrDamaged, "cut off"},
		{"JPEG header alone", progressive[:4], ErrDamaged, "JPEG"},
		{"nothing", nil, ErrFormat, "empty"},
		{"text", []byte("hello, world"), ErrFormat, `"hello, w"`},
		{"TIFF", []byte("II*\x00aaaa"), ErrFormat, "TIFF"},
		{"HEIC", []byte("\x00\x00\x00\x18ftypheic"), ErrFormat, "HEIC"},
	} {
		_, err := Decoder{}.Decode(c.data)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestFilmsAndStringsAreRefused: a picture of as many frames, or as long, as one may be is decoded, and one more is not.
func TestFilmsAndStringsAreRefused(t *testing.T) {
	frame := image.NewPaletted(image.Rect(0, 0, 9, 7), color.Palette{color.Black, color.White})
	frame.Pix[3] = 1
	for frames, ok := range map[int]bool{1: true, maxFrames: true, maxFrames + 1: false, 50_000: false} {
		all := &gif.GIF{}
		for range frames {
			all.Image, all.Delay = append(all.Image, frame), append(all.Delay, 1)
		}
		var data bytes.Buffer
		if err := gif.EncodeAll(&data, all); err != nil {
			t.Fatal(err)
		}
		p, err := Decoder{}.Decode(data.Bytes())
		if !ok {
			if !errors.Is(err, ErrTooBig) {
				t.Errorf("%d frames: %v", frames, err)
			}
		} else if err != nil || p.Width != 9 || p.Pix[9] != 255 || p.Pix[0] != 0 {
			t.Errorf("%d frames: %v, %v", frames, p, err)
		}
	}
	for width, ok := range map[int]bool{maxAspect: true, 60_000: false} {
		var data bytes.Buffer
		if err := png.Encode(&data, image.NewGray(image.Rect(0, 0, width, 1))); err != nil {
			t.Fatal(err)
		}
		if _, err := (Decoder{}).Decode(data.Bytes()); ok != (err == nil) || !ok && !errors.Is(err, ErrTooBig) {
			t.Errorf("%d x 1: %v", width, err)
		}
	}
}

// TestOrientation turns a picture whose pixels are numbered in every way and compares with what EXIF 2.3 says of row 0 and
// column 0.
func TestOrientation(t *testing.T) {
	p := NewPicture(3, 2)
	for i := range p.Pix {
		p.Pix[i] = byte(i / 3)
	}
	// 0 1 2
	// 3 4 5
	for orientation, want := range map[int][]byte{
		1: {0, 1, 2, 3, 4, 5}, 2: {2, 1, 0, 5, 4, 3}, 3: {5, 4, 3, 2, 1, 0}, 4: {3, 4, 5, 0, 1, 2},
		5: {0, 3, 1, 4, 2, 5}, 6: {3, 0, 4, 1, 5, 2}, 7: {5, 2, 4, 1, 3, 0}, 8: {2, 5, 1, 4, 0, 3},
	} {
		turned := p.turned(orientation)
		var got []byte
		for i := 0; i < len(turned.Pix); i += 3 {
			got = append(got, turned.Pix[i])
		}
		if !slices.Equal(got, want) || (turned.Width == 2) != (orientation >= 5) {
			t.Errorf("orientation %d: %d x %d, %v, want %v", orientation, turned.Width, turned.Height, got, want)
		}
	}
}

func TestOrientationIsReadAndAppliedByFlag(t *testing.T) {
	img := image.NewGray(image.Rect(0, 0, 16, 8))
	var plain bytes.Buffer
	if err := jpeg.Encode(&plain, img, nil); err != nil {
		t.Fatal(err)
	}
	for _, order := range []string{"II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00",
		"MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"} {
		exif := append([]byte("Exif\x00\x00"), order...)
		segment := append([]byte{0xff, 0xe1, 0, byte(len(exif) + 2)}, exif...)
		data := slices.Concat(plain.Bytes()[:2], segment, plain.Bytes()[2:])
		as, err := Decoder{}.Decode(data)
		if err != nil || as.Width != 16 {
			t.Errorf("%q: without the flag: %v, %v", order[:2], as, err)
		}
		upright, err := Decoder{Orient: true}.Decode(data)
		if err != nil || upright.Width != 8 || upright.Height != 16 {
			t.Errorf("%q: with the flag: %v", order[:2], err)
		}
	}
}

// TestExtremeShapes resizes what would be half a gigapixel if rows that the crop drops were computed.
func TestExtremeShapes(t *testing.T) {
	processor, err := ParseProcessor([]byte(`{"image_processor_type":"CLIPImageProcessor"}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range [][2]int{{10_000, 1}, {1, 10_000}, {1, 1}} {
		img := image.NewGray(image.Rect(0, 0, size[0], size[1]))
		for i := range img.Pix {
			img.Pix[i] = 200
		}
		var data bytes.Buffer
		if err := png.Encode(&data, img); err != nil {
			t.Fatal(err)
		}
		p, err := Decoder{}.Decode(data.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		crop, err := processor.Crop(p)
		if err != nil || crop.Width != 224 || slices.ContainsFunc(crop.Pix, func(v byte) bool { return v != 200 }) {
			t.Errorf("%v: %v", size, err)
		}
	}
}

func TestProcessorsAreChecked(t *testing.T) {
	for _, c := range []struct{ config, says string }{
		{`{`, "JSON"},
		{`{}`, "image_processor_type"},
		{`{"image_processor_type":"LlavaImageProcessor"}`, "CLIPImageProcessor"},
		{`{"image_processor_type":"CLIPImageProcessor","resample":9}`, "resample"},
		{`{"image_processor_type":"CLIPImageProcessor","size":-4}`, "size"},
		{`{"image_processor_type":"CLIPImageProcessor","size":{"longest_edge":5}}`, "size"},
		{`{"image_processor_type":"CLIPImageProcessor","crop_size":1000000}`, "crop_size"},
		{`{"image_processor_type":"CLIPImageProcessor","image_std":[1,0,1]}`, "image_std"},
		{`{"image_processor_type":"CLIPImageProcessor","do_center_crop":false}`, "do_center_crop"},
		{`{"image_processor_type":"ConvNextImageProcessor","crop_pct":0}`, "crop_pct"},
		{`{"image_processor_type":"ViTImageProcessor","do_resize":false}`, "do_resize"},
	} {
		if _, err := ParseProcessor([]byte(c.config)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.config, err)
		}
	}
}
