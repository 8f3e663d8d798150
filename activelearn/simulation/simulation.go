// Package simulation replays active learning on data whose labels are known: strategies ask, the known labels answer, and
// a linear head over embeddings is fitted anew each round and tried on held-out items.
package simulation

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/labelloop/labelloop/activelearn"
)

// Data is a pool to ask about, and held-out items to try the head on.
type Data struct {
	Pool, Test             activelearn.Matrix // embeddings
	PoolLabels, TestLabels [][]int            // classes of each item; single label: exactly one
	Classes                int
	Multi                  bool // multi-label
}

// Contender is a strategy under the name that its curve will bear.
type Contender struct {
	Name     string
	Strategy activelearn.Strategy
}

// Options of a simulation. The zero values of Start, C and Progress are usable.
type Options struct {
	Contenders []Contender
	Rounds     int                  // fits of each run, one after each batch
	Batch      int                  // items asked for in a round
	Seeds      int                  // runs of each contender, which differ in what is drawn at random
	Start      activelearn.Strategy // picks the first batch, the same one for all contenders of a seed; nil: TypiClust
	C          float64              // of the head's regression; 0: 30, for embeddings of length 1
	Committee  int                  // heads fitted to resampled labels, for strategies that ask a committee
	Progress   func(done, all int)  // is called after each round of each run, from one goroutine at a time
}

