package gate

import (
	"fmt"
	"testing"
)

func BenchmarkJudge(b *testing.B) {
	for _, items := range []int{300, 3000, 30000} {
		b.Run(fmt.Sprint(items), func(b *testing.B) {
			m := newMaker(1, items, 77)
			e := m.evidence(m.answers(always(0.8)), m.answers(always(0.85)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Judge(e); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(items)*float64(b.N)/b.Elapsed().Seconds(), "items/s")
		})
	}
}
