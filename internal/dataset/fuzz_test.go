package dataset

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/labelloop/labelloop/internal/label"
)

// fuzzRead reads content as a format does, a byte at a time, so that records fall on all sides of what was read.
func fuzzRead(t *testing.T, name string, content []byte) ([]label.Item, error) {
	in := &input{path: "f", name: "f", window: newWindow(iotest.OneByteReader(bytes.NewReader(content)))}
	in.window.more()
	form, err := formatNamed(name, canRead)
	if err != nil {
		t.Fatal(err)
	}
	r, err := form.read(in, Columns{})
	if err != nil {
		return nil, err
	}
	var items []label.Item
	for {
		it, err := r.next()
		if err == io.EOF {
			if in.window.taken != int64(len(content)) {
				t.Fatalf("%d of %d bytes were read", in.window.taken, len(content))
			}
			return items, nil
		}
		if err != nil {
			t.Fatal(err)
		}
		if last := len(items) - 1; last >= 0 && items[last].Place.Line >= it.Place.Line {
			t.Fatalf("line %d after line %d", it.Place.Line, items[last].Place.Line)
		}
		if it.Err == nil && (!utf8.ValidString(it.Text) || strings.TrimSpace(it.Text) == "") {
			t.Fatalf("text %q is no error", it.Text)
		}
		items = append(items, it)
	}
}

// FuzzCSV holds the reader against encoding/csv, row by row, as far as that can read; where there are no quotes, each
// line is an item.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "\"x\"\"y\",z\n", "\"a\nb\",c\n\"open\nd,e\n", "a\r\n\"b\"\r\nc\r", "\"\",\"\"\n", ",\n", "x\"y,z\n\n\n\"q\" w\n", "\xff,a\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, rows []byte) {
		items, err := fuzzRead(t, "csv", append([]byte("text,other\n"), rows...))
		if err != nil {
			t.Fatal(err)
		}
		byLine := map[int]label.Item{}
		for _, it := range items {
			byLine[it.Place.Line-1] = it
		}
		r := csv.NewReader(bytes.NewReader(rows))
		r.FieldsPerRecord = -1
		for {
			want, err := r.Read()
			if err != nil {
				break // the end, or a quote out of place, after which the two go on at different lines
			}
			line, _ := r.FieldPos(0)
			if len(want) == 1 && strings.TrimSpace(want[0]) == "" {
				continue
			}
			got, ok := byLine[line]
			if !ok {
				t.Fatalf("row %q on line %d of %q was lost", want, line, rows)
			}
			readable := len(want) == 2 && utf8.ValidString(want[0]+"\n"+want[1]) && strings.TrimSpace(want[0]) != ""
			if readable != (got.Err == nil) {
				t.Fatalf("line %d of %q: %v", line, rows, got.Err)
			}
			// encoding/csv drops the CR of a CRLF within quotes.
			if other, _ := got.Meta["other"].(string); readable && (lf(got.Text) != want[0] || lf(other) != want[1]) {
				t.Fatalf("got %q, %q, want %q of %q", got.Text, other, want, rows)
			}
		}
		if bytes.Contains(rows, []byte(`"`)) {
			return
		}
		lines := 0
		for line := range bytes.Lines(rows) {
			if len(bytes.TrimSpace(line)) > 0 {
				lines++
			}
		}
		if len(items) != lines {
			t.Fatalf("%d items, %d lines without a quote in %q", len(items), lines, rows)
		}
	})
}

func lf(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

// FuzzJSONL wants one item for each line that isn't blank.
func FuzzJSONL(f *testing.F) {
	for _, s := range []string{`{"text":"a","id":1}`, "\"a\"\n\n{}\n", "{\"text\":\n", `{"text":"a","label":[1,[2]]}`, `{"text":"\ud800"}`, "1e999\n", "{\"text\":\"\xff\"}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		items, err := fuzzRead(t, "jsonl", content)
		if err != nil {
			return // its first object has no text
		}
		n := 0
		for line := range bytes.Lines(content) {
			if line = bytes.TrimSpace(line); len(line) == 0 {
				continue
			}
			if n == len(items) {
				t.Fatalf("%d items came out of %q", n, content)
			}
			if items[n].Err == nil && !json.Valid(line) {
				t.Fatalf("%q is no JSON and no error", line)
			}
			if json.Valid(line) && utf8.Valid(line) {
				d := json.NewDecoder(bytes.NewReader(line))
				d.UseNumber()
				var want any
				if err := d.Decode(&want); err != nil {
					t.Fatal(err)
				}
				if got, rest := parseJSON(line); len(rest) > 0 || !reflect.DeepEqual(got, want) {
					t.Fatalf("got %#v, %q, want %#v of %q", got, rest, want, line)
				}
			}
			n++
		}
		if n != len(items) {
			t.Fatalf("%d items, %d lines", len(items), n)
		}
	})
}

// FuzzParquet wants an error, not a panic, for whatever is no Parquet file.
func FuzzParquet(f *testing.F) {
	good, err := os.ReadFile("testdata/rows.parquet")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, 100, byte(1))
	f.Fuzz(func(t *testing.T, content []byte, at int, with byte) {
		content = bytes.Clone(content)
		if len(content) > 0 {
			content[uint(at)%uint(len(content))] ^= with
		}
		path := t.TempDir() + "/f.parquet"
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := Open([]string{path}, "", Columns{})
		if err != nil {
			return
		}
		defer s.Close()
		readAll(s)
	})
}
