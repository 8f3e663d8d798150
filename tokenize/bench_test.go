package tokenize

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/daulet/tokenizers"
)

func BenchmarkEncode(b *testing.B) {
	texts := lines(b, "wiki", "wiki_sentences.txt")
	report := func(b *testing.B) { b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "texts/s") }

	b.Run("native", func(b *testing.B) { // what the library takes, as the yardstick
		data, err := os.ReadFile(tokenizerPath(b, "roberta"))
		if err != nil {
			b.Fatal(err)
		}
		t, err := tokenizers.FromBytes(data)
		if err != nil {
			b.Fatal(err)
		}
		defer t.Close()
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := t.EncodeWithOptionsErr(texts[i%len(texts)], true, tokenizers.WithReturnOffsets()); err != nil {
				b.Fatal(err)
			}
		}
		report(b)
	})
	for _, o := range []Options{{MaxLength: 128}, {MaxLength: 128, WordIDs: true}, {MaxLength: 16, Windows: true, Stride: 4}} {
		for _, name := range []string{"bert", "minilm", "roberta", "t5"} {
			b.Run(fmt.Sprintf("%s/max=%d,windows=%v,words=%v", name, o.MaxLength, o.Windows, o.WordIDs), func(b *testing.B) {
				t := load(b, name)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if out := t.Encode(Input{Text: texts[i%len(texts)]}, o); out.Err != nil {
						b.Fatal(out.Err)
					}
				}
				report(b)
			})
		}
	}
	b.Run("batch", func(b *testing.B) {
		t := load(b, "minilm")
		ins := make([]Input, len(texts))
		for i, text := range texts {
			ins[i].Text = text
		}
		b.ReportAllocs()
		for b.Loop() {
			t.EncodeBatch(context.Background(), ins, Options{MaxLength: 128})
		}
		b.ReportMetric(float64(b.N*len(ins))/b.Elapsed().Seconds(), "texts/s")
	})
}
