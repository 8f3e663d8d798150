package main

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/labelloop/labelloop/activelearn"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// nearlySame is the cosine of embeddings from which two items count as the same.
const nearlySame = 0.98

// leak is an item of a training set that is an item of the evaluation set, or nearly the same: what is learned of the one is
// known of the other.
type leak struct{ training, evaluation int64 }

// leaks finds all pairs of a training and an evaluation item that are the same, whose texts differ in case, spaces and
// punctuation alone, or whose embeddings, by the encoder that embedded most items, nearly are. Items without an embedding are
// compared by their texts only.
func leaks(ctx context.Context, s *sqlite.Store, training, evaluation []int64) ([]leak, error) {
	found := map[leak]bool{}
	if err := sameTexts(ctx, s, training, evaluation, found); err != nil {
		return nil, err
	}
	e, err := mostUsedEncoder(ctx, s)
	if err != nil {
		return nil, err
	}
	if e.ID != 0 {
		if err := nearTexts(ctx, s, e, training, evaluation, found); err != nil {
			return nil, err
		}
	}
	list := make([]leak, 0, len(found))
	for l := range found {
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b leak) int {
		return cmp.Or(cmp.Compare(a.training, b.training), cmp.Compare(a.evaluation, b.evaluation))
	})
	return list, nil
}

// mostUsedEncoder is the encoder that has embedded most items; the zero value where none has.
func mostUsedEncoder(ctx context.Context, s *sqlite.Store) (label.Encoder, error) {
	counts, err := s.Counts(ctx)
	var most label.EncoderCount
	for _, e := range counts.Encoders {
		if e.Embeddings > most.Embeddings {
			most = e
		}
	}
	return most.Encoder, err
}

// sameTexts finds equal items, and texts that differ in what does not matter.
func sameTexts(ctx context.Context, s *sqlite.Store, training, evaluation []int64, found map[leak]bool) error {
	bare := func(items []int64) ([]string, error) {
		var keys []string
		for part := range slices.Chunk(items, 4096) {
			records, err := s.Records(ctx, part)
			if err != nil {
				return nil, err
			}
			for _, r := range records {
				keys = append(keys, plain(r.Item.Text)+"\n"+plain(r.Item.Pair))
			}
		}
		return keys, nil
	}
	there, judged := map[string][]int64{}, map[int64]bool{}
	keys, err := bare(evaluation)
	if err != nil {
		return err
	}
	for i, key := range keys {
		there[key], judged[evaluation[i]] = append(there[key], evaluation[i]), true
	}
	if keys, err = bare(training); err != nil {
		return err
	}
	for i, key := range keys {
		if key != "\n" { // a picture, or nothing but punctuation
			for _, other := range there[key] {
				found[leak{training[i], other}] = true
			}
		}
		if judged[training[i]] {
			found[leak{training[i], training[i]}] = true
		}
	}
	return nil
}

// plain keeps the words of a text, in lower case.
func plain(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }), " ")
}

// nearTexts compares embeddings.
func nearTexts(ctx context.Context, s *sqlite.Store, e label.Encoder, training, evaluation []int64, found map[leak]bool) error {
	left, a, err := directions(ctx, s, e, training)
	if err != nil {
		return err
	}
	right, b, err := directions(ctx, s, e, evaluation)
	if err != nil {
		return err
	}
	const block = 256
	products := make([]float32, block*block)
	for i := 0; i < a.Rows; i += block {
		rows := min(block, a.Rows-i)
		for j := 0; j < b.Rows; j += block {
			if err := ctx.Err(); err != nil {
				return err
			}
			cols := min(block, b.Rows-j)
			blas32.Gemm(blas.NoTrans, blas.Trans, 1, rowsOf(a, i, rows), rowsOf(b, j, cols), 0,
				blas32.General{Rows: rows, Cols: cols, Stride: cols, Data: products[:rows*cols]})
			for k, cosine := range products[:rows*cols] {
				if cosine >= nearlySame {
					found[leak{left[i+k/cols], right[j+k%cols]}] = true
				}
			}
		}
	}
	return nil
}

// directions gives the embeddings of those items that have one, scaled to length 1.
func directions(ctx context.Context, s *sqlite.Store, e label.Encoder, items []int64) ([]int64, activelearn.Matrix, error) {
	have, vectors, err := s.Embedded(ctx, e, items)
	m := activelearn.Matrix{Rows: len(have), Cols: e.Dims, Data: vectors}
	for i := range m.Rows {
		row := blas32.Vector{N: m.Cols, Inc: 1, Data: m.Row(i)}
		if length := blas32.Nrm2(row); length > 0 {
			blas32.Scal(1/length, row)
		}
	}
	return have, m, err
}

func rowsOf(m activelearn.Matrix, from, rows int) blas32.General {
	return blas32.General{Rows: rows, Cols: m.Cols, Stride: m.Cols, Data: m.Data[from*m.Cols : (from+rows)*m.Cols]}
}
