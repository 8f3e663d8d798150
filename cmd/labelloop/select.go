package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/activelearn"
	"github.com/labelloop/labelloop/activelearn/acceptance"
	"github.com/labelloop/labelloop/activelearn/quality"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// auditOnly is the name of the selection that draws the random sample alone.
const auditOnly = "audit"

// selectFlags are the flags of the verb select.
type selectFlags struct {
	projectFlags
	model, encoder string
	strategy       string
	n, people      int
	control        float64
	seed           uint64
	withdraw       bool
}

func selectCommand() *cobra.Command {
	f := &selectFlags{}
	c := &cobra.Command{
		Use:   "select -n N",
		Short: "Fill the review queue with the items that a person should see",
		Long: `Fill the review queue. A tenth of the items (--control) is drawn at random from the whole pool: by these the model is judged, and
what can be accepted unseen. With --strategy audit all of them are. The others are chosen by the query strategy: hybrid takes items that
the model is not sure of and that stand for many others, and labelled ones whose label is in doubt.`,
		Example: `  labelloop select --project tickets -n 100
  labelloop select --project tickets -n 500 --strategy audit
  labelloop select --project tickets -n 100 --strategy class-balancer:breaking-ties --control 0.2`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.with(c.Context(), func(s *sqlite.Store) error { return f.run(c.Context(), s, c.OutOrStdout(), c.ErrOrStderr()) })
		},
	}
	f.bind(c)
	flags := c.Flags()
	flags.StringVarP(&f.model, "model", "m", "", "model whose predictions are meant (default: the one that predicted last)")
	flags.StringVar(&f.encoder, "encoder", "", "encoder whose embeddings are meant, NAME@VERSION (default: the one that embedded most)")
	flags.StringVar(&f.strategy, "strategy", "hybrid", "query strategy, or audit: "+strings.Join(activelearn.Names(), ", "))
	flags.IntVarP(&f.n, "n", "n", 100, "items")
	flags.IntVar(&f.people, "people", 1, "people who shall label each item")
	flags.Float64Var(&f.control, "control", 0.1, "share of the items that is drawn at random")
	flags.Uint64Var(&f.seed, "seed", 1, "start of what is drawn at random; the round's number is added")
	flags.BoolVar(&f.withdraw, "withdraw", false, "first take what nobody has before them out of the queue")
	return c
}

// selection is one filling of the queue.
type selection struct {
	*selectFlags
	store   *sqlite.Store
	audit   *audit // nil where no model has said anything
	held    holdout
	encoder label.Encoder
	taken   map[int64]bool // in the queue, or chosen
	pending []int64        // held-out items that wait for an answer, in the random order
	rng     *rand.Rand
	entries []label.Entry
}

func (f *selectFlags) run(ctx context.Context, s *sqlite.Store, stdout, stderr io.Writer) error {
	if f.n < 1 || f.people < 1 || f.control < 0 || f.control > 1 {
		return label.Errorf(label.ErrUsage, "select: want -n and --people of 1 or more, and --control from 0 to 1")
	}
	if f.withdraw {
		n, err := s.Withdraw(ctx, 0)
		if err != nil {
			return err
		}
		fmt.Fprintf(stderr, "%s items were taken out of the queue\n", thousands(n))
	}
	sel, err := f.begin(ctx, s)
	if err != nil {
		return err
	}
	if err := sel.random(ctx, stderr); err != nil {
		return err
	}
	if f.strategy != auditOnly {
		if err := sel.wanted(ctx); err != nil {
			return err
		}
	}
	round, added, err := sel.enqueue(ctx)
	if err != nil {
		return err
	}
	reasons := map[label.Reason]int{}
	for _, e := range sel.entries {
		reasons[e.Reason]++
	}
	if f.json {
		return json.NewEncoder(stdout).Encode(map[string]any{"round": round.ID, "strategy": round.Strategy, "added": added, "reasons": reasons})
	}
	var parts []string
	for _, r := range []label.Reason{label.Uncertain, label.Cold, label.Relabel, label.Control, label.ForAudit} {
		if reasons[r] > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", thousands(reasons[r]), r))
		}
	}
	fmt.Fprintf(stderr, "round %d by %s: %s items in the queue: %s\n", round.ID, round.Strategy, thousands(added), strings.Join(parts, ", "))
	if added < f.n {
		fmt.Fprintln(stderr, sel.shortage())
	}
	return nil
}

