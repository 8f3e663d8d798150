package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// sample is a page with every section, about a made-up project with as many labels.
func sample(labels int) Page {
	rng := rand.New(rand.NewPCG(1, uint64(labels)))
	names := make([]string, labels)
	for i := range names {
		names[i] = fmt.Sprintf("%s_%s", []string{"card", "transfer", "refund", "account", "top_up", "exchange"}[i%6],
			[]string{"lost", "declined", "pending", "fee", "not recognised by the merchant"}[i/6%5])
		if i >= 30 {
			names[i] += fmt.Sprint(i / 30)
		}
	}
	return Page{
		Title:    "Bank queries",
		Subtitle: "At most 2 % wrong (95 % sure): 71 % of the pool can be accepted now; about 130 more audits would make it 80 %.",
		Made:     time.Date(2026, 3, 14, 15, 9, 0, 0, time.UTC),
		Facts: []Fact{{"Items", "12,000"}, {"Labelled", "1,500"}, {"Accepted", "8,520"}, {"To review", "240"},
			{"Model", "minilm-bank@3"}},
		Sections: []Section{
			sampleAcceptance(names),
			sampleCurves(rng, 10),
			sampleDistribution(rng, names),
			sampleReliability(),
			sampleRisk(),
			sampleConfusion(rng, names),
			Queue{[]QueueReason{{"uncertain", 120, 4, 280}, {"control", 14, 1, 41}, {"relabel", 22, 0, 9},
				{"audit", 60, 3, 437}}},
			sampleThroughput(rng),
			sampleAgreement(rng),
			Issues{Found: 37, Items: []Issue{
				{"mails.csv:17", "My card was swallowed by the machine at the station, what now?", "card_lost", "card_declined", 0.012},
				{"mails.csv:2041", "why is there a charge of 1 pound", "refund_pending", "transfer_fee", 0.031},
				{"photos/cat 7.jpg", "photos/cat 7.jpg", "card_lost", "refund_fee", 0.044},
			}},
			Following{"People who are shown the suggestion answer the same in 90.0 % of 870 items, and in 81.0 % of 100 where it is held back.",
				[]FollowingRow{{"all", 870, 783, 100, 81, 0.09, 0.021, 0.178}, {"Ada", 20, 20, 3, 1, math.NaN(), math.NaN(), math.NaN()}}},
			Oddities{Pool: 12_000, Compared: 10_000, Duplicates: 41, Outliers: 1,
				Sets:  [][]Shown{{{"mails.csv:1", "where is my card", 0}, {"mails.csv:77", "where is my card?", 0.013}}},
				Items: []Shown{{"mails.csv:950", "lorem ipsum", 0.002}}},
		},
	}
}

func sampleAcceptance(names []string) Acceptance {
	a := Acceptance{
		Sentence: "At most 2 % wrong (95 % sure): 71 % of the pool can be accepted now.",
		Epsilon:  0.02, Delta: 0.05,
		Rules: []AcceptanceRule{{"", 0.9312, 0.71, 8520, 402, 3, 0.0188}},
	}
	for i, name := range names[:min(4, len(names))] {
		a.Rules = append(a.Rules, AcceptanceRule{name, 0.9 + 0.01*float64(i), 0.5, 300, 160, 0, 0.0185})
	}
	a.Rules[len(a.Rules)-1].Threshold = math.NaN()
	return a
}

func sampleCurves(rng *rand.Rand, rounds int) LearningCurves {
	l := LearningCurves{Title: "Learning curves", Metric: "Accuracy", Seeds: 10, Level: 0.95, Reference: "random"}
	for i, name := range []string{"random", "breaking-ties", "hybrid", "greedy-coreset"} {
		c := Curve{Name: name}
		for r := 1; r <= rounds; r++ {
			n := 1000 * r / rounds
			v := 0.9 - 0.5*math.Exp(-float64(n)/[]float64{420, 330, 260, 500}[i]) + 0.004*rng.NormFloat64()
			c.Points = append(c.Points, CurvePoint{n, v, v - 0.012, v + 0.012})
		}
		l.Curves = append(l.Curves, c)
	}
	return l
}

