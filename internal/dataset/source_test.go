package dataset

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/label"
)

// write makes a file in a fresh folder.
func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// readAll reads a source to its end, a few items at a time.
func readAll(s *Source) ([]label.Item, error) {
	var items []label.Item
	for {
		some, err := s.Next(context.Background(), 3)
		items = append(items, some...)
		if err == io.EOF {
			return items, nil
		}
		if err != nil {
			return items, err
		}
	}
}

// show gives an item as "id|text|pair|gold|meta" or as its error, with the folder taken out of it.
func show(it label.Item) string {
	if it.Err != nil {
		return "! " + strings.ReplaceAll(it.Err.Error(), filepath.Dir(it.Place.File)+"/", "")
	}
	meta := ""
	if it.Meta != nil {
		b, err := appendJSON(nil, it.Meta)
		if err != nil {
			return err.Error()
		}
		meta = string(b)
	}
	return strings.Join([]string{it.ID, it.Text, it.Pair, strings.Join(it.Gold, "+"), meta}, "|")
}

func showAll(items []label.Item) []string {
	var all []string
	for _, it := range items {
		all = append(all, show(it))
	}
	return all
}

const ragged = `the header has 2 ("text", "label"); quote a field that holds the separator`

func TestNext(t *testing.T) {
	tests := []struct {
		name, file, content string
		columns             Columns
		want                []string
	}{
		{"csv", "a.csv", "id,text,label,n\n7,hello,pos,1\n,bye,,2\n", Columns{}, []string{`7|hello||pos|{"n":"1"}`, `a.csv:3|bye|||{"n":"2"}`}},
		{"csv quotes", "a.csv", "text,label\n\"a, \"\"b\"\"\",x\n\"two\nlines\",y\n\"\r\n\r\nx\",z\n6\" pipe,w\n", Columns{},
			[]string{`a.csv:2|a, "b"||x|`, "a.csv:3|two\nlines||y|", "a.csv:5|\r\n\r\nx||z|", `a.csv:8|6" pipe||w|`}},
		{"csv BOM, CRLF, blank lines, no last line end", "a.csv", "\xef\xbb\xbftext,label\r\n\r\na,x\r\n \n\"b\",\"y\"\r\nc,", Columns{},
			[]string{"a.csv:3|a||x|", "a.csv:5|b||y|", "a.csv:6|c|||"}},
		{"csv ends in a quote", "a.csv", "label,text\nx,\"a\"", Columns{}, []string{"a.csv:2|a||x|"}},
		{"csv ends in a quote and CR", "a.csv", "label,text\nx,\"a\"\r", Columns{}, []string{"a.csv:2|a||x|"}},
		{"csv ragged", "a.csv", "text,label\na,x\nb\nc,y,z\nd,w\n", Columns{},
			[]string{"a.csv:2|a||x|", "! a.csv:3: the row has 1 fields, " + ragged, "! a.csv:4: the row has 3 fields, " + ragged, "a.csv:5|d||w|"}},
		{"csv quote never closed", "a.csv", "text,label\na,x\nb,\"y\nc,z\nd,w\n", Columns{},
			[]string{"a.csv:2|a||x|", "! a.csv:3: the quote that opens field 2 is never closed; close it, or double it if it is part of the text",
				"a.csv:4|c||z|", "a.csv:5|d||w|"}},
		{"csv quote closed by a later row", "a.csv", "text,label\n\"b,x\n\"c\",y\nd,w\n", Columns{},
			[]string{"! a.csv:2: text follows the closing quote of field 1; double a quote within a quoted field", "a.csv:3|c||y|", "a.csv:4|d||w|"}},
		{"csv text after a quote", "a.csv", "text,label\n\"b\" c,x\nd,w\n", Columns{},
			[]string{"! a.csv:2: text follows the closing quote of field 1; double a quote within a quoted field", "a.csv:3|d||w|"}},
		{"csv invalid UTF-8", "a.csv", "text,label\nok,x\n\"a\nb\xe9\",y\nok,z\n", Columns{},
			[]string{"a.csv:2|ok||x|", "! a.csv:3: invalid UTF-8 at byte 5 of the row; convert the file: iconv -f latin1 -t utf-8 FILE > NEW", "a.csv:5|ok||z|"}},
		{"csv empty text", "a.csv", "text,label\n,x\n\" \",y\nc,z\n", Columns{},
			[]string{`! a.csv:2: empty text in column "text"; fill it in or delete the row`, `! a.csv:3: empty text in column "text"; fill it in or delete the row`, "a.csv:4|c||z|"}},
		{"csv SetFit", "a.csv", "Text,label,label_text\na,0,neg\n", Columns{}, []string{`a.csv:2|a||neg|{"label":"0"}`}},
		{"csv data frame", "a.csv", ",text\n0,a\n", Columns{}, []string{`a.csv:2|a|||{"column 1":"0"}`}},
		{"csv named columns", "a.csv", "q,a,key,y,text\nwho,me,k1,b#c,t\n", Columns{ID: "key", Text: "q", Pair: "a", Label: "y", MultiLabel: true},
			[]string{`k1|who|me|b+c|{"a":"me","text":"t"}`}},
		{"csv one column, two uses", "a.csv", "text\na\n", Columns{ID: "text"}, []string{"a|a|||"}},
		{"tsv", "a.tsv", "text\tlabel\na, b\tx\n\"c\td\"\ty\n", Columns{}, []string{"a.tsv:2|a, b||x|", "a.tsv:3|c\td||y|"}},
		{"jsonl", "a.jsonl", `{"id":12345678901234567890,"text":"a","label":["x","y"],"n":1.0}` + "\r\n\n  " + `{"id":"k","sentence":"s","text":"b","label":null}` + "\n\"plain\"\n",
			Columns{}, []string{`12345678901234567890|a||x+y|{"n":1.0}`, `k|b|||{"sentence":"s"}`, "a.jsonl:4|plain|||"}},
		{"jsonl bad rows", "a.jsonl", `{"text":"a"}` + "\n" + `{"text":` + "\n" + `{"text":"a"} x` + "\n" + `{"txt":"a"}` + "\n" + `{"text":["a"]}` + "\n" + `{"text":""}` + "\n3\n" +
			`{"text":"` + "\xff" + `"}` + "\n" + `{"text":"a","id":{}}` + "\n" + `{"text":null}`, Columns{},
			[]string{"a.jsonl:1|a|||", "! a.jsonl:2: bad JSON at byte 8: unexpected end of JSON input; write one object per line",
				"! a.jsonl:3: bad JSON at byte 14: invalid character 'x' after top-level value; write one object per line",
				`! a.jsonl:4: no "text"; the keys are "txt"`, `! a.jsonl:5: "text" is a list; make it a string`,
				`! a.jsonl:6: empty text in column "text"; fill it in or delete the row`, `! a.jsonl:7: the line is a number; write an object such as {"text": "..."}`,
				"! a.jsonl:8: invalid UTF-8 at byte 10 of the row; convert the file: iconv -f latin1 -t utf-8 FILE > NEW",
				`! a.jsonl:9: "id" is an object; make it a string or a number`, `! a.jsonl:10: empty text in column "text"; fill it in or delete the row`}},
		{"jsonl NUL in a string, spans are no labels", "a.jsonl", `{"content":"a\u0000b","label":[[0,1,"ORG"]]}`, Columns{}, []string{"a.jsonl:1|a\x00b|||" + `{"label":[[0,1,"ORG"]]}`}},
		{"jsonl label that comes later", "a.jsonl", `{"text":"a"}` + "\n" + `{"text":"b","label":3}`, Columns{}, []string{"a.jsonl:1|a|||", "a.jsonl:2|b||3|"}},
		{"txt", "a.txt", "\xef\xbb\xbfone\r\n\n \t\ntwo \"x\n\xe9\nlast", Columns{},
			[]string{"a.txt:1|one|||", "a.txt:4|two \"x|||", "! a.txt:5: invalid UTF-8 at byte 1 of the row; convert the file: iconv -f latin1 -t utf-8 FILE > NEW", "a.txt:6|last|||"}},
		{"txt empty", "a.txt", "", Columns{}, nil},
		{"percent in the name", "50%d.csv", "text\n,\n", Columns{}, []string{`! 50%d.csv:2: the row has 2 fields, the header has 1 ("text"); quote a field that holds the separator`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, err := Open([]string{write(t, test.file, test.content)}, "", test.columns)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			items, err := readAll(s)
			if err != nil {
				t.Fatal(err)
			}
			if got := showAll(items); !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestOpenErrors(t *testing.T) {
	tests := []struct {
		name, file, content, format string
		columns                     Columns
		want                        string
	}{
		{"no text column", "a.csv", "a,b\n1,2\n", "", Columns{}, `no column is called text, sentence, query, content; name the one that holds the text, out of "a", "b"`},
		{"wrong column", "a.csv", "text,b\n1,2\n", "", Columns{Label: "c"}, `no column "c"; there are "text", "b"`},
		{"wrong key", "a.jsonl", `{"text":"a"}` + "\n" + `{"b":1}`, "", Columns{Text: "body"}, `no column "body"; there are "b", "text"`},
		{"empty csv", "a.csv", "", "", Columns{}, "is empty; its first row must name the columns"},
		{"open quote in the header", "a.csv", "\n\"text\na\n", "", Columns{}, "a.csv:2: read the header: the quote that opens field 1 is never closed"},
		{"same name twice", "a.csv", "text,a,a\n", "", Columns{}, `two columns are called "a"`},
		{"JSON array", "a.json", "[\n {\"text\":\"a\"}\n]", "", Columns{}, "is one JSON array"},
		{"unknown extension", "a.doc", "x", "", Columns{}, `the extension ".doc" tells no format; name one: jsonl, csv, tsv, txt, parquet`},
		{"unknown format", "a.csv", "x", "xml", Columns{}, `no format "xml" here; use jsonl, csv`},
		{"PNG", "a.txt", "\x89PNG\r\n\x1a\n", "", Columns{}, "looks like a PNG picture, not text"},
		{"zip", "a.csv", "PK\x03\x04..", "", Columns{}, "looks like a zip archive"},
		{"ONNX", "a.jsonl", "\x08\x07\x12\x07pytorch", "", Columns{}, "looks like an ONNX model"},
		{"NUL", "a.txt", "ab\x00", "", Columns{}, "looks like a binary file, not text (NUL at byte 3)"},
		{"UTF-16", "a.csv", "\xff\xfet\x00", "", Columns{}, "iconv -f utf-16"},
		{"broken gzip", "a.csv.gz", "\x1f\x8b", "", Columns{}, "a.csv.gz: cut off after line 0"},
		{"no Parquet", "a.parquet", "text\n", "", Columns{}, "no whole Parquet file"},
		{"cut Parquet", "a.parquet", "PAR1\x00\x00\x00\x00PAR1", "", Columns{}, "no whole Parquet file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, test.file, test.content)
			_, err := Open([]string{path}, test.format, test.columns)
			if err == nil || !strings.Contains(err.Error(), test.want) || test.format == "" && !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want it to say %q and name the file", err, test.want)
			}
		})
	}
	good, folder := write(t, "a.txt", "x\n"), t.TempDir()
	for path, want := range map[string]string{
		"gone.txt":  "gone.txt isn't there",
		"gone*.txt": "no file matches gone*.txt",
		folder:      "is a folder; name its files",
	} {
		if _, err := Open([]string{good, path}, "", Columns{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
	if _, err := Open([]string{good, "gone.txt"}, "", Columns{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want it to wrap fs.ErrNotExist", err)
	}
	if _, err := Open(nil, "", Columns{}); !errors.Is(err, label.ErrUsage) {
		t.Errorf("got %v, want wrong usage", err)
	}
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(text))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGzip(t *testing.T) {
	var text strings.Builder
	text.WriteString("text\n")
	for i := range 50_000 {
		fmt.Fprintf(&text, "%x\n", i*7919)
	}
	whole := zipped(t, text.String())
	s, err := Open([]string{write(t, "a.csv.gz", whole)}, "", Columns{})
	if err != nil {
		t.Fatal(err)
	}
	items, err := readAll(s)
	if err != nil || len(items) != 50_000 || items[49_999].ID != "a.csv.gz:50001" {
		t.Errorf("got %d items, %v", len(items), err)
	}
	if done, total := s.Progress(); done != total || total != int64(len(whole)) {
		t.Errorf("progress is %d of %d, want all of %d", done, total, len(whole))
	}
	s, err = Open([]string{write(t, "b.csv.gz", whole[:len(whole)/2])}, "", Columns{})
	if err != nil {
		t.Fatal(err)
	}
	if items, err := readAll(s); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "b.csv.gz: cut off after line") || len(items) < 1000 {
		t.Errorf("cut file: got %d items, %v", len(items), err)
	}
}

func TestSeveralInputs(t *testing.T) {
	a, b, c := write(t, "a.csv", "text\none\ntwo\n"), write(t, "a.csv", "text\nthree\n"), write(t, "c.txt", "four\n")
	s, err := Open([]string{a, b, c}, "", Columns{})
	if err != nil {
		t.Fatal(err)
	}
	if _, total := s.Progress(); total != 13+11+5 {
		t.Errorf("total is %d", total)
	}
	if _, err := s.Next(context.Background(), 1); err != nil {
		t.Fatal(err)
	}
	if done, _ := s.Progress(); done != 9 {
		t.Errorf("after one row %d bytes are done, want 9", done)
	}
	items, err := readAll(s)
	if want := []string{a + ":3|two|||", b + ":2|three|||", "c.txt:1|four|||"}; err != nil || !slices.Equal(showAll(items), want) {
		t.Errorf("got %q, %v, want %q", showAll(items), err, want)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestFingerprint(t *testing.T) {
	of := func(path string, c Columns) string {
		s, err := Open([]string{path}, "", c)
		if err != nil {
			t.Fatal(err)
		}
		return s.Fingerprint()
	}
	first := of(write(t, "a.csv", "text,q\na,b\n"), Columns{})
	if again := of(write(t, "a.csv", "text,q\na,b\n"), Columns{}); again != first {
		t.Error("the same file in another folder differs")
	}
	for name, other := range map[string]string{
		"content": of(write(t, "a.csv", "text,q\na,c\n"), Columns{}),
		"name":    of(write(t, "b.csv", "text,q\na,b\n"), Columns{}),
		"columns": of(write(t, "a.csv", "text,q\na,b\n"), Columns{Text: "q"}),
	} {
		if other == first {
			t.Errorf("another %s makes no difference", name)
		}
	}
}

// TestPipe reads from a named pipe, which like standard input can't be opened twice and may never end.
func TestPipe(t *testing.T) {
	for content, want := range map[string]string{
		"{\"text\":\"a\"}\n{\"text\":\"b\"}\n": "in:1|a|||,in:2|b|||",
		"plain\n{}\n":                          "in:1|plain|||,in:2|{}|||",
	} {
		path := filepath.Join(t.TempDir(), "in")
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		end := make(chan bool)
		go func() {
			w, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err == nil {
				io.WriteString(w, content)
				<-end
				w.Close()
			}
		}()
		s, err := Open([]string{path}, "", Columns{})
		if err != nil {
			t.Fatal(err)
		}
		items, err := s.Next(context.Background(), 2)
		if got := strings.Join(showAll(items), ","); err != nil || got != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		if _, err := s.Next(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting: got %v, want the deadline", err)
		}
		cancel()
		close(end)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestParquetRows(t *testing.T) {
	s, err := Open([]string{"testdata/rows.parquet"}, "", Columns{})
	if err != nil {
		t.Fatal(err)
	}
	items, err := readAll(s)
	if err != nil {
		t.Fatal(err)
	}
	const rest = `"price":1.25,`
	want := []string{
		`9007199254740993|grüße 🙂||a+b|{"bool":true,"bytes":"/wA=","day":"1969-12-31","dictionary":"u","double":1.5,"float":0.1,"group":{"x":1,"y":"q"},"i16":-1,"map":{"k":1},` +
			rest + `"spans":[{"label":"ORG","start":1}],"time":"2020-01-02T03:04:05.678","u64":9223372036854775809,"utc":"2020-01-02T03:04:05.678Z"}`,
		`! rows.parquet:2: empty text in column "text"; fill it in or delete the row`,
		`rows.parquet:3|third|||{"bool":null,"bytes":null,"day":"1969-12-31","dictionary":"u","double":null,"float":3,"group":{"x":null,"y":"z"},"i16":3,"map":null,` +
			rest + `"spans":null,"time":"2020-01-02T03:04:05.678","u64":2,"utc":"2020-01-02T03:04:05.678Z"}`,
	}
	if got := showAll(items); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := items[1].Meta["double"]; got != "NaN" {
		t.Errorf("NaN came as %v", got)
	}
	if done, total := s.Progress(); done != total || total == 0 {
		t.Errorf("progress is %d of %d", done, total)
	}
}

// TestLongLines reads a line of 10 MB, and one too long to hold, which must cost one error item and little memory.
func TestLongLines(t *testing.T) {
	long := strings.Repeat("word ", 2<<20)
	quoted, err := json.Marshal(long)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"a.txt": "a\n" + long + "\nb\n", "a.csv": "text\n\"" + long + "\"\nb\n", "a.jsonl": string(quoted) + "\n\"b\"\n",
	} {
		s, err := Open([]string{write(t, name, content)}, "", Columns{})
		if err != nil {
			t.Fatal(err)
		}
		items, err := readAll(s)
		if n := len(items); err != nil || n < 2 || items[n-2].Text != long || items[n-1].Text != "b" {
			t.Errorf("%s: got %d items, %v", name, n, err)
		}
	}
	for name, content := range map[string]string{"a.txt": "", "a.csv": "text\n", "b.csv": "text\n\"", "a.jsonl": ""} {
		in := &input{path: name, name: name, window: newWindow(io.MultiReader(strings.NewReader(content),
			io.LimitReader(endless{}, maxRecord+4<<20), strings.NewReader("\n\"b\"\n")))}
		form, err := formatOf(name, canRead)
		if err != nil {
			t.Fatal(err)
		}
		r, err := form.read(in, Columns{})
		if err != nil {
			t.Fatal(err)
		}
		first, err := r.next()
		if err != nil || first.Err == nil || !strings.Contains(first.Err.Error(), "64 MiB") {
			t.Errorf("%s: got %v, %v", name, first.Err, err)
		}
		if second, err := r.next(); err != nil || strings.Trim(second.Text, `"`) != "b" {
			t.Errorf("%s: got %q, %v after the long line", name, second.Text, err)
		}
		if len(in.window.buf) > 2*maxRecord {
			t.Errorf("%s: %d bytes are held", name, len(in.window.buf))
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}
