package inference

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/tokenize"
)

// fake is a graph that answers with what a test wants.
type fake struct {
	inputs []string
	run    func(in map[string]Tensor) (map[string]Tensor, error)
}

func (f *fake) Signature() (inputs, outputs []Port) {
	for _, name := range f.inputs {
		inputs = append(inputs, Port{Name: name})
	}
	return inputs, nil
}

func (f *fake) Run(_ context.Context, in map[string]Tensor) (map[string]Tensor, error) {
	return f.run(in)
}

func encoder(t *testing.T, long Long, length int) TextEncoder {
	t.Helper()
	tokenizer, err := tokenize.Load(filepath.Join("..", "testdata", "tokenizers", "roberta.json"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tokenizer.Close() })
	return TextEncoder{Tokenizer: tokenizer, MaxLength: length, Long: long, Stride: 2}
}

func TestRowsArePaddedOnTheRight(t *testing.T) {
	e := encoder(t, LongTruncate, 16)
	var rows []Row
	for _, enc := range e.encode(t.Context(), []label.Item{{Text: "a"}, {Text: "the film was good"}}) {
		rows = append(rows, enc.Rows...)
	}
	width := rows[1].Size()
	session := &fake{inputs: []string{"input_ids", "attention_mask"}, run: func(in map[string]Tensor) (map[string]Tensor, error) {
		if len(in) != 2 {
			t.Errorf("graph of two inputs is fed %d", len(in))
		}
		ids, mask := in["input_ids"], in["attention_mask"]
		if !slices.Equal(ids.Shape, []int64{2, int64(width)}) {
			t.Errorf("shape is %v", ids.Shape)
		}
		for i := rows[0].Size(); i < width; i++ {
			if ids.Int64[i] != e.Tokenizer.PadID() || mask.Int64[i] != 0 {
				t.Errorf("padding at %d is %d with mask %d", i, ids.Int64[i], mask.Int64[i])
			}
		}
		if !slices.Equal(ids.Int64[width:], rows[1].Tokens.IDs) {
			t.Errorf("second row is %v, want %v", ids.Int64[width:], rows[1].Tokens.IDs)
		}
		return nil, nil
	}}
	if _, err := e.run(t.Context(), session, rows); err != nil {
		t.Fatal(err)
	}
}

func TestGraphsOfAnotherKindAreRefused(t *testing.T) {
	e := encoder(t, LongTruncate, 16)
	item := []label.Item{{Text: "a"}}
	answer := func(name string, shape ...int64) *fake {
		n := int64(1)
		for _, d := range shape {
			n *= d
		}
		return &fake{inputs: []string{"input_ids"}, run: func(map[string]Tensor) (map[string]Tensor, error) {
			return map[string]Tensor{name: {Shape: shape, Float32: make([]float32, n)}}, nil
		}}
	}
	classify := &Classification{Input: &e, Labels: []string{"a", "b"}, Temperature: 1}
	embed := &Embedding{Text: e, Pooling: PoolMean}
	for says, c := range map[string]struct {
		task    Task
		session *fake
	}{
		"pixel_values":            {classify, &fake{inputs: []string{"pixel_values"}}},
		"no output named logits":  {classify, answer("last_hidden_state", 1, 3, 4)},
		"3 logits for a label":    {classify, answer("logits", 1, 3)},
		"has shape [2 2]":         {classify, answer("logits", 2, 2)},
		"no output named last_":   {embed, answer("logits", 1, 2)},
		"want float32 [1, tokens": {embed, answer("last_hidden_state", 1, 2)},
	} {
		r := Label(t.Context(), c.session, c.task, item, 100)[0]
		if r.Err == nil || !strings.Contains(r.Err.Error(), says) {
			t.Errorf("error is %v, want %q", r.Err, says)
		}
	}
}

func TestPooling(t *testing.T) {
	hidden := []float32{1, 8, 3, -4, 100, 100} // three tokens of two numbers, the third is padding
	for pooling, want := range map[Pooling][]float32{
		PoolMean: {2, 2}, PoolMeanSqrt: {2.828427, 2.828427}, PoolMax: {3, 8}, PoolCLS: {1, 8}, PoolLast: {3, -4},
	} {
		e := Embedding{Pooling: pooling}
		if got, err := e.pool(hidden, []int64{1, 1, 0}, 2); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v, want %v", pooling, got, err, want)
		}
	}
	e := Embedding{Pooling: "median"}
	if _, err := e.pool(hidden, []int64{1, 1, 0}, 2); !errors.Is(err, label.ErrBadModel) {
		t.Errorf("unknown pooling: %v", err)
	}
}

func TestWindowsAreMerged(t *testing.T) {
	windows := [][]float32{{1, 5}, {3, 1}}
	for long, want := range map[Long][]float32{LongWindowMean: {2, 3}, LongWindowMax: {3, 5}} {
		e := TextEncoder{Long: long}
		if got := e.merge(windows); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", long, got, want)
		}
	}
	if windows[0][0] != 1 {
		t.Error("merging changes its input")
	}
}

func TestOneBadItemLeavesTheOthers(t *testing.T) {
	e := encoder(t, LongTruncate, 16)
	task := &Classification{Input: &e, Labels: []string{"a", "b"}, Temperature: 1}
	boom := errors.New("boom")
	session := &fake{inputs: []string{"input_ids"}, run: func(in map[string]Tensor) (map[string]Tensor, error) {
		if in["input_ids"].Shape[1] > 8 {
			return nil, boom
		}
		n := in["input_ids"].Shape[0]
		return map[string]Tensor{"logits": {Shape: []int64{n, 2}, Float32: make([]float32, 2*n)}}, nil
	}}
	results := Label(t.Context(), session, task, []label.Item{{Text: "a"}, {Text: "this one is far too long for it, it is"}, {Text: "b"}}, 12)
	if results[0].Err != nil || !errors.Is(results[1].Err, boom) || results[2].Err != nil {
		t.Errorf("errors are %v, %v, %v", results[0].Err, results[1].Err, results[2].Err)
	}
}
