package simulation

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Curves are the learning curves of the contenders, in the order they were given in.
type Curves struct {
	Metric string // what scores are: accuracy, or micro F1
	Curves []Curve
}

// Curve is how a contender's score grows with the labels.
type Curve struct {
	Name   string
	Points []Point
}

// Point of a curve: the score by seed, its mean, and the ends of the mean's 95 % confidence interval by Student's t (the
// mean itself where there is one seed).
type Point struct {
	Labels          int
	Scores          []float64
	Mean, Low, High float64
}

func newCurves(data Data, options Options) Curves {
	curves := Curves{Metric: "accuracy"}
	if data.Multi {
		curves.Metric = "micro F1"
	}
	for _, contender := range options.Contenders {
		curve := Curve{Name: contender.Name, Points: make([]Point, options.Rounds)}
		for round := range curve.Points {
			curve.Points[round] = Point{Labels: (round + 1) * options.Batch, Scores: make([]float64, options.Seeds)}
		}
		curves.Curves = append(curves.Curves, curve)
	}
	return curves
}

func (c Curves) summarise() {
	for _, curve := range c.Curves {
		for i := range curve.Points {
			p := &curve.Points[i]
			p.Mean, p.Low, p.High = interval(p.Scores)
		}
	}
}

// interval gives the mean and its 95 % confidence interval.
func interval(values []float64) (mean, low, high float64) {
	mean = stat.Mean(values, nil)
	n := float64(len(values))
	if n < 2 {
		return mean, mean, mean
	}
	half := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(0.975) * stat.StdDev(values, nil) / math.Sqrt(n)
	return mean, mean - half, mean + half
}

// LabelsTo is the number of labels with which the curve's mean first reaches a score; false where it never does.
func (c Curve) LabelsTo(score float64) (labels int, ok bool) {
	for _, p := range c.Points {
		if p.Mean >= score {
			return p.Labels, true
		}
	}
	return 0, false
}

// Gain is how much higher the score is than another curve's, round by round: the mean over seeds, which both curves have in
// common, and its 95 % confidence interval.
func (c Curve) Gain(over Curve) []Point {
	gains := make([]Point, len(c.Points))
	for i, p := range c.Points {
		gains[i] = Point{Labels: p.Labels, Scores: make([]float64, len(p.Scores))}
		for seed, score := range p.Scores {
			gains[i].Scores[seed] = score - over.Points[i].Scores[seed]
		}
		gains[i].Mean, gains[i].Low, gains[i].High = interval(gains[i].Scores)
	}
	return gains
}
