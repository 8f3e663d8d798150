package dataset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
)

// results are of every kind: sure, unsure, with everything, failed in the source, failed in the model.
func results() []label.Result {
	place := func(line int) label.Place { return label.Place{File: "dir/in.csv", Line: line} }
	return []label.Result{
		{Item: label.Item{ID: "1", Text: "plain <b>&\u2028", Place: place(2)}, Route: label.Accept, Model: "m@1",
			Prediction: label.Prediction{Labels: []string{"a"}, Confidence: 0.987654321, Calibrated: true, Scores: label.Scores{{Label: "a", Prob: 0.987654321}, {Label: "<b>", Prob: 1.0 / 81}}}},
		{Item: label.Item{ID: "2", Text: "two\nlines, \"quoted\"", Gold: []string{"b"}, Meta: map[string]any{"n": json.Number("12345678901234567890"), "k": "é"}, Place: place(3)},
			Route: label.Review, Model: "m@1", Prediction: label.Prediction{Labels: []string{"b"}, Confidence: 1e-9, Scores: label.Scores{{Label: "b", Prob: 1e-9}}}},
		{Item: label.Item{ID: "in.csv:5", Place: place(5), Err: errors.New("dir/in.csv:5: the row has 1 fields")}},
		{Item: label.Item{ID: "4", Text: "bad \xff", Gold: []string{"a"}, Place: place(6)}, Err: errors.New("no tokens")},
		{Item: label.Item{ID: "5", Text: "last", Place: place(7)}, Route: label.Accept, Model: "m@1",
			Prediction: label.Prediction{Labels: []string{"a"}, Confidence: 1, Calibrated: true, Scores: label.Scores{{Label: "a", Prob: 1}}}},
	}
}

func embeddings() []label.Result {
	rs := results()
	for i := range rs {
		rs[i].Prediction = label.Prediction{Embedding: []float32{0.1, -1e-9, float32(i)}}
	}
	return rs
}