// shortage says why there were too few items.
func (s *selection) shortage() string {
	left := slices.DeleteFunc(s.pending, func(item int64) bool { return s.taken[item] })
	switch {
	case s.strategy == auditOnly:
		return "the pool has no more items for audits; other strategies choose among those that are not held out"
	case len(left) > 0:
		return fmt.Sprintf("the pool has no more items than these to choose from; %s that are left are held out to judge models by: "+
			"labelloop select --strategy audit", thousands(len(left)))
	}
	return "the pool has no more items than these to offer"
}

// begin reads what the selection goes by.
func (f *selectFlags) begin(ctx context.Context, s *sqlite.Store) (*selection, error) {
	rounds, err := s.Rounds(ctx)
	if err != nil {
		return nil, err
	}
	sel := &selection{selectFlags: f, store: s, taken: map[int64]bool{}, rng: rand.New(rand.NewPCG(f.seed, uint64(len(rounds)+1)))}
	queued, err := s.Queued(ctx)
	if err != nil {
		return nil, err
	}
	for _, item := range queued {
		sel.taken[item] = true
	}
	if sel.held, err = heldOut(ctx, s); err != nil {
		return nil, err
	}
	m, err := currentModel(ctx, s, f.model)
	switch {
	case err == nil:
		if sel.audit, err = openPool(ctx, s, m); err != nil {
			return nil, err
		}
	case f.model != "" || !errNoModel(err):
		return nil, err
	}
	counts, err := s.Counts(ctx)
	if err != nil {
		return nil, err
	}
	most, known := 0, make([]string, len(counts.Encoders))
	for i, e := range counts.Encoders {
		known[i] = e.Encoder.Name
		if f.encoder == "" && e.Embeddings > most || f.encoder == e.Encoder.Name {
			sel.encoder, most = e.Encoder, e.Embeddings
		}
	}
	if f.encoder != "" && sel.encoder.ID == 0 {
		return nil, label.Errorf(label.ErrNotFound, "project %s has embeddings by %q, none by %q; make them with `labelloop predict --task feature-extraction`", s.Dir(), known, f.encoder)
	}
	return sel, nil
}

// add puts an item into the selection, unless it is there.
func (s *selection) add(item int64, reason label.Reason, score float64) bool {
	if s.taken[item] {
		return false
	}
	s.taken[item] = true
	s.entries = append(s.entries, label.Entry{Item: item, Reason: reason, Score: score, People: s.people})
	return true
}

// random takes the next items of the random sample. It tells where there were too few: they come from the held-out part of
// the pool alone.
func (s *selection) random(ctx context.Context, stderr io.Writer) error {
	reason, want := label.Control, int(math.Ceil(s.control*float64(s.n)))
	if s.strategy == auditOnly {
		reason, want = label.ForAudit, s.n
	}
	if s.audit != nil {
		s.pending = s.audit.pending
	} else {
		fresh, err := s.store.Numbers(ctx, label.Pool, label.Unlabelled)
		if err != nil {
			return err
		}
		s.pending = s.held.next(fresh)
	}
	for _, item := range s.pending {
		if len(s.entries) == want {
			break
		}
		s.add(item, reason, math.NaN())
	}
	if len(s.entries) < want {
		fmt.Fprintf(stderr, "the random sample is used up: all of the items that are held out for it (%.0f %% of the pool) are answered or in the queue\n",
			100*s.held.share)
	}
	return nil
}

// wanted takes what the query strategy chooses.
func (s *selection) wanted(ctx context.Context) error {
	left := s.n - len(s.entries)
	if left <= 0 {
		return nil
	}
	strategy, err := activelearn.Named(s.strategy)
	if err != nil {
		return label.Errorf(label.ErrUsage, "--strategy: %w", err)
	}
	if hybrid, ok := strategy.(activelearn.Hybrid); ok {
		return s.hybrid(ctx, hybrid, left)
	}
	items, pool, err := s.pool(ctx)
	if err != nil {
		return err
	}
	picked, err := strategy.Select(pool, left, s.rng)
	if err != nil {
		return fmt.Errorf("select by %s: %w", s.strategy, err)
	}
	for _, i := range picked {
		s.add(items[i], label.Uncertain, s.confidence(items[i]))
	}
	return nil
}

