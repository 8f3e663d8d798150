package dataset

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/label"
)

// importAll reads labelled data to its end, a few records at a time.
func importAll(t testing.TB, path string, o ImportOptions) []Record {
	t.Helper()
	r, err := Import([]string{path}, o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []Record
	for {
		some, err := r.Next(context.Background(), 3)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, some...)
	}
}

func exportAll(t testing.TB, path string, o ExportOptions, records []Record) {
	t.Helper()
	if err := tryExport(path, o, records); err != nil {
		t.Fatal(err)
	}
}

func tryExport(path string, o ExportOptions, records []Record) error {
	w, err := Export(path, o)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.Put(context.Background(), records); err != nil {
		return err
	}
	return w.Finish()
}

// draw makes records out of everything that formats stumble over.
type draw struct{ *rand.Rand }

func one[T any](d draw, from ...T) T { return from[d.IntN(len(from))] }

var pieces = []string{"a", "word", " ", "  ", "\t", "\n", "\r\n", "\r", ",", ";", "#", "\"", "\"\"", "'", "\\", "\\n", "{", "}", "[", "]", "[\"x\"]", ":",
	"🙂", "👩‍👩‍👧", "é", "e\u0301", "日本語", "\u2028", "\ufeff", "\u00a0", "null", "__label__", "=1+1", "<b>", "&amp;", "%00", "id", "meta.", "\x00", "\x01", "\x7f"}

func (d draw) text(without string) string {
	var b strings.Builder
	for range 1 + d.IntN(6) {
		if p := one(d, pieces...); !strings.ContainsAny(p, without) {
			b.WriteString(p)
		}
	}
	return b.String()
}

func (d draw) filled(without string) string {
	for {
		if s := d.text(without); strings.TrimSpace(s) != "" {
			return s
		}
	}
}

func (d draw) label(without string) string {
	return one(d, "pos", "neg", "neutral", "C#", "a,b", "two words", "__label__x", "日本", "🙂", `["x"]`, `["a","b"]`, "[]", "a#b", "0", "null", d.filled(without))
}

func (d draw) labels(without string) []string {
	if d.IntN(3) == 0 {
		return nil
	}
	labels := make([]string, one(d, 0, 1, 1, 1, 2, 3))
	for i := range labels {
		labels[i] = d.label(without)
	}
	return labels
}

func (d draw) value(depth int, without string) any {
	switch d.IntN(9 - 2*min(depth, 1)) {
	case 0:
		return json.Number(one(d, "0", "-1", "1.50", "12345678901234567890", "1e400", "-0", "0.1", "3.0"))
	case 1:
		return one[any](d, true, false, nil)
	case 2, 3, 4, 5, 6:
		return d.text(without)
	case 7:
		list := []any{}
		for range d.IntN(3) {
			list = append(list, d.value(depth+1, without))
		}
		return list
	}
	return d.meta(depth+1, without)
}

func (d draw) meta(depth int, without string) map[string]any {
	meta := map[string]any{}
	for range d.IntN(4) {
		name := one(d, "source", "id", "ID", "text", "Text", "label", "labels", "gold", "meta", "meta.label", "meta.meta.label", "meta.x", "annotations", "pair", "image",
			"answer", "accept", "_input_hash", "options", "prodigy", "data", "label_studio", "labelloop", "sentence", "category", "Comments", "file_name", "", " x ", d.text(without))
		meta[name] = d.value(depth, without)
	}
	return meta
}

func (d draw) annotation(without string) label.Annotation {
	a := label.Annotation{Verdict: one(d, verdicts...), Annotator: one(d, "", "ann", "7", "ann@example.org", d.text(without)), Labels: d.labels(without), Suggestion: d.labels(without),
		Note: one(d, "", "", d.text(without)), Key: one(d, "", "k-1"), Took: time.Duration(one(d, 0, 1, 4288, 3600_000)) * time.Millisecond}
	if d.IntN(2) == 0 {
		a.At = time.UnixMilli(1_700_000_000_000 + d.Int64N(1e9)).UTC()
	}
	return a
}

func (d draw) record(i int, without string) Record {
	r := Record{Item: label.Item{ID: one(d, fmt.Sprint(i), "same", "k/"+fmt.Sprint(i)), Text: d.filled(without), Gold: d.labels(without), Meta: d.meta(0, without)}}
	if d.IntN(4) == 0 {
		r.Item.Pair = d.filled(without)
	}
	if len(r.Item.Meta) == 0 {
		r.Item.Meta = nil
	}
	for range d.IntN(3) {
		r.Annotations = append(r.Annotations, d.annotation(without))
	}
	return r
}