// finish writes results from the first that isn't there on and completes the output.
func finish(t *testing.T, s *Sink, rs []label.Result) {
	t.Helper()
	err := s.Put(context.Background(), rs[s.Done():])
	if err == nil {
		err = s.Finish()
	}
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func create(t *testing.T, path string, o SinkOptions) *Sink {
	t.Helper()
	s, err := Create(path, "", o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRecords(t *testing.T) {
	tests := []struct {
		name, file string
		options    SinkOptions
		results    []label.Result
		want       string
	}{
		{"jsonl", "o.jsonl", SinkOptions{}, results(), `{"id":"1","text":"plain <b>&\u2028","label":"a","confidence":0.987654,"scores":{"a":0.987654,"<b>":0.0123457},"route":"accept","model":"m@1"}
{"id":"2","text":"two\nlines, \"quoted\"","label":"b","confidence":1e-09,"scores":{"b":1e-09},"route":"review","model":"m@1","calibrated":false,"meta":{"k":"é","n":12345678901234567890},"gold":"b"}
{"id":"in.csv:5","error":"dir/in.csv:5: the row has 1 fields"}
{"id":"4","text":"bad \ufffd","gold":"a","error":"dir/in.csv:6: no tokens"}
{"id":"5","text":"last","label":"a","confidence":1,"scores":{"a":1},"route":"accept","model":"m@1"}
`},
		{"jsonl, many labels", "o.jsonl", SinkOptions{MultiLabel: true}, []label.Result{
			{Item: label.Item{ID: "1", Text: "t", Gold: []string{"a"}}, Model: "m", Route: label.Accept, Prediction: label.Prediction{Labels: []string{"a", "b"}, Calibrated: true, Confidence: .5}},
			{Item: label.Item{ID: "2", Text: "t"}, Model: "m", Route: label.Accept, Prediction: label.Prediction{Calibrated: true, Confidence: .5}}},
			`{"id":"1","text":"t","label":["a","b"],"confidence":0.5,"scores":{},"route":"accept","model":"m","gold":["a"]}
{"id":"2","text":"t","label":[],"confidence":0.5,"scores":{},"route":"accept","model":"m"}
`},
		{"jsonl, embeddings", "o.jsonl", SinkOptions{Embedding: true}, embeddings()[:1], `{"id":"1","text":"plain <b>&\u2028","embedding":[0.1,-1e-09,0],"model":"m@1"}
`},
		{"csv", "o.csv", SinkOptions{}, results()[:4], `id,text,label,confidence,route,model,calibrated,scores,error,meta,gold
1,plain <b>&` + "\u2028" + `,a,0.987654,accept,m@1,true,"{""a"":0.987654,""<b>"":0.0123457}",,,
2,"two
lines, ""quoted""",b,1e-09,review,m@1,false,"{""b"":1e-09}",,"{""k"":""é"",""n"":12345678901234567890}",b
in.csv:5,,,,,,,,dir/in.csv:5: the row has 1 fields,,
4,bad ` + "\uFFFD" + `,,,,,,,dir/in.csv:6: no tokens,,a
`},
		{"tsv, many labels", "o.tsv", SinkOptions{MultiLabel: true}, []label.Result{
			{Item: label.Item{ID: "1", Text: "t"}, Model: "m", Prediction: label.Prediction{Labels: []string{"a", "b"}, Confidence: .5}}},
			"id\ttext\tlabel\tconfidence\troute\tmodel\tcalibrated\tscores\terror\tmeta\tgold\n1\tt\ta#b\t0.5\t\tm\tfalse\t{}\t\t\t\n"},
		{"csv, embeddings", "o.csv", SinkOptions{Embedding: true}, embeddings()[:3], `id,text,embedding,model,error,meta,gold
1,plain <b>&` + "\u2028" + `,"[0.1,-1e-09,0]",m@1,,,
2,"two
lines, ""quoted""","[0.1,-1e-09,1]",m@1,,"{""k"":""é"",""n"":12345678901234567890}",b
in.csv:5,,,,dir/in.csv:5: the row has 1 fields,,
`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), test.file)
			finish(t, create(t, path, test.options), test.results)
			if got := read(t, path); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// TestRoundTrip reads back what was written, in each format.
func TestRoundTrip(t *testing.T) {
	want := `1|plain <b>&` + "\u2028" + `||,2|two
lines, "quoted"||b,5|last||`
	for _, file := range []string{"o.jsonl", "o.csv", "o.tsv", "o.parquet"} {
		path := filepath.Join(t.TempDir(), file)
		rs := results()
		finish(t, create(t, path, SinkOptions{}), append(rs[:2:2], rs[4]))
		s, err := Open([]string{path}, "", Columns{Label: ""})
		if err != nil {
			t.Fatal(err)
		}
		items, err := readAll(s)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i, it := range items {
			if i != 1 && file == "o.jsonl" {
				it.Gold = nil // without gold the record's own label is what a reader takes
			}
			if (it.Meta["confidence"] == nil || it.Meta["scores"] == nil) && it.Err == nil {
				t.Errorf("%s: lost %v", file, it.Meta)
			}
			it.Meta = nil
			got = append(got, strings.TrimSuffix(show(it), "|"))
		}
		if got := strings.Join(got, ","); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
		}
	}
}

// TestKill cuts the file that grows at every byte (in some formats at some), as a kill may, and resumes: the output must be the same, byte for
// byte, as an uninterrupted run's.
func TestKill(t *testing.T) {
	for _, test := range []struct {
		file, records string
		options       SinkOptions
		results       []label.Result
	}{
		{"o.jsonl", "o.jsonl", SinkOptions{}, results()},
		{"o.csv", "o.csv", SinkOptions{}, results()},
		{"o.csv", "o.csv", SinkOptions{Embedding: true}, embeddings()},
		{"o.parquet", "o.parquet.part", SinkOptions{}, results()},
		{"o.parquet", "o.parquet.part", SinkOptions{Embedding: true}, embeddings()},
	} {
		t.Run(test.file, func(t *testing.T) {
			o := test.options
			o.Job = map[string]string{"model": "m@1"}
			whole := filepath.Join(t.TempDir(), test.file)
			s := create(t, whole, o)
			if err := s.Put(context.Background(), test.results); err != nil {
				t.Fatal(err)
			}
			grown := read(t, filepath.Join(filepath.Dir(whole), test.records))
			if err := s.Finish(); err != nil {
				t.Fatal(err)
			}
			s.Close()
			want, sidecar := read(t, whole), `{"started":"2026-01-01T00:00:00Z","job":{"model":"m@1"}}`
			o.Resume = true
			step := 1
			if test.file != test.records || o.Embedding {
				step = 23 // takes its time, and differs little from what was cut everywhere above
			}
			for cut := 0; cut <= len(grown); cut += step {
				dir := t.TempDir()
				path := filepath.Join(dir, test.file)
				for name, content := range map[string]string{test.records: grown[:cut], test.file + ".resume": sidecar} {
					if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				s := create(t, path, o)
				if again, n := s.Done(), s.Done()/2; cut%2 == 0 {
					if err := s.Keep(n); err != nil || s.Done() != n {
						t.Fatalf("cut at %d: keep %d of %d: %v", cut, n, again, err)
					}
				}
				finish(t, s, test.results)
				if got := read(t, path); got != want {
					t.Fatalf("cut at %d: got\n%s\nwant\n%s", cut, got, want)
				}
				if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
					t.Fatalf("cut at %d: the folder holds %v, %v", cut, left, err)
				}
			}
		})
	}
}

func TestCreate(t *testing.T) {
	job := map[string]string{"model": "m@1", "labels": "a,b"}
	fail := func(path string, o SinkOptions, want string) {
		t.Helper()
		if s, err := Create(path, "", o); err == nil {
			s.Close()
			t.Errorf("no error, want %q", want)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want it to say %q", err, want)
		}
	}
	path := filepath.Join(t.TempDir(), "o.jsonl")
	s := create(t, path, SinkOptions{Job: job, Resume: true}) // nothing there: begins
	fail(path, SinkOptions{Job: job, Resume: true}, "is being written by another process")
	if err := s.Put(context.Background(), results()[:2]); err != nil {
		t.Fatal(err)
	}
	s.Close()
	fail(path, SinkOptions{Job: job}, "is an unfinished run; go on with --resume, or start again with --overwrite")
	fail(path, SinkOptions{Job: map[string]string{"model": "m@2", "labels": strings.Repeat("a,", 99), "task": "t"}, Resume: true},
		`labels differs; model was "m@1", is now "m@2"; task was "", is now "t"`)
	fail(path, SinkOptions{Resume: true, Overwrite: true}, "exclude each other")
	s = create(t, path, SinkOptions{Job: job, Resume: true})
	if s.Done() != 2 {
		t.Errorf("%d records are done, want 2", s.Done())
	}
	if err := s.Keep(3); err == nil {
		t.Error("kept more than there is")
	}
	finish(t, s, results())
	fail(path, SinkOptions{Job: job}, "is already there; replace it with --overwrite, or name another --output")
	if _, err := Create(path, "", SinkOptions{Resume: true}); !errors.Is(err, ErrComplete) {
		t.Errorf("got %v, want ErrComplete", err)
	}
	s = create(t, path, SinkOptions{Job: job, Overwrite: true})
	if s.Done() != 0 {
		t.Errorf("%d records are done after --overwrite", s.Done())
	}
	finish(t, s, results()[:1])
	if n := strings.Count(read(t, path), "\n"); n != 1 {
		t.Errorf("%d records after --overwrite, want 1", n)
	}

	folder := t.TempDir()
	fail(folder, SinkOptions{}, "is a folder")
	fail(filepath.Join(folder, "no", "o.csv"), SinkOptions{}, "no isn't there; make it first")
	fail(filepath.Join(folder, "o.txt"), SinkOptions{}, `the extension ".txt" tells no format; name one: jsonl, csv, tsv, parquet`)
	fail("-", SinkOptions{Resume: true}, "can't be resumed")
	if _, err := Create("-", "parquet", SinkOptions{}); !errors.Is(err, label.ErrUsage) {
		t.Errorf("Parquet to standard output: got %v", err)
	}
	// A run that wrote nothing leaves nothing; one that finished with no items leaves an empty output.
	empty := filepath.Join(folder, "o.csv")
	create(t, empty, SinkOptions{}).Close()
	if left, _ := os.ReadDir(folder); len(left) != 0 {
		t.Errorf("an empty run left %v", left)
	}
	finish(t, create(t, empty, SinkOptions{}), nil)
	if got := read(t, empty); !strings.HasPrefix(got, "id,text") {
		t.Errorf("no items: got %q", got)
	}
	// A crash while a job begins, or after its Parquet file was made.
	write := func(name, content string) string {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(folder, name)
	}
	write("p.jsonl.resume", `{"star`)
	finish(t, create(t, filepath.Join(folder, "p.jsonl"), SinkOptions{Resume: true}), results())
	write("q.jsonl.resume", `{"star`)
	fail(write("q.jsonl", "{}\n"), SinkOptions{Resume: true}, "start again with --overwrite")
	side := write("r.parquet.resume", "{}")
	if _, err := Create(write("r.parquet", "PAR1"), "", SinkOptions{Resume: true}); !errors.Is(err, ErrComplete) {
		t.Errorf("got %v, want ErrComplete", err)
	}
	if _, err := os.Stat(side); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", side, err)
	}
	write("s.csv.resume", "{}")
	fail(write("s.csv", "other,header\n1,2\n"), SinkOptions{Resume: true}, "its header isn't that of this job")
}

// fullDisk writes half of what it is given, then fails.
type fullDisk struct{ *os.File }

func (f fullDisk) Write(b []byte) (int, error) {
	n, err := f.File.Write(b[:len(b)/2])
	if err == nil {
		err = &fs.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
	}
	return n, err
}

func TestDiskFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.csv")
	s := create(t, path, SinkOptions{})
	if err := s.Put(context.Background(), results()[:2]); err != nil {
		t.Fatal(err)
	}
	before := read(t, path)
	s.out = fullDisk{s.out.(*os.File)}
	err := s.Put(context.Background(), results()[2:])
	if want := "write " + path + ": no space left on device; free space, then run again with --resume"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if after := read(t, path); after != before {
		t.Errorf("the cut record is still there: %q", after)
	}
	s.Close()
	s = create(t, path, SinkOptions{Resume: true})
	finish(t, s, results())
	if got := strings.Count(read(t, path), "\n"); got != 7 {
		t.Errorf("%d lines, want 7", got)
	}
	s, err = Create("/dev/full", "", SinkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(context.Background(), results()); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "write /dev/full") {
		t.Errorf("/dev/full: got %v", err)
	}
	if _, err := Create("/dev/full", "csv", SinkOptions{}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("/dev/full as CSV: got %v", err)
	}
}

func TestCancelledPut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.jsonl")
	s := create(t, path, SinkOptions{})
	defer s.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Put(ctx, results()); !errors.Is(err, context.Canceled) || read(t, path) != "" {
		t.Errorf("got %v and %q", err, read(t, path))
	}
}

func TestCountRecords(t *testing.T) {
	line := fmt.Sprintf("a,\"%s\"\"\n\"\n", strings.Repeat("x", 100_000)) // quotes and line ends fall on both sides of the buffer
	all := strings.Repeat(line, 20)
	for _, test := range []struct{ limit, count int }{{-1, 20}, {0, 0}, {7, 7}, {21, 20}} {
		n, length, err := countRecords(io.MultiReader(strings.NewReader(all), strings.NewReader(`b,"cut`+"\n")), true, test.limit)
		if err != nil || n != test.count || length != int64(test.count*len(line)) {
			t.Errorf("limit %d: got %d records, %d bytes, %v", test.limit, n, length, err)
		}
	}
}
