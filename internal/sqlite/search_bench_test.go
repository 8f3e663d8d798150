package sqlite

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
)

// BenchmarkSearch asks for the first page of what people look for, in a project in which one item of a hundred is labelled.
func BenchmarkSearch(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprintf("items=%d", n), func(b *testing.B) {
			labels := strings.Split("abcdefghij", "")
			s := create(b, texts, labels...)
			items := sentences(b, n)
			for from := 0; from < n; from += ImportBatch {
				mustImport(b, s, "", items[from:min(n, from+ImportBatch)]...)
			}
			m := mustRegister(b, s, "1", labels...)
			rng := rand.New(rand.NewPCG(1, 2))
			var said []label.Annotation
			for from := 0; from < n; from += ImportBatch {
				if err := s.PutPredictions(b.Context(), m, random(rng, from+1, min(ImportBatch, n-from), len(labels))); err != nil {
					b.Fatal(err)
				}
			}
			for i := range n / 100 {
				said = append(said, says(fmt.Sprint(i), []string{"ada", "bob"}[i%2], int64(100*i+1), label.Accepted, labels[i%len(labels)]))
			}
			if _, err := s.AnnotateAll(b.Context(), said); err != nil {
				b.Fatal(err)
			}
			for name, change := range map[string]func(*label.Search){
				"all":                  func(q *label.Search) {},
				"label":                func(q *label.Search) { q.Label = "c" },
				"state":                func(q *label.Search) { q.State = label.Labelled },
				"predicted":            func(q *label.Search) { q.Predicted = "c" },
				"predicted,unsure":     func(q *label.Search) { q.Predicted, q.Sort = "c", label.ByConfidence },
				"unsure":               func(q *label.Search) { q.Sort = label.ByConfidence },
				"unsure,unlabelled":    func(q *label.Search) { q.Sort, q.State = label.ByConfidence, label.Unlabelled },
				"unsure,labelled":      func(q *label.Search) { q.Sort, q.State = label.ByConfidence, label.Labelled },
				"range":                func(q *label.Search) { q.Least, q.Most = 0.2, 0.21 },
				"range,predicted":      func(q *label.Search) { q.Least, q.Most, q.Predicted = 0.2, 0.21, "c" },
				"random":               func(q *label.Search) { q.Sort = label.AtRandom },
				"random,labelled":      func(q *label.Search) { q.Sort, q.State = label.AtRandom, label.Labelled },
				"random,predicted":     func(q *label.Search) { q.Sort, q.Predicted = label.AtRandom, "c" },
				"annotator":            func(q *label.Search) { q.Annotator = "bob" },
				"disputed":             func(q *label.Search) { q.Disputed = true },
				"word":                 func(q *label.Search) { q.Text = "river" },
				"words":                func(q *label.Search) { q.Text = "the city of" },
				"common":               func(q *label.Search) { q.Text = "the" },
				"begun":                func(q *label.Search) { q.Text = "sta" },
				"number":               func(q *label.Search) { q.Text = "9999" },
				"common,unsure":        func(q *label.Search) { q.Text, q.Sort = "the", label.ByConfidence },
				"word,labelled,unsure": func(q *label.Search) { q.Text, q.Sort, q.State = "river", label.ByConfidence, label.Labelled },
			} {
				b.Run(name, func(b *testing.B) {
					q := everything
					q.N = 50
					change(&q)
					found := 0
					for b.Loop() {
						list, err := s.Search(b.Context(), q)
						if err != nil {
							b.Fatal(err)
						}
						found = len(list)
					}
					b.ReportMetric(float64(found), "found")
				})
			}
		})
	}
}
