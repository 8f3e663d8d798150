package pixel

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"testing"
)

// photograph is a JPEG of 500 x 400 with the detail of one.
func photograph(b *testing.B) []byte {
	img := image.NewRGBA(image.Rect(0, 0, 500, 400))
	for y := range 400 {
		for x := range 500 {
			v := 128 + 60*math.Sin(float64(x)/17)*math.Cos(float64(y)/23) + 40*math.Sin(float64(x*y)/900)
			img.SetRGBA(x, y, color.RGBA{byte(v), byte(v/2 + 60), byte(255 - v), 255})
		}
	}
	var data bytes.Buffer
	if err := jpeg.Encode(&data, img, &jpeg.Options{Quality: 87}); err != nil {
		b.Fatal(err)
	}
	return data.Bytes()
}

func BenchmarkPrepare(b *testing.B) {
	data := photograph(b)
	processor, err := ParseProcessor([]byte(`{"image_processor_type":"CLIPImageProcessor"}`))
	if err != nil {
		b.Fatal(err)
	}
	picture, err := Decoder{}.Decode(data)
	if err != nil {
		b.Fatal(err)
	}
	crop, err := processor.Crop(picture)
	if err != nil {
		b.Fatal(err)
	}
	values := make([]float32, len(crop.Pix))
	for _, stage := range []struct {
		name string
		run  func()
	}{
		{"decode", func() { Decoder{}.Decode(data) }},
		{"decodeByGo", func() { decodeJPEGByGo(data) }},
		{"crop", func() { processor.Crop(picture) }},
		{"values", func() { processor.Values(values, crop.Pix) }},
	} {
		b.Run(stage.name+"/500x400", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				stage.run()
			}
		})
	}
}
