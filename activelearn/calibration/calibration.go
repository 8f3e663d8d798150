// Package calibration makes a model's probabilities mean what they say, and measures how far they do: of the labels given
// with probability 0.9, nine in ten should be right. A calibration is fitted on items that were chosen at random and that
// the model was not trained on.
package calibration

import (
	"fmt"
	"math"
	"slices"

	"github.com/labelloop/labelloop/activelearn"
)

// Method is a family of maps from probabilities to calibrated ones.
type Method string

const (
	Temperature Method = "temperature" // one number for all classes; keeps the order of the classes
	Vector      Method = "vector"      // a scale and a bias for each class
	Isotonic    Method = "isotonic"    // any rising map of the top label's probability or, for sigmoids, of each probability
)

// Link tells what probabilities are made of.
type Link string

const (
	Softmax Link = "softmax" // exactly one class applies; a row sums to 1
	Sigmoid Link = "sigmoid" // each class applies or not, by itself
)

// Calibration is a fitted map. It is stored with a model version; the zero value changes nothing.
type Calibration struct {
	Method      Method    `json:"method,omitempty"`
	Link        Link      `json:"link,omitempty"`
	Samples     int       `json:"samples,omitempty"`     // rows that it was fitted on
	Temperature float64   `json:"temperature,omitempty"` // logits are divided by it
	Scale       []float64 `json:"scale,omitempty"`       // logits of class k are multiplied by Scale[k]
	Bias        []float64 `json:"bias,omitempty"`        // and Bias[k] is added
	From        []float64 `json:"from,omitempty"`        // isotonic: rising probabilities that the map is known at
	To          []float64 `json:"to,omitempty"`          // and their images; linear between, constant outside
}

// MinSamples is the number of rows under which nothing is fitted.
const MinSamples = 30

// Fit fits a map by maximum likelihood (isotonic: by least squares), given the probabilities of a sample (rows x classes)
// and the classes that apply to each row: exactly one for softmax, any number for sigmoids.
//
// Logits are taken back from the probabilities, log p for softmax and log p/(1-p) for sigmoids, so probabilities are
// all that need be kept. An error says why no map can be fitted: fewer than MinSamples rows; every label right or every
// one wrong, where the likelihood has no maximum; a class with too few examples for vector scaling. The uncalibrated
// probabilities then stand.
func Fit(method Method, link Link, probs activelearn.Matrix, labels [][]int) (Calibration, error) {
	if err := check(link, probs, labels); err != nil {
		return Calibration{}, fmt.Errorf("fit %s calibration: %w", method, err)
	}
	c := Calibration{Method: method, Link: link, Samples: probs.Rows}
	var err error
	switch method {
	case Temperature:
		err = c.fitTemperature(probs, labels)
	case Vector:
		err = c.fitVector(probs, labels)
	case Isotonic:
		c.fitIsotonic(probs, labels)
	default:
		err = fmt.Errorf("no such method: choose %s, %s or %s", Temperature, Vector, Isotonic)
	}
	if err != nil {
		return Calibration{}, fmt.Errorf("fit %s calibration: %w", method, err)
	}
	return c, nil
}

// Apply gives the calibrated probabilities of a row. A calibration of another number of classes is an error.
//
// Isotonic maps of a softmax change the top label's probability and share what is left among the other classes as
// before, so the top label may cease to be the most probable one; temperature keeps the order.
func (c Calibration) Apply(probs []float32) ([]float32, error) {
	out := slices.Clone(probs)
	if c.Method == "" {
		return out, nil
	}
	if c.Method == Vector && len(probs) != len(c.Scale) {
		return nil, fmt.Errorf("apply calibration: it is for %d classes, the row has %d", len(c.Scale), len(probs))
	}
	switch {
	case len(probs) == 0:
	case c.Method == Isotonic && c.Link == Softmax:
		c.applyToTop(out)
	case c.Method == Isotonic:
		for k, p := range probs {
			out[k] = float32(c.mapped(float64(p)))
		}
	default:
		z := make([]float64, len(probs))
		logits(c.Link, probs, z)
		for k := range z {
			if c.Method == Temperature {
				z[k] /= c.Temperature
			} else {
				z[k] = z[k]*c.Scale[k] + c.Bias[k]
			}
		}
		probabilities(c.Link, z)
		for k, p := range z {
			out[k] = float32(p)
		}
	}
	return out, nil
}

