package quality

import (
	"fmt"
	"slices"

	"github.com/labelloop/labelloop/activelearn"
)

// MultilabelIssues tells which items are likely to have a wrong class, or to lack one. labels[i] are the classes of item
// i, row i of probs (items x classes) its out-of-sample sigmoids. An item has an issue where MultilabelClassIssues finds
// one in any class, but the Low filters take as many items as ConfidentLearning, those with the lowest aggregate of
// SelfConfidence. The same items as cleanlab's multilabel_classification.filter.find_label_issues marks.
func MultilabelIssues(labels [][]int, probs activelearn.Matrix, filter Filter) ([]bool, error) {
	low := filter == LowNormalizedMargin || filter == LowSelfConfidence
	if low {
		filter = ConfidentLearning
	}
	perClass, err := MultilabelClassIssues(labels, probs, filter)
	if err != nil {
		return nil, err
	}
	issue := make([]bool, len(labels))
	for i, row := range perClass {
		issue[i] = slices.Contains(row, true)
	}
	if !low {
		return issue, nil
	}
	scores, err := MultilabelScores(labels, probs, SelfConfidence)
	if err != nil {
		return nil, err
	}
	return lowest(Aggregate(scores), issue), nil
}

// MultilabelClassIssues tells which classes are likely wrong for which items: items x classes, true where a class is
// given but should not be, or the reverse. labels and probs are those of MultilabelIssues. Each class is judged by
// itself, as a label of two classes (cleanlab's multilabel_classification.filter.find_multilabel_issues_per_class).
func MultilabelClassIssues(labels [][]int, probs activelearn.Matrix, filter Filter) ([][]bool, error) {
	has, err := oneHot(labels, probs)
	if err != nil {
		return nil, err
	}
	issues := make([][]bool, len(labels))
	for i := range issues {
		issues[i] = make([]bool, probs.Cols)
	}
	for class := range probs.Cols {
		issue, err := filter.issues(has[class], oneVsRest(probs, class))
		if err != nil {
			return nil, err
		}
		for i, marked := range issue {
			issues[i][class] = marked
		}
	}
	return issues, nil
}

// MultilabelScores scores each class of each item: items x classes, for given classes how likely they are right, for
// others how likely they were left out rightly. labels and probs are those of MultilabelIssues.
func MultilabelScores(labels [][]int, probs activelearn.Matrix, score Score) ([][]float64, error) {
	has, err := oneHot(labels, probs)
	if err != nil {
		return nil, err
	}
	scores := make([][]float64, len(labels))
	for i := range scores {
		scores[i] = make([]float64, probs.Cols)
	}
	for class := range probs.Cols {
		ofClass, err := score.of(has[class], oneVsRest(probs, class))
		if err != nil {
			return nil, err
		}
		for i, s := range ofClass {
			scores[i][class] = s
		}
	}
	return scores, nil
}

// Aggregate makes one score of the scores of an item's classes: their exponential moving average from the highest to the
// lowest, with a weight of 0.8 for the next, so that the lowest rule (Thyagarajan et al. 2022, "Identifying incorrect
// annotations in multi-label classification data"). scores is items x classes, as MultilabelScores gives it.
func Aggregate(scores [][]float64) []float64 {
	const alpha = 0.8
	aggregated := make([]float64, len(scores))
	for i, row := range scores {
		falling := slices.Clone(row)
		slices.Sort(falling)
		slices.Reverse(falling)
		average := falling[0]
		for _, s := range falling[1:] {
			average = alpha*s + (1-alpha)*average
		}
		aggregated[i] = average
	}
	return aggregated
}

// oneHot gives for each class and item 1 where the item bears the class, 0 where not.
func oneHot(labels [][]int, probs activelearn.Matrix) ([][]int, error) {
	if err := checkProbs(probs, len(labels)); err != nil {
		return nil, err
	}
	has := make([][]int, probs.Cols)
	for class := range has {
		has[class] = make([]int, len(labels))
	}
	for i, classes := range labels {
		for _, class := range classes {
			if class < 0 || class >= probs.Cols {
				return nil, fmt.Errorf("label of item %d is class %d of %d", i, class, probs.Cols)
			}
			has[class][i] = 1
		}
	}
	return has, nil
}

// oneVsRest gives the probabilities of not bearing a class, and of bearing it.
func oneVsRest(m activelearn.Matrix, class int) table {
	return table{m.Rows, 2, func(i int, row []float64) {
		p := float64(m.Row(i)[class])
		row[0], row[1] = 1-p, p
	}}
}
