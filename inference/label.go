package inference

import (
	"context"

	"github.com/labelloop/labelloop/internal/label"
)

// Label runs a task over a handful of items, one batch after the other, and returns one result per item in order. It
// is for callers that hold their items in memory; a stream of them goes through internal/pipeline.
func Label(ctx context.Context, s Session, t Task, items []label.Item, budget int) []label.Result {
	results := make([]label.Result, len(items))
	encoded := t.Encode(ctx, items)
	var rows []Row
	var sizes []int
	first := make([]int, len(items))
	for i, enc := range encoded {
		results[i] = label.Result{Item: items[i], Err: enc.Err}
		first[i] = len(rows)
		for _, r := range enc.Rows {
			rows = append(rows, r)
			sizes = append(sizes, r.Size())
		}
	}
	vectors := make([][]float32, len(rows))
	errs := make([]error, len(rows))
	for _, batch := range Plan(sizes, budget) {
		in := make([]Row, len(batch))
		for i, at := range batch {
			in[i] = rows[at]
		}
		out, err := t.Run(ctx, s, in)
		for i, at := range batch {
			if err != nil {
				errs[at] = err
				continue
			}
			vectors[at] = out[i]
		}
	}
	for i := range results {
		if results[i].Err != nil {
			continue
		}
		from, to := first[i], first[i]+len(encoded[i].Rows)
		for _, err := range errs[from:to] {
			if err != nil {
				results[i].Err = err
			}
		}
		if results[i].Err == nil {
			results[i].Prediction, results[i].Err = t.Decode(rows[from:to], vectors[from:to])
		}
	}
	return results
}
