package inference

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/labelloop/labelloop/internal/label"
)

// Class is a label that is described in words: its name and any further texts (descriptions, synonyms).
type Class struct {
	Name  string
	Texts []string // further texts, may be empty
}

// Embedder is a task that gives one vector for an item: *Embedding or *ImageEmbedding.
type Embedder interface {
	Task
	Vector(vectors [][]float32) []float32
	explanation(vectors [][]float32) label.Scores
}

// Similarity labels texts or pictures with any words by a model that embeds both alike: the label whose embedding is
// nearest by cosine. Single label, its confidence is a softmax over cosine x scale, as CLIP has it; multi-label, a sigmoid
// of cosine x scale + bias, as SigLIP has it. Neither is a calibrated probability.
type Similarity struct {
	Query    Embedder // gives vectors of length 1
	Labels   []string
	Centers  [][]float32 // one vector of length 1 per label
	Scale    float64
	Bias     float64
	Decision Decision
}

// Cache keeps the embeddings of texts from one run to the next.
type Cache interface {
	Get(text string) ([]float32, bool)
	Put(texts []string, vectors [][]float32) error
}

// Centers embeds classes by the text encoder e. Every text of a class is put into every template, embedded and
// normalised; the class's center is their mean, normalised again (the ensembling of CLIP, Radford et al. 2021, section
// 3.1.4). Underscores in names are read as spaces. Templates hold "{}"; cache may be nil.
func Centers(ctx context.Context, s Session, e *Embedding, classes []Class, templates []string, cache Cache) ([][]float32, error) {
	var prompts []string
	ends := make([]int, len(classes)) // where each class's prompts end
	for i, c := range classes {
		for _, text := range append([]string{strings.ReplaceAll(c.Name, "_", " ")}, c.Texts...) {
			for _, template := range templates {
				prompts = append(prompts, Hypothesis(template, text))
			}
		}
		ends[i] = len(prompts)
	}
	vectors, err := embedTexts(ctx, s, e, prompts, cache)
	if err != nil {
		return nil, fmt.Errorf("embed the labels: %w", err)
	}
	centers := make([][]float32, len(classes))
	from := 0
	for i, to := range ends {
		centers[i] = make([]float32, len(vectors[0]))
		for _, v := range vectors[from:to] {
			for j, x := range v {
				centers[i][j] += x
			}
		}
		Normalize(centers[i])
		from = to
	}
	return centers, nil
}

// embedTexts gives normalised embeddings, out of the cache where it has them.
func embedTexts(ctx context.Context, s Session, e *Embedding, texts []string, cache Cache) ([][]float32, error) {
	unit := *e
	unit.Normalize = true
	vectors := make([][]float32, len(texts))
	var fresh []string
	var items []label.Item
	var at []int
	for i, text := range texts {
		if cache != nil {
			if v, ok := cache.Get(text); ok {
				vectors[i] = v
				continue
			}
		}
		fresh, items, at = append(fresh, text), append(items, label.Item{Text: text}), append(at, i)
	}
	made := make([][]float32, len(fresh))
	// Each is run alone: in a batch the last bits would depend on its neighbours, and so, by way of the cache, on what
	// was asked for before.
	running, ctx := errgroup.WithContext(ctx)
	running.SetLimit(runtime.GOMAXPROCS(0))
	for i := range items {
		running.Go(func() error {
			r := Label(ctx, s, &unit, items[i:i+1], 1)[0]
			if r.Err != nil {
				return fmt.Errorf("%q: %w", fresh[i], r.Err)
			}
			made[i] = r.Prediction.Embedding
			return nil
		})
	}
	if err := running.Wait(); err != nil {
		return nil, err
	}
	for i, v := range made {
		vectors[at[i]] = v
	}
	if cache != nil && len(made) > 0 {
		if err := cache.Put(fresh, made); err != nil {
			return nil, err
		}
	}
	return vectors, nil
}

// Encode gives the rows of the query.
func (t *Similarity) Encode(ctx context.Context, items []label.Item) []Encoded {
	return t.Query.Encode(ctx, items)
}

// Run returns each row's embedding.
func (t *Similarity) Run(ctx context.Context, s Session, rows []Row) ([][]float32, error) {
	return t.Query.Run(ctx, s, rows)
}

// Logits gives cosine x scale + bias for each label.
func (t *Similarity) Logits(vectors [][]float32) ([]float32, error) {
	v := t.Query.Vector(vectors)
	logits := make([]float32, len(t.Centers))
	for i, center := range t.Centers {
		if len(center) != len(v) {
			return nil, fmt.Errorf("labels are embedded as %d numbers, and what is labelled as %d: export both sides with their projection: %w",
				len(center), len(v), label.ErrBadModel)
		}
		logits[i] = float32(dot(center, v)*t.Scale + t.Bias)
	}
	return logits, nil
}

// Decode compares the item's embedding with every label's.
func (t *Similarity) Decode(_ []Row, vectors [][]float32) (label.Prediction, error) {
	logits, err := t.Logits(vectors)
	if err != nil {
		return label.Prediction{}, err
	}
	probability := softmax
	if t.Decision.MultiLabel {
		probability = sigmoid
	}
	p := t.Decision.predict(t.Labels, probability(logits, 1))
	p.Explanation = t.Query.explanation(vectors)
	return p, nil
}

func dot(a, b []float32) float64 {
	sum := 0.0
	for i, x := range a {
		sum += float64(x) * float64(b[i])
	}
	return sum
}
