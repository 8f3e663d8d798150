package sqlite

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/label"
)

// sentences gives n different texts out of real ones.
func sentences(t testing.TB, n int) []label.Item {
	t.Helper()
	wiki, err := os.ReadFile("../../testdata/wiki/wiki_sentences.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(wiki)), "\n")
	items := make([]label.Item, n)
	for i := range items {
		items[i] = item(i+1, fmt.Sprintf("%s %d", lines[i%len(lines)], i))
	}
	return items
}

// random gives rows of probabilities that sum to 1.
func random(rng *rand.Rand, first, n, classes int) []label.Probabilities {
	list := make([]label.Probabilities, n)
	for i := range list {
		probs := make([]float32, classes)
		sum := float32(0)
		for j := range probs {
			probs[j] = rng.Float32()
			sum += probs[j]
		}
		for j := range probs {
			probs[j] /= sum
		}
		list[i] = label.Probabilities{Item: int64(first + i), Probs: probs}
	}
	return list
}

// cpu is the time that all processors spent on this process.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measured runs work until it was measured, and tells the CPU time beside the time that passed.
func measured(b *testing.B, name string, items int, work func(b *testing.B)) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		before := cpu()
		for b.Loop() {
			work(b)
		}
		n := float64(b.N)
		b.ReportMetric((cpu()-before).Seconds()/n, "cpu-s/op")
		b.ReportMetric(float64(items)*n/b.Elapsed().Seconds(), "items/s")
	})
}

func BenchmarkProject(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprintf("items=%d", n), func(b *testing.B) {
			ctx := b.Context()
			items := sentences(b, n)
			var s *Store
			measured(b, "import", n, func(*testing.B) {
				s = create(b, texts, strings.Split("abcdefghij", "")...) // to outlive this measurement
				for from := 0; from < n; from += ImportBatch {
					if _, _, err := s.Import(ctx, items[from:min(n, from+ImportBatch)], label.Pool, ""); err != nil {
						b.Fatal(err)
					}
				}
			})
			items = nil
			m, err := s.RegisterModel(ctx, label.Model{Name: "m", Version: "1", Labels: strings.Split("abcdefghij", "")})
			if err != nil {
				b.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(1, 2))
			measured(b, "predictions", n, func(b *testing.B) {
				for from := 0; from < n; from += ImportBatch {
					if err := s.PutPredictions(ctx, m, random(rng, from+1, min(ImportBatch, n-from), 10)); err != nil {
						b.Fatal(err)
					}
				}
			})
			measured(b, "probabilities", n, func(b *testing.B) {
				got, probs, err := s.Probabilities(ctx, m, label.Pool, label.Unlabelled)
				if err != nil || len(got) != n || len(probs) != 10*n {
					b.Fatal(len(got), len(probs), err)
				}
			})
			encoder, err := s.RegisterEncoder(ctx, "e@1", 384)
			if err != nil {
				b.Fatal(err)
			}
			some := make([]int64, min(n, 10_000))
			for i := range some {
				some[i] = int64(i + 1)
			}
			measured(b, "embeddings/put", len(some), func(b *testing.B) {
				if err := s.PutEmbeddings(ctx, encoder, some, make([]float32, len(some)*384)); err != nil {
					b.Fatal(err)
				}
			})
			measured(b, "embeddings/get", len(some), func(b *testing.B) {
				if _, err := s.Embeddings(ctx, encoder, some); err != nil {
					b.Fatal(err)
				}
			})
			measured(b, "select", len(some), func(b *testing.B) {
				if _, err := s.Withdraw(ctx, 0); err != nil {
					b.Fatal(err)
				}
				entries := make([]label.Entry, len(some))
				for i, item := range some {
					entries[i] = label.Entry{Item: item, Reason: label.Uncertain}
				}
				if _, added, err := s.Enqueue(ctx, label.Round{Strategy: "BreakingTies"}, entries); err != nil || added == 0 {
					b.Fatal(added, err)
				}
			})
			measured(b, "annotate", 1, func(b *testing.B) { // one at a time, as people do
				entries, err := s.Lease(ctx, "ada", 1, time.Minute)
				if err != nil || len(entries) == 0 {
					b.Fatal(entries, err)
				}
				if _, err := s.Annotate(ctx, says(fmt.Sprint(entries[0].ID), "ada", entries[0].Item, label.Accepted, "a")); err != nil {
					b.Fatal(err)
				}
			})
			measured(b, "counts", n, func(b *testing.B) {
				if c, err := s.Counts(ctx); err != nil || c.Splits[label.Pool][label.Unlabelled]+c.Splits[label.Pool][label.Labelled] != n {
					b.Fatal(c, err)
				}
			})
			measured(b, "items", n, func(b *testing.B) {
				seen := 0
				for _, err := range s.Items(ctx, Filter{State: label.AnyState}) {
					if err != nil {
						b.Fatal(err)
					}
					seen++
				}
				if seen != n {
					b.Fatal(seen)
				}
			})
		})
	}
}