func sampleDistribution(rng *rand.Rand, names []string) LabelDistribution {
	var d LabelDistribution
	for i, name := range names {
		d.Labels = append(d.Labels, LabelCount{name, 400 / (i + 3), 3000/(i+4) + rng.IntN(40)})
	}
	return d
}

func sampleReliability() Reliability {
	raw, fitted := ReliabilityCurve{Name: "raw", ECE: 0.064, Brier: 0.151, NLL: 0.52},
		ReliabilityCurve{Name: "temperature", ECE: 0.013, Brier: 0.139, NLL: 0.44}
	for i := range 10 {
		low := float64(i) / 10
		raw.Bins = append(raw.Bins, ReliabilityBin{low, low + 0.1, low + 0.05, max(0, low-0.06), i * i * i})
		fitted.Bins = append(fitted.Bins, ReliabilityBin{low, low + 0.1, low + 0.05, low + 0.04 + 0.02*float64(i%3), i * i * 8})
	}
	return Reliability{[]ReliabilityCurve{raw, fitted}}
}

func sampleRisk() RiskCoverage {
	c := RiskCurve{Name: "temperature"}
	for i := 1; i <= 5000; i++ {
		coverage := float64(i) / 5000
		risk := 0.002 + 0.09*math.Pow(coverage, 6)
		c.Points = append(c.Points, RiskPoint{1 - coverage*coverage*0.9, coverage, risk, risk + 0.25/math.Sqrt(float64(i))})
	}
	return RiskCoverage{Epsilon: 0.02, Chosen: 0.71, Curves: []RiskCurve{c}}
}

func sampleConfusion(rng *rand.Rand, names []string) Confusion {
	m := Confusion{Labels: names}
	for i := range names {
		row := make([]int, len(names))
		row[i] = 24 + rng.IntN(60)
		for range 6 {
			row[(i+1+rng.IntN(3)*rng.IntN(len(names)))%len(names)] += rng.IntN(3)
		}
		m.Counts = append(m.Counts, row)
	}
	return m
}

func sampleThroughput(rng *rand.Rand) Throughput {
	t := Throughput{Start: time.Date(2026, 3, 9, 8, 0, 0, 0, time.UTC)}
	for i, name := range []string{"Ada", "Grace", "Zoë", "محمد"} {
		w := AnnotatorWork{Name: name, Seconds: 2.5 + float64(i)}
		for h := range 50 {
			n := 0
			if h%24 < 9 && h%24 != 4 {
				n = rng.IntN(140 / (i + 1))
			}
			w.Labels = append(w.Labels, n)
		}
		t.Annotators = append(t.Annotators, w)
	}
	return t
}

func sampleAgreement(rng *rand.Rand) Agreement {
	a := Agreement{Items: 212, Measures: []Measure{{"Krippendorff's alpha", 0.812, 0.774, 0.849},
		{"Fleiss' kappa", 0.806, math.NaN(), math.NaN()}}}
	for i, name := range []string{"Ada", "Grace", "Zoë", "محمد"} {
		a.Annotators = append(a.Annotators, Annotator{name, 900 / (i + 1), 0.97 - 0.03*float64(i), 0.95 - 0.02*float64(i)})
		a.Kappa, a.Shared = append(a.Kappa, make([]float64, 4)), append(a.Shared, make([]int, 4))
	}
	for i := range 4 {
		for j := range i {
			k := 0.95 - 0.1*float64(i+j) + 0.02*rng.Float64()
			a.Kappa[i][j], a.Kappa[j][i] = k, k
			a.Shared[i][j], a.Shared[j][i] = 40, 40
		}
	}
	return a
}
