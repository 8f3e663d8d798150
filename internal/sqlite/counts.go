package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/labelloop/labelloop/internal/label"
)

// Counts says where the project stands, at one moment. It reads indexes alone.
func (s *Store) Counts(ctx context.Context) (label.Counts, error) {
	c := label.Counts{Splits: map[label.Split]map[label.State]int{}, Queue: map[label.Reason]int{}}
	err := s.read(ctx, "count in", func(tx *sql.Tx) error {
		for _, part := range []func(context.Context, *sql.Tx, *label.Counts) error{
			countItems, countLabels, countQueue, countAnnotators, countModels,
		} {
			if err := part(ctx, tx, &c); err != nil {
				return err
			}
		}
		return nil
	})
	return c, err
}

func countItems(ctx context.Context, tx *sql.Tx, c *label.Counts) error {
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var split label.Split
		var state label.State
		var n int
		if err := rows.Scan(&split, &state, &n); err != nil {
			return err
		}
		if c.Splits[split] == nil {
			c.Splits[split] = map[label.State]int{}
		}
		c.Splits[split][state] = n
		return nil
	}, "SELECT split, state, count(*) FROM items GROUP BY split, state")
	if err != nil {
		return err
	}
	return tx.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM copies), (SELECT count(*) FROM rounds)").Scan(&c.Duplicates, &c.Rounds)
}

func countLabels(ctx context.Context, tx *sql.Tx, c *label.Counts) error {
	return each(ctx, tx, func(rows *sql.Rows) error {
		var n label.LabelCount
		err := rows.Scan(&n.Label.ID, &n.Label.Name, &n.Items)
		c.Labels = append(c.Labels, n)
		return err
	}, `SELECT label_id, name, (SELECT count(*) FROM item_labels i WHERE i.label_id = n.label_id)
		FROM label_names n WHERE until IS NULL ORDER BY label_id`)
}

func countQueue(ctx context.Context, tx *sql.Tx, c *label.Counts) error {
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var reason label.Reason
		var n int
		err := rows.Scan(&reason, &n)
		c.Queue[reason] = n
		return err
	}, "SELECT reason, count(*) FROM queue WHERE state = 'open' GROUP BY reason")
	if err != nil {
		return err
	}
	return tx.QueryRowContext(ctx, `SELECT count(DISTINCT a.entry_id) FROM assignments a JOIN queue q ON q.id = a.entry_id
		WHERE a.annotation_id IS NULL AND a.expires > ? AND q.state = 'open'`, now()).Scan(&c.Leased)
}

func countAnnotators(ctx context.Context, tx *sql.Tx, c *label.Counts) error {
	return each(ctx, tx, func(rows *sql.Rows) error {
		var name string
		var verdict label.Verdict
		var n int
		var took int64
		if err := rows.Scan(&name, &verdict, &n, &took); err != nil {
			return err
		}
		if k := len(c.Annotators); k == 0 || c.Annotators[k-1].Name != name {
			c.Annotators = append(c.Annotators, label.AnnotatorCount{Name: name, Verdicts: map[label.Verdict]int{}})
		}
		last := &c.Annotators[len(c.Annotators)-1]
		last.Verdicts[verdict] = n
		last.Took += time.Duration(took) * time.Millisecond
		return nil
	}, `SELECT n.name, verdict, count, took
		FROM (SELECT annotator_id, verdict, count(*) AS count, sum(took) AS took FROM annotations GROUP BY annotator_id, verdict)
		JOIN annotators n ON n.id = annotator_id ORDER BY n.name, verdict`)
}

func countModels(ctx context.Context, tx *sql.Tx, c *label.Counts) error {
	models, err := modelsWhere(ctx, tx, "true")
	if err != nil {
		return err
	}
	for _, m := range models {
		n := label.ModelCount{Model: m}
		err := tx.QueryRowContext(ctx, "SELECT count(position), count(*) - count(position) FROM predictions WHERE model_id = ?", m.ID).
			Scan(&n.Predictions, &n.Errors)
		if err != nil {
			return err
		}
		c.Models = append(c.Models, n)
	}
	return each(ctx, tx, func(rows *sql.Rows) error {
		var n label.EncoderCount
		err := rows.Scan(&n.Encoder.ID, &n.Encoder.Name, &n.Encoder.Dims, &n.Embeddings)
		c.Encoders = append(c.Encoders, n)
		return err
	}, `SELECT id, name, dims, (SELECT count(*) FROM embeddings e WHERE e.encoder_id = encoders.id) FROM encoders ORDER BY id`)
}