// tiny keeps logarithms finite: scikit-learn clips at the same value (log_loss in float64).
const tiny = 0x1p-52

func clip(p float64) float64 { return min(max(p, tiny), 1-tiny) }

// logits writes the logits of a row of probabilities to z.
func logits(link Link, probs []float32, z []float64) {
	for k, p := range probs {
		q := clip(float64(p))
		z[k] = math.Log(q)
		if link == Sigmoid {
			z[k] -= math.Log1p(-q)
		}
	}
}

// probabilities turns a row of logits into probabilities, in place.
func probabilities(link Link, z []float64) {
	if link == Sigmoid {
		for k := range z {
			z[k] = sigmoid(z[k])
		}
		return
	}
	top := slices.Max(z)
	sum := 0.0
	for k := range z {
		z[k] = math.Exp(z[k] - top)
		sum += z[k]
	}
	for k := range z {
		z[k] /= sum
	}
}

func sigmoid(z float64) float64 {
	if z < 0 {
		e := math.Exp(z)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-z))
}

// check refuses samples that nothing can be fitted on.
func check(link Link, probs activelearn.Matrix, labels [][]int) error {
	if err := checkShape(link, probs, labels); err != nil {
		return err
	}
	if probs.Rows < MinSamples {
		return fmt.Errorf("%d samples are too few: at least %d are needed", probs.Rows, MinSamples)
	}
	right, decisions := 0, 0
	for _, d := range decided(link, probs, labels) {
		decisions++
		if d.right {
			right++
		}
	}
	switch right {
	case decisions:
		return fmt.Errorf("all of %d decisions are right: nothing tells how sure is too sure", decisions)
	case 0:
		return fmt.Errorf("all of %d decisions are wrong: are these the labels of this sample?", decisions)
	}
	return nil
}

// checkShape refuses what is no sample of labelled probabilities.
func checkShape(link Link, probs activelearn.Matrix, labels [][]int) error {
	if link != Softmax && link != Sigmoid {
		return fmt.Errorf("no such link: %q, want %s or %s", link, Softmax, Sigmoid)
	}
	if err := probs.Check(); err != nil {
		return err
	}
	if len(labels) != probs.Rows {
		return fmt.Errorf("%d rows of probabilities have %d rows of labels", probs.Rows, len(labels))
	}
	for i, row := range labels {
		if link == Softmax && len(row) != 1 {
			return fmt.Errorf("row %d has %d labels, want one", i, len(row))
		}
		for _, k := range row {
			if k < 0 || k >= probs.Cols {
				return fmt.Errorf("row %d has label %d of %d classes", i, k, probs.Cols)
			}
		}
		for k, p := range probs.Row(i) {
			if !(p >= 0 && p <= 1) {
				return fmt.Errorf("row %d, class %d: %v is no probability", i, k, p)
			}
		}
	}
	return nil
}

// decision is one that a model made: the top label (softmax), or whether a class applies (sigmoid).
type decision struct {
	probability float64 // softmax: of the top label; sigmoid: that the class applies
	applies     bool    // the label or class does apply
	right       bool    // the model decided so
}

// decided lists a sample's decisions.
func decided(link Link, probs activelearn.Matrix, labels [][]int) []decision {
	var ds []decision
	for i, row := range labels {
		if link == Softmax {
			top := activelearn.Argmax(probs.Row(i))
			right := top == row[0]
			ds = append(ds, decision{float64(probs.Row(i)[top]), right, right})
			continue
		}
		for k, p := range probs.Row(i) {
			applies := slices.Contains(row, k)
			ds = append(ds, decision{float64(p), applies, applies == (p >= 0.5)})
		}
	}
	return ds
}
