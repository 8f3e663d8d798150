package quality

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/labelloop/labelloop/activelearn"
)

// Crowdlab is the consensus of annotators and a model, each with the weight that it earns.
type Crowdlab struct {
	Consensus []int       // class of each item
	Quality   []float64   // how likely it is right, 0 to 1
	Agreement []float64   // share of the item's annotations that agree with it
	Labels    [][]float64 // how likely each annotation is right: items x annotators, NaN where there is none

	Annotators      []AnnotatorQuality
	ModelWeight     float64
	AnnotatorWeight []float64
}

// AnnotatorQuality is how far the labels of an annotator can be trusted.
type AnnotatorQuality struct {
	Quality    float64 // 0 to 1; NaN for one who labelled no item that another labelled too
	Agreement  float64 // share of the annotator's labels that agree with the consensus
	WorstClass int     // the class of which the annotator's labels agree least with it
	Labels     int
}

// FitCrowdlab weighs the annotators by how they agree with each other, and the model by how it agrees with the consensus.
// Row i of probs (items x classes) are out-of-sample probabilities of item i. Items need an annotation, and annotators
// too; at least one item needs two. The same numbers as cleanlab's multiannotator.get_label_quality_multiannotator; ties
// that it breaks at random go to the lower class (Goh et al. 2022, "CROWDLAB: supervised learning to infer consensus
// labels and quality scores for data with multiple annotators").
func FitCrowdlab(a Annotations, probs activelearn.Matrix) (Crowdlab, error) {
	c, err := newCrowd(a, probs)
	if err != nil {
		return Crowdlab{}, fmt.Errorf("fit CROWDLAB: %w", err)
	}
	if c.single() {
		return Crowdlab{}, fmt.Errorf("fit CROWDLAB: no item has two annotations: LabelScores ranks single ones")
	}
	return c.fit(), nil
}

// fit takes for consensus what a first estimate, resting on the majority, finds best.
func (c crowd) fit() Crowdlab {
	majority := c.majority()
	_, posterior := c.estimate(majority)
	consensus := slices.Clone(majority)
	for i, row := range posterior {
		best := activelearn.Argmax(row)
		if !slices.Contains(row[best+1:], row[best]) {
			consensus[i] = best
		}
	}
	fit, posterior := c.estimate(consensus)
	fit.Quality = make([]float64, len(c.items))
	for i, row := range posterior {
		fit.Quality[i] = row[consensus[i]]
	}
	c.rate(&fit, posterior)
	return fit
}

// estimate weighs the model and the annotators, given the consensus, and gives what they make of the classes together.
func (c crowd) estimate(consensus []int) (fit Crowdlab, posterior [][]float64) {
	fit = Crowdlab{Consensus: consensus, Agreement: make([]float64, len(c.items))}
	var shared []float64 // agreement on the items that several labelled
	counts, modelErrors := make([]float64, c.classes), 0.0
	for i, list := range c.items {
		fit.Agreement[i] = agreement(list, func(n Annotation) bool { return n.Class == consensus[i] })
		if len(list) == 1 {
			continue
		}
		shared = append(shared, fit.Agreement[i])
		counts[consensus[i]]++
		if activelearn.Argmax(c.probs[i]) != consensus[i] {
			modelErrors++
		}
	}
	several := float64(len(shared))
	likelihood := mean(shared)
	unlikelihood := (1 - likelihood) / float64(c.classes-1)
	// What is left to learn for one who always gives the commonest class.
	baseline := max((several-counts[activelearn.Argmax(counts)])/several, near)
	fit.ModelWeight = max(1-modelErrors/several/baseline, near) * math.Sqrt(c.depth())
	fit.AnnotatorWeight = c.mutual()
	for w, agreed := range fit.AnnotatorWeight {
		fit.AnnotatorWeight[w] = max(1-(1-agreed)/baseline, near)
	}
	posterior = make([][]float64, len(c.items))
	for i, list := range c.items {
		posterior[i] = make([]float64, c.classes)
		total := 0.0
		for _, n := range list {
			total += fit.AnnotatorWeight[n.Annotator]
		}
		total += fit.ModelWeight
		for k := range c.classes {
			p := c.probs[i][k] * fit.ModelWeight
			for _, n := range list {
				if n.Class == k {
					p += fit.AnnotatorWeight[n.Annotator] * likelihood
				} else {
					p += fit.AnnotatorWeight[n.Annotator] * unlikelihood
				}
			}
			posterior[i][k] = p / total
		}
	}
	return fit, posterior
}

// rate fills in how good the annotators and their labels are.
func (c crowd) rate(fit *Crowdlab, posterior [][]float64) {
	fit.Labels = make([][]float64, len(c.items))
	for i := range fit.Labels {
		fit.Labels[i] = slices.Repeat([]float64{math.NaN()}, len(c.annotators))
	}
	share := c.depth() / float64(len(c.annotators))
	model := fit.ModelWeight / (fit.ModelWeight + sum(fit.AnnotatorWeight)*share)
	for w, list := range c.annotators {
		quality := 0.0
		var several []Annotation
		for _, n := range list {
			fit.Labels[n.Item][w] = posterior[n.Item][n.Class]
			quality += fit.Labels[n.Item][w] / float64(len(list))
			if len(c.items[n.Item]) > 1 {
				several = append(several, n)
			}
		}
		agrees := func(n Annotation) bool { return n.Class == fit.Consensus[n.Item] }
		fit.Annotators = append(fit.Annotators, AnnotatorQuality{
			Quality:    model*quality + (1-model)*agreement(several, agrees),
			Agreement:  agreement(list, agrees),
			WorstClass: c.worstClass(list, *fit),
			Labels:     len(list),
		})
	}
}

// worstClass is the class of the annotator's labels that agree least with the consensus: of equals the one with more of
// them, then the one with the better consensus.
func (c crowd) worstClass(list []Annotation, fit Crowdlab) int {
	labels, agreed, quality := make([]float64, c.classes), make([]float64, c.classes), make([]float64, c.classes)
	for _, n := range list {
		labels[n.Class]++
		quality[n.Class] += fit.Quality[n.Item]
		if n.Class == fit.Consensus[n.Item] {
			agreed[n.Class]++
		}
	}
	var given []int
	for k := range c.classes {
		if labels[k] > 0 {
			given = append(given, k)
		}
	}
	return slices.MinFunc(given, func(a, b int) int {
		return cmp.Or(
			cmp.Compare(agreed[a]/labels[a], agreed[b]/labels[b]),
			cmp.Compare(labels[b], labels[a]),
			cmp.Compare(quality[b]/labels[b], quality[a]/labels[a]),
		)
	})
}
