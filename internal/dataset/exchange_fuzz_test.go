package dataset

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
)

// fuzzImport reads content in a format, a byte at a time, so that records fall on all sides of what was read.
func fuzzImport(t *testing.T, e *exchange, content []byte) ([]Record, error) {
	in := &input{path: "f", name: "f", window: newWindow(iotest.OneByteReader(bytes.NewReader(content)))}
	for len(in.window.data()) < headSize && in.window.more() {
	}
	r, err := e.read(in, Columns{})
	if err != nil {
		return nil, err
	}
	var records []Record
	for line := 0; ; {
		it, err := r.next()
		if err == io.EOF {
			if in.window.taken != int64(len(content)) {
				t.Fatalf("%d of %d bytes were read", in.window.taken, len(content))
			}
			return records, nil
		}
		if err != nil {
			t.Fatal(err)
		}
		if it.Place.Line < line {
			t.Fatalf("line %d after line %d", it.Place.Line, line)
		}
		line = it.Place.Line
		r := Record{Item: it}
		if it.Err == nil {
			r.Annotations, r.Item.Err = e.family.take(&r.Item, Columns{})
		}
		if len(r.Item.Meta) == 0 {
			r.Item.Meta = nil
		}
		records = append(records, r)
	}
}

// fuzzExchange reads content, writes what could be read, and wants the same when that is read.
func fuzzExchange(t *testing.T, path, name string, content []byte) {
	e, err := exchangeFor(path, name, nil, func(*exchange) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	records, err := fuzzImport(t, e, content)
	if err != nil {
		return
	}
	var out bytes.Buffer
	frame, err := e.frame(&out, filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	var want []Record
	for _, r := range records {
		if checkRecord(r) != nil {
			continue
		}
		rows, err := e.family.rows(r, layout{cells: e.cells})
		if err != nil {
			continue // the format can't hold it, and says so
		}
		for _, row := range rows {
			if err := frame.put(row); err != nil {
				t.Fatal(err)
			}
		}
		want = append(want, r)
	}
	if err := frame.finish(); err != nil {
		return
	}
	got, err := fuzzImport(t, e, out.Bytes())
	if err != nil && len(want) > 0 {
		t.Fatalf("%v: %q", err, out.Bytes())
	}
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d: %q of %q", len(got), len(want), out.Bytes(), content)
	}
	for i := range got {
		if generated(want[i].Item) {
			got[i].Item.ID, want[i].Item.ID = "", ""
		}
		if g, w := showRecord(got[i]), showRecord(want[i]); g != w {
			t.Fatalf("got %s\nwant %s\n%q of %q", g, w, out.Bytes(), content)
		}
	}
}

func addExamples(f *testing.F, names ...string) {
	for _, name := range names {
		content, err := os.ReadFile(formatsFolder + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
}

func FuzzProdigy(f *testing.F) {
	addExamples(f, "prodigy.jsonl", "prodigy-images.jsonl")
	f.Add([]byte(`{"text":"a","answer":"accept","accept":["x"],"labelloop":{"annotation":{"verdict":"corrected","labels":["x"],"note":"n"},"gold":"y"},"prodigy":1}`))
	f.Fuzz(func(t *testing.T, content []byte) { fuzzExchange(t, "f.jsonl", "prodigy", content) })
}

func FuzzDoccano(f *testing.F) {
	addExamples(f, "doccano.jsonl", "doccano-spans.jsonl")
	f.Fuzz(func(t *testing.T, content []byte) { fuzzExchange(t, "f.jsonl", "doccano", content) })
}

func FuzzDoccanoCSV(f *testing.F) {
	addExamples(f, "doccano.csv")
	f.Fuzz(func(t *testing.T, content []byte) { fuzzExchange(t, "f.csv", "doccano", content) })
}

func FuzzLabelStudio(f *testing.F) {
	addExamples(f, "label-studio.json", "label-studio-images.json")
	f.Add([]byte(`[{"data":{"text":"a","sentence":"b","pair":"c"},"annotations":[{"ground_truth":true,"result":[{"type":"choices","value":{"choices":["x"]}}]},` +
		`{"was_cancelled":true,"labelloop":{"verdict":"flagged"}}]}]`))
	f.Fuzz(func(t *testing.T, content []byte) { fuzzExchange(t, "f.json", "label-studio", content) })
}

func FuzzFastText(f *testing.F) {
	addExamples(f, "fasttext.txt")
	f.Fuzz(func(t *testing.T, content []byte) { fuzzExchange(t, "f.ft", "fasttext", content) })
}

// FuzzExchangeJSONL and FuzzExchangeCSV hold the fields that are added to plain tables.
func FuzzExchangeJSONL(f *testing.F) {
	f.Add([]byte(`{"id":"1","text":"a","pair":"b","label":["x"],"annotations":[{"verdict":"accepted","at":"2026-01-31T12:00:00Z","took":1.5}],"meta.label":1}`))
	f.Fuzz(func(t *testing.T, content []byte) { fuzzExchange(t, "f.jsonl", "jsonl", content) })
}

func FuzzExchangeCSV(f *testing.F) {
	f.Add([]byte("id,text,label,annotations,meta,meta.label\n1,a,\"[\"\"x\"\"]\",\"[{\"\"verdict\"\":\"\"skipped\"\"}]\",\"{\"\"n\"\":1}\",x\n"))
	f.Fuzz(func(t *testing.T, content []byte) { fuzzExchange(t, "f.csv", "csv", content) })
}

// FuzzJSONArray holds the values of arrays, and their lines, against encoding/json.
func FuzzJSONArray(f *testing.F) {
	for _, s := range []string{"[]", "[1,\n \"a\" ,{}]", "[[],[[]]", "[1 2]", "[1],", "[\n\n{\"a\":\n1}\n,null]x", "{}", "", "["} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		a := newJSONArray(newWindow(iotest.OneByteReader(bytes.NewReader(content))))
		var want []json.RawMessage
		whole := json.Unmarshal(content, &want) == nil && bytes.HasPrefix(bytes.TrimSpace(content), []byte("["))
		at := 0
		for i := 0; ; i++ {
			raw, line, err := a.next()
			if err == io.EOF {
				if whole && i != len(want) {
					t.Fatalf("%d values of %d in %q", i, len(want), content)
				}
				return
			}
			if err == errBrokenArray {
				if whole {
					t.Fatalf("%q is no broken array", content)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			start := bytes.Index(content[at:], raw)
			if start < 0 || whole && !bytes.Equal(raw, want[i]) {
				t.Fatalf("%q is not in %q", raw, content)
			}
			if whole {
				at += start
				if n := 1 + bytes.Count(content[:at], []byte("\n")); n > line {
					t.Fatalf("%q is on line %d or behind, not on %d, of %q", raw, n, line, content)
				}
				at += len(raw)
			}
		}
	})
}

// FuzzDoccanoZip wants an error, or records, of whatever is in an archive.
func FuzzDoccanoZip(f *testing.F) {
	good, err := os.ReadFile(formatsFolder + "doccano.zip")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, 100, byte(1))
	f.Fuzz(func(t *testing.T, content []byte, at int, with byte) {
		content = bytes.Clone(content)
		if len(content) > 0 {
			content[uint(at)%uint(len(content))] ^= with
		}
		path := filepath.Join(t.TempDir(), "f.zip")
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		r, err := Import([]string{path}, ImportOptions{})
		if err != nil {
			return
		}
		defer r.Close()
		for err == nil {
			_, err = r.Next(t.Context(), 10)
		}
	})
}