// Run simulates every contender with every seed, on all cores. The same data and options give the same curves, and what a
// contender gets does not depend on the others.
func Run(ctx context.Context, data Data, options Options) (Curves, error) {
	if options.Start == nil {
		options.Start = activelearn.TypiClust{}
	}
	if options.C == 0 {
		options.C = 30
	}
	if err := check(data, options); err != nil {
		return Curves{}, fmt.Errorf("simulate: %w", err)
	}
	curves := newCurves(data, options)
	tell := progress(options)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for seed := range options.Seeds {
		first := sync.OnceValues(func() ([]int, error) {
			pool := activelearn.Pool{Embeddings: data.Pool}
			return options.Start.Select(pool, options.Batch, source(seed, "start"))
		})
		for c, contender := range options.Contenders {
			group.Go(func() error {
				batch, err := first()
				if err != nil {
					return fmt.Errorf("simulate the first batch, seed %d: %w", seed, err)
				}
				r := run{Data: data, Options: options, rng: source(seed, contender.Name), labels: make([][]int, data.Pool.Rows)}
				for round := range options.Rounds {
					if err := ctx.Err(); err != nil {
						return context.Cause(ctx)
					}
					score, next, err := r.round(batch, contender.Strategy, round+1 < options.Rounds)
					if err != nil {
						return fmt.Errorf("simulate %s, seed %d, round %d: %w", contender.Name, seed, round+1, err)
					}
					curves.Curves[c].Points[round].Scores[seed] = score
					batch = next
					tell()
				}
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil {
		return Curves{}, err
	}
	curves.summarise()
	return curves, nil
}

// source is the source of randomness of a run.
func source(seed int, name string) *rand.Rand {
	hash := fnv.New64a()
	hash.Write([]byte(name))
	return rand.New(rand.NewPCG(uint64(seed), hash.Sum64()))
}

// progress counts rounds.
func progress(options Options) func() {
	if options.Progress == nil {
		return func() {}
	}
	var mu sync.Mutex
	done, all := 0, options.Rounds*options.Seeds*len(options.Contenders)
	return func() {
		mu.Lock()
		defer mu.Unlock()
		done++
		options.Progress(done, all)
	}
}

// run is one contender's run with one seed.
type run struct {
	Data
	Options
	rng    *rand.Rand
	labels [][]int // of the items answered so far, nil of others
	asked  []int   // these items, in the order of the answers
	head   *activelearn.Logistic
}

// round takes in the answers to a batch and gives the score of the head fitted to all answers, and the next batch.
func (r *run) round(batch []int, strategy activelearn.Strategy, more bool) (score float64, next []int, err error) {
	for _, item := range batch {
		r.labels[item] = r.PoolLabels[item]
	}
	r.asked = append(r.asked, batch...)
	if r.head, err = r.fit(r.asked, r.head); err != nil {
		return 0, nil, err
	}
	score = r.score(r.head.Probs(r.Test))
	if !more {
		return score, nil, nil
	}
	pool := activelearn.Pool{Probs: r.head.Probs(r.Pool), Embeddings: r.Pool, Labels: r.labels}
	for range r.Committee {
		resampled := make([]int, len(r.asked))
		for i := range resampled {
			resampled[i] = r.asked[r.rng.IntN(len(r.asked))]
		}
		member, err := r.fit(resampled, r.head)
		if err != nil {
			return 0, nil, err
		}
		pool.Committee = append(pool.Committee, member.Probs(r.Pool))
	}
	next, err = strategy.Select(pool, r.Batch, r.rng)
	return score, next, err
}

// fit fits a head to the known labels of the items.
func (r *run) fit(items []int, start *activelearn.Logistic) (*activelearn.Logistic, error) {
	x := r.Pool.Gather(items)
	if r.Multi {
		y := make([][]int, len(items))
		for i, item := range items {
			y[i] = r.PoolLabels[item]
		}
		return activelearn.FitLogisticMulti(x, y, r.Classes, r.C, start)
	}
	y := make([]int, len(items))
	for i, item := range items {
		y[i] = r.PoolLabels[item][0]
	}
	return activelearn.FitLogistic(x, y, r.Classes, r.C, start)
}

// score is the accuracy, or the micro-averaged F1 of multi-label data, of probabilities of the held-out items.
func (r *run) score(probs activelearn.Matrix) float64 {
	right, predicted, known := 0, 0, 0
	for i, classes := range r.TestLabels {
		row := probs.Row(i)
		known += len(classes)
		if !r.Multi {
			predicted++
			if row[classes[0]] == slices.Max(row) {
				right++
			}
			continue
		}
		for class, p := range row {
			if p < 0.5 {
				continue
			}
			predicted++
			if slices.Contains(classes, class) {
				right++
			}
		}
	}
	if predicted+known == 0 {
		return 1 // nothing to find, and nothing found
	}
	return 2 * float64(right) / float64(predicted+known)
}

func check(data Data, options Options) error {
	for _, part := range []struct {
		name   string
		points activelearn.Matrix
		labels [][]int
	}{{"pool", data.Pool, data.PoolLabels}, {"test set", data.Test, data.TestLabels}} {
		if err := part.points.Check(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		if part.points.Rows == 0 || part.points.Rows != len(part.labels) {
			return fmt.Errorf("%s has %d embeddings and %d labels: give as many, at least one", part.name, part.points.Rows, len(part.labels))
		}
		for i, classes := range part.labels {
			if !data.Multi && len(classes) != 1 {
				return fmt.Errorf("%s: item %d has %d labels, single-label data have one", part.name, i, len(classes))
			}
			for _, class := range classes {
				if class < 0 || class >= data.Classes {
					return fmt.Errorf("%s: item %d has class %d of %d", part.name, i, class, data.Classes)
				}
			}
		}
	}
	if data.Pool.Cols != data.Test.Cols {
		return fmt.Errorf("embeddings have %d dimensions in the pool and %d in the test set", data.Pool.Cols, data.Test.Cols)
	}
	if len(options.Contenders) == 0 {
		return errors.New("no strategies: name at least one")
	}
	if options.Rounds < 1 || options.Batch < 1 || options.Seeds < 1 {
		return fmt.Errorf("%d rounds of %d labels with %d seeds: give at least one of each", options.Rounds, options.Batch, options.Seeds)
	}
	if asked := options.Rounds * options.Batch; asked > data.Pool.Rows {
		return fmt.Errorf("%d rounds of %d labels ask for more than the pool's %d items", options.Rounds, options.Batch, data.Pool.Rows)
	}
	return nil
}