// hybrid chooses by the default strategy, which asks for the embeddings of a few thousand items only.
func (s *selection) hybrid(ctx context.Context, strategy activelearn.Hybrid, n int) error {
	if s.encoder.ID == 0 {
		return s.noEmbeddings()
	}
	items, pool, err := s.judged(ctx)
	if err != nil {
		return err
	}
	hybrid := activelearn.HybridPool{Pool: pool, Embed: func(rows []int) (activelearn.Matrix, error) {
		wanted := make([]int64, len(rows))
		for i, row := range rows {
			wanted[i] = items[row]
		}
		vectors, err := s.store.Embeddings(ctx, s.encoder, wanted)
		return activelearn.Matrix{Rows: len(rows), Cols: s.encoder.Dims, Data: vectors}, err
	}}
	if hybrid.Scores, err = s.scores(ctx, items, pool); err != nil {
		return err
	}
	strategy.Control, strategy.Multi = -1, s.store.Project().MultiLabel // the random items are there already
	picks, err := strategy.Pick(hybrid, n, s.rng)
	if err != nil {
		return fmt.Errorf("select: %w", err)
	}
	reasons := map[activelearn.Reason]label.Reason{
		activelearn.Uncertain: label.Uncertain, activelearn.Cold: label.Cold, activelearn.Relabelling: label.Relabel}
	for _, p := range picks {
		s.add(items[p.Item], reasons[p.Reason], s.confidence(items[p.Item]))
	}
	return nil
}

// confidence is that of the model in its label of an item, NaN where there is no model.
func (s *selection) confidence(item int64) float64 {
	if s.audit == nil {
		return math.NaN()
	}
	_, c, _ := s.audit.decide(item)
	return c
}

// scores tells how little another label of each item would teach (ActiveLab); nil where nobody has labelled yet.
func (s *selection) scores(ctx context.Context, items []int64, pool activelearn.Pool) ([]float64, error) {
	if s.audit == nil || s.store.Project().MultiLabel {
		return nil, nil
	}
	people, err := readCrowd(ctx, s.store)
	if err != nil {
		return nil, err
	}
	given, labelled := people.annotations(s.audit)
	if len(labelled) == 0 {
		return nil, nil
	}
	// Of the labelled items among them another score counts; to leave them out would copy what the model says of a million.
	again, scores, err := quality.ActiveLab(given, s.audit.rows(labelled), pool.Probs)
	if err != nil {
		return nil, err
	}
	for i, known := range pool.Labels {
		if known != nil {
			scores[i] = math.Inf(1)
		}
	}
	for i, item := range labelled {
		if row, ok := slices.BinarySearch(items, item); ok && !s.taken[item] {
			scores[row] = again[i]
		}
	}
	return scores, nil
}

// enqueue puts the selection into the queue, the random items spread among the others, and keeps how the model does now.
func (s *selection) enqueue(ctx context.Context) (label.Round, int, error) {
	round := label.Round{Strategy: s.strategy, N: s.n, Seed: s.seed}
	var err error
	round.Parameters, err = json.Marshal(map[string]any{"control": s.control, "people": s.people, "encoder": s.encoder.Name})
	if err != nil {
		return round, 0, err
	}
	if s.audit != nil {
		round.Model = s.audit.model.ID
		right, of := s.audit.accuracy()
		round.Metrics, err = json.Marshal(measured{Labels: len(s.audit.truths), Accuracy: acceptance.ClopperPearson(right, of, 0.05), Audited: of})
		if err != nil {
			return round, 0, err
		}
	}
	s.rng.Shuffle(len(s.entries), func(i, j int) { s.entries[i], s.entries[j] = s.entries[j], s.entries[i] })
	return s.store.Enqueue(ctx, round, s.entries)
}

// measured is how a model did when a round began.
type measured struct {
	Labels   int                 `json:"labels"`
	Accuracy acceptance.Interval `json:"accuracy"`
	Audited  int                 `json:"audited"`
}
