package sqlite

import (
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
)

// TestEvaluationSetGrows: a set that is the same is the same version, another one is the next, and what was in it stays.
func TestEvaluationSetGrows(t *testing.T) {
	s := create(t, texts)
	several(t, s, 5)
	ctx := t.Context()
	for i, c := range []struct {
		digest       string
		items        []int64
		version      int64
		count, added int
		ever         []int64
	}{
		{"a", []int64{1, 2}, 1, 2, 2, []int64{1, 2}},
		{"a", []int64{1, 2}, 1, 2, 2, []int64{1, 2}},
		{"b", []int64{2, 3, 4}, 2, 3, 2, []int64{1, 2, 3, 4}},
		{"c", []int64{2, 3, 4}, 3, 3, 0, []int64{1, 2, 3, 4}},
	} {
		e, err := s.PutEvaluation(ctx, c.digest, c.items)
		if err != nil || e.Version != c.version || e.Items != c.count || e.Added != c.added || e.Digest != c.digest {
			t.Errorf("%d: %+v, %v", i, e, err)
		}
		if ever, err := s.Evaluated(ctx); err != nil || !slices.Equal(ever, c.ever) {
			t.Errorf("%d: %v were judged on, %v", i, ever, err)
		}
	}
	if _, err := s.PutEvaluation(ctx, "d", []int64{1 << 30}); !errors.Is(err, label.ErrNotFound) {
		t.Errorf("no such item: %v", err)
	}
}

func TestPromotionsAreAppended(t *testing.T) {
	s := create(t, texts)
	several(t, s, 5)
	ctx := t.Context()
	e, err := s.PutEvaluation(ctx, "a", []int64{1})
	if err != nil {
		t.Fatal(err)
	}
	want := []label.Promotion{
		{Kind: label.Promote, Name: "model", Version: "v1", By: "ann", Evaluation: e.Version, Verdict: json.RawMessage(`{"promote":true}`)},
		{Kind: label.Rollback, Name: "model", Version: "v0", Before: "model@v1", By: "bob", Reason: "worse"},
	}
	for i, p := range want {
		if want[i], err = s.PutPromotion(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Promotions(ctx)
	if err != nil || len(got) != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("entry %d is %+v, want %+v", i, got[i], want[i])
		}
	}
	for _, table := range []string{"promotions", "evaluations", "evaluation_items"} {
		for _, query := range []string{"DELETE FROM " + table, "UPDATE " + table + " SET rowid = rowid + 1"} {
			err := s.write(ctx, "change", func(tx *sql.Tx) error { return second(tx.Exec(query)) })
			if err == nil || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("%s: %v", query, err)
			}
		}
	}
}

func TestDigestsFindItems(t *testing.T) {
	s := create(t, texts)
	several(t, s, 5)
	ctx := t.Context()
	digests, err := s.Digests(ctx, []int64{3, 1})
	if err != nil {
		t.Fatal(err)
	}
	if items, err := s.Find(ctx, append(digests, sha256.Sum256([]byte("nobody's")))); err != nil || !slices.Equal(items, []int64{3, 1, 0}) {
		t.Errorf("found %v, %v", items, err)
	}
	if _, err := s.Digests(ctx, []int64{1 << 30}); !errors.Is(err, label.ErrNotFound) {
		t.Errorf("no such item: %v", err)
	}
}