// plainRecord drops what a file doesn't hold.
func plainRecord(r Record) Record {
	r.Item.Place, r.Item.Load, r.Item.Held = label.Place{}, nil, 0
	for i := range r.Annotations {
		r.Annotations[i].At = r.Annotations[i].At.UTC()
	}
	return r
}

func showRecord(r Record) string {
	b, err := json.MarshalIndent(struct {
		ID, Text, Pair, Image string
		Gold                  []string
		Meta                  map[string]any
		Said                  []annotationJSON
		Err                   string
	}{r.Item.ID, r.Item.Text, r.Item.Pair, r.Item.Image, r.Item.Gold, r.Item.Meta, annotationsJSON(r.Annotations), fmt.Sprint(r.Item.Err)}, "", " ")
	return cmp.Or(string(b), fmt.Sprint(err))
}

// draws is the number of files that each format's round trip is tried with.
const draws = 20

// TestExportImport writes records and reads them back.
func TestExportImport(t *testing.T) {
	for _, test := range []struct {
		file, format, without string // characters that the format can't hold
		multi                 bool
	}{
		{file: "a.jsonl", format: "jsonl"}, {file: "a.jsonl", format: "jsonl", multi: true}, {file: "a.parquet", format: "parquet"}, {file: "a.jsonl.gz", format: "jsonl"},
		{file: "a.csv", format: "csv", without: "\x00"}, {file: "a.csv", format: "csv", without: "\x00", multi: true}, {file: "a.tsv", format: "tsv", without: "\x00"}, {file: "a.csv.gz", format: "csv", without: "\x00"},
		{file: "p.jsonl", format: "prodigy"}, {file: "l.json", format: "label-studio"}, {file: "l.jsonl", format: "label-studio"},
		{file: "d.jsonl", format: "doccano"}, {file: "d.csv", format: "doccano", without: "\x00"}, {file: "d.zip", format: "doccano"},
	} {
		t.Run(test.format+"/"+test.file, func(t *testing.T) {
			for seed := range uint64(draws) {
				d := draw{rand.New(rand.NewPCG(seed, 1))}
				c := Columns{MultiLabel: test.multi}
				var records, want []Record
				for i := range d.IntN(5) {
					r := d.record(i, test.without)
					delete(r.Item.Meta, kept[test.format]) // the reader's own
					if len(r.Item.Meta) == 0 {
						r.Item.Meta = nil
					}
					if test.format == "doccano" {
						r.Item.Gold = slices.DeleteFunc(r.Item.Gold, func(s string) bool { return strings.Contains(s, "#") || isList(s) })
						if len(r.Item.Gold) == 0 {
							r.Item.Gold = nil
						}
					}
					records = append(records, r)
					if test.format == "prodigy" || test.format == "label-studio" {
						r.Item.Gold = r.ownGold()
					}
					if test.format != "prodigy" || len(r.Annotations) == 0 {
						want = append(want, r)
						continue
					}
					for _, a := range r.Annotations {
						want = append(want, Record{r.Item, []label.Annotation{a}})
					}
				}
				path := filepath.Join(t.TempDir(), test.file)
				exportAll(t, path, ExportOptions{Format: test.format, Columns: c}, records)
				got := importAll(t, path, ImportOptions{Format: test.format, Columns: c})
				content, _ := os.ReadFile(path)
				if len(got) != len(want) {
					t.Fatalf("seed %d: %d records of %d in\n%.4000s", seed, len(got), len(want), content)
				}
				for i := range got {
					g, w := plainRecord(got[i]), plainRecord(want[i])
					g.Item.Meta = maps.Clone(g.Item.Meta)
					if delete(g.Item.Meta, kept[test.format]); len(g.Item.Meta) == 0 {
						g.Item.Meta = nil
					}
					if !reflect.DeepEqual(g, w) {
						t.Fatalf("seed %d: got\n%s\nwant\n%s\nof\n%.4000s", seed, showRecord(g), showRecord(w), content)
					}
				}
				// Once more, with all that the reader kept: nothing grows or wears off.
				for i := range got {
					got[i] = stored(t, plainRecord(got[i]))
				}
				path = filepath.Join(t.TempDir(), test.file)
				exportAll(t, path, ExportOptions{Format: test.format, Columns: c}, got)
				again := importAll(t, path, ImportOptions{Format: test.format, Columns: c})
				for i := range again {
					if g, w := showRecord(again[i]), showRecord(got[i]); g != w {
						t.Fatalf("seed %d, again: got\n%s\nwant\n%s", seed, g, w)
					}
				}
			}
		})
	}
}

// kept names the metadata in which readers keep what comes back as it was.
var kept = map[string]string{"prodigy": prodigyKept, "label-studio": studioKept}
