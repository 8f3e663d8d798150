package dataset

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
)

func rows(n int, one func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(one(i))
	}
	return b.String()
}

func BenchmarkNext(b *testing.B) {
	const n = 100_000
	const text = "what is the exchange rate between the us dollar and the euro today"
	for name, content := range map[string]string{
		"b.csv": "id,text,label,source\n" + rows(n, func(i int) string { return fmt.Sprintf("%d,\"%s, please\",exchange_rate,web\n", i, text) }),
		"b.jsonl": rows(n, func(i int) string {
			return fmt.Sprintf("{\"id\":%d,\"text\":%q,\"label\":\"exchange_rate\"}\n", i, text)
		}),
		"b.txt": rows(n, func(i int) string { return text + "\n" }),
	} {
		path := write(b, name, content)
		b.Run(name, func(b *testing.B) { benchNext(b, path, n) })
	}
	path := filepath.Join(b.TempDir(), "b.parquet")
	s, err := Create(path, "", SinkOptions{})
	if err == nil {
		err = s.Put(context.Background(), predictions(n))
	}
	if err == nil {
		err = s.Finish()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Run("b.parquet", func(b *testing.B) { benchNext(b, path, n) })
}

func benchNext(b *testing.B, path string, n int) {
	b.ReportAllocs()
	for b.Loop() {
		s, err := Open([]string{path}, "", Columns{})
		if err != nil {
			b.Fatal(err)
		}
		got := 0
		for err == nil {
			var items []label.Item
			items, err = s.Next(context.Background(), 1024)
			got += len(items)
		}
		if err != io.EOF || got != n {
			b.Fatal(got, err)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "items/s")
}

func predictions(n int) []label.Result {
	rs := make([]label.Result, n)
	for i := range rs {
		rs[i] = label.Result{Item: label.Item{ID: fmt.Sprint(i), Text: "what is the exchange rate between the us dollar and the euro today"}, Route: label.Accept, Model: "minilm@1",
			Prediction: label.Prediction{Labels: []string{"a"}, Confidence: .97, Scores: label.Scores{{Label: "a", Prob: .97}, {Label: "b", Prob: .02}, {Label: "c", Prob: .01}}}}
	}
	return rs
}

func BenchmarkPut(b *testing.B) {
	rs := predictions(1024)
	for _, name := range []string{"b.jsonl", "b.csv"} {
		b.Run(name, func(b *testing.B) {
			s, err := Create(filepath.Join(b.TempDir(), name), "", SinkOptions{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Put(context.Background(), rs); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(rs)*b.N)/b.Elapsed().Seconds(), "items/s")
		})
	}
}

// BenchmarkExchange writes and reads records in each format.
func BenchmarkExchange(b *testing.B) {
	const n = 20_000
	records := make([]Record, n)
	for i := range records {
		records[i] = Record{
			Item: label.Item{ID: fmt.Sprint(i), Text: "what is the exchange rate between the us dollar and the euro today", Gold: []string{"exchange_rate"},
				Meta: map[string]any{"source": "web", "n": json.Number(fmt.Sprint(i))}},
			Annotations: []label.Annotation{{Annotator: "ann", Verdict: label.Accepted, Labels: []string{"exchange_rate"}}},
		}
	}
	for _, format := range []string{"jsonl", "csv", "parquet", "prodigy", "doccano", "label-studio"} {
		path := filepath.Join(b.TempDir(), "f")
		b.Run("write/"+format, func(b *testing.B) {
			for b.Loop() {
				if err := tryExport(path, ExportOptions{Format: format, Overwrite: true}, records); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "items/s")
		})
		b.Run("read/"+format, func(b *testing.B) {
			for b.Loop() {
				if got := importAll(b, path, ImportOptions{Format: format}); len(got) != n {
					b.Fatalf("%d records", len(got))
				}
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "items/s")
		})
	}
}
