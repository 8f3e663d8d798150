// Package gate decides whether a model may take the place of another, by what both say of the same evaluation items: held
// out, labelled by people, never trained on. Numbers in, a verdict out: it reads no files and runs no models.
//
// A candidate is promoted when it is shown to be better, by an exact McNemar test of its accuracy or a paired bootstrap of its
// macro-F1, and nothing speaks against it. Of candidates that are no better than the model in use at most Alpha are promoted.
package gate

import (
	"fmt"
	"slices"
)

// What a candidate is held to.
const (
	Alpha    = 0.05 // largest share of equally good candidates that are promoted; half of it for accuracy, half for macro-F1
	Recall   = 0.10 // a label's recall may not be shown to have fallen by more, unless its F1 is none the worse for it
	First    = 0.50 // the same, before any model was promoted: nobody relies on one yet
	ECE      = 0.02 // the expected calibration error may not be shown to have risen by more
	Parity   = 1e-4 // largest difference between the logits of the exported file and of what was trained
	Slowdown = 2.0  // a label may take so many times as long
)

// Side is what one model says of the evaluation items.
type Side struct {
	Name  string      // name@version, or what it is
	Probs [][]float32 // for each item a probability of each label; nil where the model failed on the item
	Rate  float64     // items a second; 0: not measured
	Rule  bool        // a rule that gives all items the same, which is as calibrated as can be, and says nothing
}

// Evidence is what is known of a candidate.
type Evidence struct {
	Labels     []string // the label set, at least one
	MultiLabel bool     // labels are independent: each applies from 0.5 on
	Truths     [][]int  // for each item its labels, as indexes into Labels; one unless MultiLabel
	Candidate  Side
	Reference  Side // the model in use
	First      bool // no model is: the reference stands in for it

	Missing   []string // labels of the set that the candidate can't give
	Foreign   []string // labels that it gives and the set lacks
	Leaks     int      // evaluation items that it was trained on, near-duplicates included; -1: unknown
	Parity    float64  // largest difference between logits of the file and of what was trained; negative: not measured
	Tokenizer Finding  // whether it has the tokenizer that it was trained with
}

// Finding is the answer to a question that has no numbers.
type Finding struct {
	Outcome Outcome
	Says    string
}

// Outcome is what a check found.
type Outcome string

const (
	Better  Outcome = "better"
	Fine    Outcome = "fine"
	Refused Outcome = "refused"
	Unknown Outcome = "unknown" // it could not be checked, which alone keeps nobody out
)

// Check is a row of the verdict.
type Check struct {
	Name    string             `json:"name"`
	Outcome Outcome            `json:"outcome"`
	Before  string             `json:"before,omitempty"` // the model in use
	After   string             `json:"after,omitempty"`  // the candidate
	Change  string             `json:"change,omitempty"` // with its 95 % interval
	Says    string             `json:"says"`             // what it means
	Numbers map[string]float64 `json:"numbers,omitempty"`
}

// Change is an evaluation item on which the two models differ in being right.
type Change struct {
	Index  int      `json:"-"`    // of the item in the evidence
	Item   int64    `json:"item"` // these three are for the caller to fill in
	ID     string   `json:"id"`
	Text   string   `json:"text"`
	Truth  []string `json:"truth"`
	Before []string `json:"before"`
	After  []string `json:"after"`
	Better bool     `json:"better"`
}

// Verdict says whether a candidate may take the place of the model in use, and why.
type Verdict struct {
	Candidate string   `json:"candidate"`
	Reference string   `json:"reference"`
	Promote   bool     `json:"promote"`
	Sentence  string   `json:"sentence"`
	Set       Set      `json:"evaluation"`
	Checks    []Check  `json:"checks"`
	Changed   []Change `json:"changed,omitempty"`
}

// Set names the evaluation set that a verdict rests on.
type Set struct {
	Version int64  `json:"version"` // for the caller to fill in, like Digest
	Digest  string `json:"digest"`  // SHA-256 of its items and their labels
	Items   int    `json:"items"`
}

// Judge weighs the evidence. The error says what is wrong with the evidence itself.
func Judge(e Evidence) (Verdict, error) {
	if err := e.check(); err != nil {
		return Verdict{}, fmt.Errorf("judge %s: %w", e.Candidate.Name, err)
	}
	p := pair(e)
	resampled := p.resample()
	v := Verdict{Candidate: e.Candidate.Name, Reference: e.Reference.Name, Set: Set{Items: len(e.Truths)}}
	v.Checks = append(v.Checks, p.accuracy(resampled), p.macroF1(resampled), p.recall(e.Labels), p.logLoss(resampled), p.calibration(resampled),
		e.labelSet(), p.order(e.Labels), e.tokenizer(), e.leakage(), e.parity(), e.speed())
	v.Changed = p.changed(e.Labels)
	v.decide()
	return v, nil
}

// decide says what the checks come to.
func (v *Verdict) decide() {
	var against []string
	better := false
	for _, c := range v.Checks {
		better = better || c.Outcome == Better
		if c.Outcome == Refused {
			against = append(against, c.Name+": "+c.Says)
		}
	}
	v.Promote = better && against == nil
	switch {
	case v.Promote:
		v.Sentence = fmt.Sprintf("%s is better than %s, and nothing speaks against it", v.Candidate, v.Reference)
	case against != nil:
		v.Sentence = fmt.Sprintf("%s may not take the place of %s: %s", v.Candidate, v.Reference, join(against))
	default:
		v.Sentence = fmt.Sprintf("%s is not shown to be better than %s: %s", v.Candidate, v.Reference, v.Checks[0].Says)
	}
}

func (e Evidence) check() error {
	if len(e.Labels) == 0 || len(e.Truths) == 0 {
		return fmt.Errorf("%d labels and %d evaluation items: want one or more of each", len(e.Labels), len(e.Truths))
	}
	for _, side := range []Side{e.Candidate, e.Reference} {
		if len(side.Probs) != len(e.Truths) {
			return fmt.Errorf("%s has answers to %d items of %d", side.Name, len(side.Probs), len(e.Truths))
		}
		for i, row := range side.Probs {
			if row != nil && len(row) != len(e.Labels) {
				return fmt.Errorf("%s has %d probabilities for item %d, want one for each of %d labels", side.Name, len(row), i, len(e.Labels))
			}
			for k, q := range row {
				if !(q >= 0 && q <= 1) {
					return fmt.Errorf("%s gives item %d the probability %v of %q", side.Name, i, q, e.Labels[k])
				}
			}
		}
	}
	for i, truth := range e.Truths {
		if len(truth) != 1 && !e.MultiLabel {
			return fmt.Errorf("item %d has %d labels, want one", i, len(truth))
		}
		if slices.ContainsFunc(truth, func(k int) bool { return k < 0 || k >= len(e.Labels) }) {
			return fmt.Errorf("item %d has labels %v of %d", i, truth, len(e.Labels))
		}
	}
	return nil
}
