package dataset

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
)

func text(s string, gold ...string) Record { return Record{Item: label.Item{Text: s, Gold: gold}} }

func TestExportRefuses(t *testing.T) {
	with := func(change func(*Record)) Record {
		r := Record{Item: label.Item{ID: "7", Text: "a", Gold: []string{"x"}}}
		change(&r)
		return r
	}
	for _, test := range []struct {
		name, file, format, want string
		record                   Record
	}{
		{name: "an item that failed", file: "a.jsonl", want: "item 7: it could not be read: bad row", record: with(func(r *Record) { r.Item.Err = errors.New("bad row") })},
		{name: "no text", file: "a.jsonl", want: "neither a text nor a picture", record: with(func(r *Record) { r.Item.Text = " \n" })},
		{name: "no UTF-8", file: "a.jsonl", want: `"\xff" is no UTF-8`, record: with(func(r *Record) { r.Item.Text = "\xff" })},
		{name: "empty label", file: "a.jsonl", want: "a label is the empty text", record: with(func(r *Record) { r.Item.Gold = []string{""} })},
		{name: "undone", file: "a.jsonl", want: `verdict is "undone"`, record: with(func(r *Record) { r.Annotations = []label.Annotation{{Verdict: label.Undone}} })},
		{name: "NUL in CSV", file: "a.csv", want: "holds a NUL, which CSV can't; take jsonl or parquet", record: with(func(r *Record) { r.Item.Text = "a\x00b" })},
		{name: "# among joined labels", file: "a.csv", format: "doccano", want: `the labels ["C#" "b"] can't be joined by '#'`, record: with(func(r *Record) { r.Item.Gold = []string{"C#", "b"} })},
		{name: "no label in doccano", file: "a.jsonl", format: "doccano", want: "none of the labels applies", record: with(func(r *Record) { r.Item.Gold = []string{} })},
		{name: "ids in fastText", file: "a.ft", want: "fastText has no place for ids", record: with(func(r *Record) {})},
		{name: "metadata and annotations in fastText", file: "a.ft", want: "no place for metadata, annotations", record: with(func(r *Record) {
			r.Item.ID, r.Item.Meta, r.Annotations = "", map[string]any{"a": "b"}, []label.Annotation{{Verdict: label.Skipped}}
		})},
		{name: "line ends in fastText", file: "a.ft", want: "no place for line ends", record: text("a\nb")},
		{name: "labels with spaces in fastText", file: "a.ft", want: `the label "two words" holds white space`, record: text("a", "two words")},
		{name: "labels in fastText's text", file: "a.ft", want: "would take a word of its text for a label", record: text("a __label__b")},
		{name: "pictures in fastText", file: "a.ft", want: "texts, not pictures", record: Record{Item: label.Item{Image: "a.png"}}},
		{name: "a picture elsewhere", file: "a.jsonl", want: "/elsewhere/a.png is not in ", record: Record{Item: label.Item{Image: "/elsewhere/a.png"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), test.file)
			err := tryExport(path, ExportOptions{Format: test.format}, []Record{test.record})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want it to say %q", err, test.want)
			}
			if left, _ := os.ReadDir(filepath.Dir(path)); len(left) > 0 {
				t.Errorf("%s is left", left[0].Name())
			}
		})
	}
}

func TestExportErrors(t *testing.T) {
	folder := t.TempDir()
	there := write(t, "a.jsonl", "x\n")
	for _, test := range []struct{ path, format, want string }{
		{there, "", "is already there; replace it with --overwrite"},
		{folder, "jsonl", "it is a folder; name a file in it"},
		{filepath.Join(folder, "a.doc"), "", `neither the extension ".doc" nor the content tells the format; name one by --format: jsonl, csv, tsv, parquet, prodigy, doccano, label-studio, fasttext, imagefolder`},
		{filepath.Join(folder, "a.jsonl"), "xml", `no format "xml" here; use one of jsonl, csv`},
		{filepath.Join(folder, "gone", "a.jsonl"), "", "isn't there; make it first"},
		{filepath.Dir(there), imageFolder, "is already there and not empty"},
	} {
		if _, err := Export(test.path, ExportOptions{Format: test.format}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.path, err, test.want)
		}
	}
	if got := read(t, there); got != "x\n" {
		t.Errorf("%s was changed to %q", there, got)
	}
	w, err := Export(there, ExportOptions{Overwrite: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Export(there, ExportOptions{Overwrite: true}); err == nil || !strings.Contains(err.Error(), "another process is writing it") {
		t.Errorf("got %v, want it to be busy", err)
	}
	if err := w.Put(context.Background(), []Record{text("a")}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, there); got != "x\n" {
		t.Errorf("half written: %q", got)
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	if w.Close(); read(t, there) != "{\"text\":\"a\"}\n" {
		t.Errorf("got %q", read(t, there))
	}
}

// TestExportEmpty wants files without records to be readable.
func TestExportEmpty(t *testing.T) {
	for file, format := range map[string]string{"a.jsonl": "", "a.csv": "", "a.tsv": "", "a.parquet": "", "a.ft": "", "p.jsonl": "prodigy", "d.csv": "doccano", "d.zip": "doccano", "l.json": "label-studio"} {
		path := filepath.Join(t.TempDir(), file)
		exportAll(t, path, ExportOptions{Format: format}, nil)
		if got := importAll(t, path, ImportOptions{Format: format}); len(got) != 0 {
			t.Errorf("%s: got %d records", file, len(got))
		}
	}
}

func TestFastTextRoundTrip(t *testing.T) {
	lossy := []Record{{Item: label.Item{ID: "k", Text: " a\n b\x00\r", Pair: "p", Meta: map[string]any{"a": "b"}, Gold: []string{}}, Annotations: []label.Annotation{{Verdict: label.Skipped}}}}
	path := filepath.Join(t.TempDir(), "a.ft")
	exportAll(t, path, ExportOptions{Lossy: true}, lossy)
	if got := read(t, path); got != "a b\n" {
		t.Errorf("got %q", got)
	}
	for seed := range uint64(200) {
		d := draw{rand.New(rand.NewPCG(seed, 2))}
		var want []Record
		for range 1 + d.IntN(4) {
			r := text(d.filled("_\n\x00\r\ufeff"), d.labels(fastTextSpace)...)
			if r.Item.Gold = slices.DeleteFunc(r.Item.Gold, func(s string) bool { return strings.ContainsAny(s, fastTextSpace) || s == "" }); len(r.Item.Gold) == 0 {
				r.Item.Gold = nil
			}
			if strings.Trim(r.Item.Text, fastTextSpace) != "" {
				want = append(want, r)
			}
		}
		path := filepath.Join(t.TempDir(), "a.ft")
		exportAll(t, path, ExportOptions{}, want)
		got := importAll(t, path, ImportOptions{})
		for i := range want {
			if i >= len(got) || got[i].Item.Text != want[i].Item.Text || !slices.Equal(got[i].Item.Gold, want[i].Item.Gold) {
				t.Fatalf("seed %d, record %d: got %v, want %s of %q", seed, i, got, said(want[i]), read(t, path))
			}
		}
	}
}

// TestAnswersThatChanged relabels what came from elsewhere: old answers don't come back, the rest does.
func TestAnswersThatChanged(t *testing.T) {
	mine := label.Annotation{Annotator: "me", Verdict: label.Corrected, Labels: []string{"Negative"}}
	for _, test := range []struct{ file, format, want string }{
		{"prodigy.jsonl", "prodigy", "1|The new display is gorgeous||me corrected Negative"},
		{"label-studio.json", "label-studio", "1|To have faith is to trust yourself to the water||me corrected Negative"},
	} {
		r := importAll(t, formatsFolder+test.file, ImportOptions{})[0]
		r.Item.ID, r.Annotations = "1", []label.Annotation{mine}
		path := filepath.Join(t.TempDir(), test.file)
		exportAll(t, path, ExportOptions{Format: test.format}, []Record{r})
		got := importAll(t, path, ImportOptions{})[0]
		if said(got) != test.want {
			t.Errorf("%s: got %s, want %s", test.file, said(got), test.want)
		}
		if test.format == "label-studio" {
			around := got.Item.Meta[studioKept].(map[string]any)
			if around["predictions"] == nil || around["project"] != json.Number("83") || strings.Contains(read(t, path), "1001") {
				t.Errorf("got %s", read(t, path))
			}
			if !strings.Contains(read(t, path), `"from_name":"sentiment","to_name":"text"`) {
				t.Errorf("another control: %s", read(t, path))
			}
		} else if got.Item.Meta["_task_hash"] != json.Number("-340967702") || got.Item.Meta["label"] != nil {
			t.Errorf("got %s", read(t, path))
		}
	}
}

// TestAnswersThatWereEdited takes the word of the other program where it is newer than what we left beside.
func TestAnswersThatWereEdited(t *testing.T) {
	r := text("a")
	r.Annotations = []label.Annotation{{Annotator: "me", Verdict: label.Corrected, Labels: []string{"old"}, Note: "why", Key: "k"}}
	for format, answer := range map[string]string{"prodigy": `"accept":["old"]`, "label-studio": `"choices":["old"]`} {
		path := filepath.Join(t.TempDir(), "a.json")
		exportAll(t, path, ExportOptions{Format: format}, []Record{r})
		edited := strings.Replace(read(t, path), answer, strings.Replace(answer, "old", "new", 1), 1)
		if err := os.WriteFile(path, []byte(edited), 0o644); err != nil {
			t.Fatal(err)
		}
		got := importAll(t, path, ImportOptions{Format: format})[0]
		if a := got.Annotations[0]; !slices.Equal(a.Labels, []string{"new"}) || a.Note != "" {
			t.Errorf("%s: got %+v of %s", format, a, edited)
		}
	}
}

func TestPicturesRoundTrip(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"a.png", "b c.png", "sub/a.png"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte("picture "+name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	picture := func(id, name string, gold ...string) Record {
		return Record{Item: label.Item{ID: id, Image: filepath.Join(folder, name), Gold: gold, Meta: map[string]any{"text": "caption", "image": "other"}}}
	}
	want := []Record{picture("1", "a.png", "cat"), picture("2", "b c.png"), picture("3", "sub/a.png", "a/b", "..")}
	for file, format := range map[string]string{"a.jsonl": "jsonl", "a.csv": "csv", "a.parquet": "parquet", "p.jsonl": "prodigy", "d.jsonl": "doccano", "l.json": "label-studio"} {
		path := filepath.Join(folder, file)
		c := Columns{Images: true}
		exportAll(t, path, ExportOptions{Format: format, Columns: c}, want)
		got := importAll(t, path, ImportOptions{Format: format, Columns: c})
		for i := range got {
			delete(got[i].Item.Meta, kept[format])
			data, err := got[i].Item.Load()
			if err != nil || !strings.HasPrefix(string(data), "picture ") {
				t.Errorf("%s: %q, %v", file, data, err)
			}
			if got[i] = plainRecord(got[i]); !reflect.DeepEqual(got[i], want[i]) {
				t.Errorf("%s: got %s\nwant %s", file, showRecord(got[i]), showRecord(want[i]))
			}
		}
	}
}

func TestImageFolder(t *testing.T) {
	tree := func(files ...string) string {
		folder := t.TempDir()
		for _, f := range files {
			name, content, _ := strings.Cut(f, "=")
			path := filepath.Join(folder, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return folder
	}
	show := func(folder string) []string {
		var all []string
		for _, r := range importAll(t, folder, ImportOptions{Columns: Columns{Images: true}}) {
			split, _ := r.Item.Meta["split"].(string)
			line := strings.Join([]string{r.Item.ID, strings.Join(r.Item.Gold, "+"), split}, "|")
			if r.Item.Err != nil {
				line = r.Item.ID + "!"
			}
			all = append(all, line)
		}
		return all
	}
	for _, test := range []struct {
		name  string
		files []string
		want  []string
	}{
		{"classes", []string{"train/cat/1.png", "train/dog/2.png", "test/cat/3.png"}, []string{"test/cat/3.png|cat|test", "train/cat/1.png|cat|train", "train/dog/2.png|dog|train"}},
		{"classes without splits", []string{"cat/1.png", "dog/2.png"}, []string{"cat/1.png|cat|", "dog/2.png|dog|"}},
		{"one folder is no class", []string{"cat/1.png", "cat/2.png"}, []string{"cat/1.png||", "cat/2.png||"}},
		{"folders of several depths are no classes", []string{"a/1.png", "b/c/2.png"}, []string{"a/1.png||", "b/c/2.png||"}},
		{"metadata", []string{"train/cat/1.png", "train/dog/2.png", "train/metadata.jsonl={\"file_name\":\"cat/1.png\",\"label\":\"lion\"}\n{\"file_name\":\"gone.png\"}\n"},
			[]string{"train/cat/1.png|lion|train", "train/gone.png!", "train/dog/2.png||train"}},
		{"metadata in CSV", []string{"1.png", "metadata.csv=file_name,label\n1.png,cat\n"}, []string{"1.png|cat|"}},
	} {
		if got := show(tree(test.files...)); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}

	from := tree("x/1.png=one", "y/1.png=two", "z.png=three", "w.png=four")
	want := []Record{
		{Item: label.Item{ID: "1", Image: from + "/x/1.png", Gold: []string{"cat"}, Meta: map[string]any{"split": "train", "n": json.Number("1"), "file_name": "mine"}}},
		{Item: label.Item{ID: "2", Image: from + "/y/1.png", Gold: []string{"cat"}, Meta: map[string]any{"split": "train"}},
			Annotations: []label.Annotation{{Annotator: "me", Verdict: label.Corrected, Labels: []string{"cat"}}}},
		{Item: label.Item{ID: "3", Image: from + "/z.png", Gold: []string{"../up"}, Meta: map[string]any{"split": "train"}}},
		{Item: label.Item{ID: "4", Image: from + "/w.png", Gold: []string{"train"}, Meta: nil}},
	}
	to := filepath.Join(t.TempDir(), "out")
	exportAll(t, to, ExportOptions{Format: imageFolder}, want)
	var files []string
	filepath.WalkDir(to, func(at string, d fs.DirEntry, err error) error {
		if name, _ := filepath.Rel(to, at); !d.IsDir() {
			files = append(files, name)
		}
		return err
	})
	if want := []string{"%74rain/w.png", "metadata.jsonl", "train/%2E.%2Fup/z.png", "train/cat/1-2.png", "train/cat/1.png", "train/metadata.jsonl"}; !slices.Equal(files, want) {
		t.Errorf("got %q, want %q", files, want)
	}
	got := importAll(t, to, ImportOptions{Columns: Columns{Images: true}})
	slices.SortFunc(got, func(a, b Record) int { return strings.Compare(a.Item.ID, b.Item.ID) })
	for i := range got {
		a, err := got[i].Item.Load()
		b, err2 := os.ReadFile(want[i].Item.Image)
		if err != nil || err2 != nil || string(a) != string(b) {
			t.Errorf("picture %d: %q, %v, %v", i, a, err, err2)
		}
		got[i].Item.Image = want[i].Item.Image
		if g := plainRecord(got[i]); !reflect.DeepEqual(g, want[i]) {
			t.Errorf("got %s\nwant %s", showRecord(g), showRecord(want[i]))
		}
	}
}

// TestImportTellsFormats imports files without a named format.
func TestImportTellsFormats(t *testing.T) {
	for _, test := range []struct{ file, content, format, want string }{
		{"a.jsonl", `{"text":"a","label":"x"}`, "jsonl", "a.jsonl:1|a|x"},
		{"a.json", "[\n{\"text\":\"a\",\"label\":\"x\"},\n\n \"b\"]", "jsonl", "a.json:2|a|x,a.json:4|b|"},
		{"a.json", `[{"id":1,"data":{"text":"a"},"annotations":[]}]`, "label-studio", "1|a|"},
		{"a.jsonl", `{"text":"a","answer":"accept","label":"x"}`, "prodigy", "a.jsonl:1|a|| accepted x of x"},
		{"a.jsonl", `{"text":"a","answer":"42"}`, "jsonl", "a.jsonl:1|a|"},
		{"a.csv", "id,text,label,Comments\n1,a,x#y,\n", "doccano", "1|a|x+y"},
		{"a.csv", "id,text,label\n1,a,x#y\n2,b,\"[\"\"p\"\",\"\"q\"\"]\"\n3,c,[]\n", "csv", "1|a|x#y,2|b|p+q,3|c|"},
		{"a.txt", "__label__x a\n", "fasttext", "a.txt:1|a|x"},
		{"a.txt", "a\n", "txt", "a.txt:1|a|"},
		{"a.unknown", `{"text":"a","_input_hash":1}`, "prodigy", "a.unknown:1|a|"},
	} {
		path := write(t, test.file, test.content)
		r, err := Import([]string{path}, ImportOptions{})
		if err != nil {
			t.Errorf("%s: %v", test.content, err)
			continue
		}
		if r.Close(); r.Format() != test.format {
			t.Errorf("%s: taken for %s, want %s", test.content, r.Format(), test.format)
		}
		var got []string
		for _, r := range importAll(t, path, ImportOptions{}) {
			got = append(got, said(r))
		}
		if got := strings.Join(got, ","); got != test.want {
			t.Errorf("%s: got %s, want %s", test.content, got, test.want)
		}
	}
}

func TestImportErrors(t *testing.T) {
	const task = `{"text":"a"}`
	for _, test := range []struct{ file, content, format, want string }{
		{"a.doc", "x", "", `neither the extension ".doc" nor the content tells the format; name one by --format: jsonl, csv, tsv, parquet, txt, prodigy`},
		{"a.jsonl", task, "xml", `no format "xml" here`},
		{"a.zip", "PK", "", "a.zip: zip: not a valid zip file"},
		{"a.jsonl", task, imageFolder, "is no folder"},
		{"a.csv", "", "csv", "is empty; its first row must name the columns"},
	} {
		if _, err := Import([]string{write(t, test.file, test.content)}, ImportOptions{Format: test.format}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.file, err, test.want)
		}
	}
	mixed := []string{write(t, "a.csv", "text\na\n"), write(t, "b.jsonl", `{"text":"a","answer":"accept"}`)}
	if _, err := Import(mixed, ImportOptions{}); err == nil || !strings.Contains(err.Error(), "b.jsonl is prodigy, the inputs before it are csv; import them one by one") {
		t.Errorf("got %v", err)
	}
}

// TestImportBadRows wants one error record for each row that can't be read, and the others as they are.
func TestImportBadRows(t *testing.T) {
	for _, test := range []struct{ file, format, content, want string }{
		{"a.jsonl", "prodigy", "{\"text\":\"a\",\"answer\":\"maybe\",\"label\":\"x\"}\n{\"html\":\"a\"}\n{\"text\":\"b\"}\n{\"text\":\"c\",\"label\":[\"x\",\"y\"]}\n{\"text\":\"d\",\"accept\":{}}",
			`! a.jsonl:1: "answer" is "maybe"; it can be accept, reject or ignore,! a.jsonl:2: no "text"; the keys are "html",a.jsonl:3|b|,` +
				`! a.jsonl:4: "label" holds 2 labels; give several as "accept",! a.jsonl:5: "accept" is an object; make it a label, or a list of labels`},
		{"a.json", "label-studio", "[\n{\"data\":{\"text\":\"a\"},\"annotations\":[{\"result\":[{\"type\":\"choices\",\"from_name\":\"p\",\"value\":{\"choices\":[\"x\"]}},{\"type\":\"choices\",\"from_name\":\"q\",\"value\":{\"choices\":[\"x\"]}}]}]},\n" +
			"{\"data\":{}},\n7,\n{\"data\":{\"text\":\"b\"}},\n{\"data\":{\"text\":\"\xff\"}}, {\"data\" ]\n{\"data\":{\"text\":\"lost\"}}",
			`! a.json:2: there are choices of p and of q; name the one that holds the labels by --label-column,! a.json:3: no "text"; the keys are ,` +
				`! a.json:4: the line is a number; write an object such as {"text": "..."},a.json:5|b|,` +
				`! a.json:6: invalid UTF-8 at byte 18 of the row; convert the file: iconv -f latin1 -t utf-8 FILE > NEW,! a.json:6: ` + string(errBrokenArray)},
		{"a.ft", "", "__label__x\n__label__ a\n__label__x a __label__y\nb\n", "! a.ft:1: labels without a text; add it, or delete the row," +
			`! a.ft:2: "__label__" without a name; write the label behind it,! a.ft:3: a label stands within the text, where fastText takes it for one of the item's; put it in front,a.ft:4|b|`},
		{"a.jsonl", "", `{"text":"a","annotations":[{"verdict":"perhaps"}]}`, `! a.jsonl:1: the verdict of an annotation is "perhaps"; use one of [accepted corrected rejected skipped flagged]`},
	} {
		path := write(t, test.file, test.content)
		var got []string
		for _, r := range importAll(t, path, ImportOptions{Format: test.format}) {
			got = append(got, strings.ReplaceAll(said(r), filepath.Dir(path)+"/", ""))
		}
		if got := strings.Join(got, ","); got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.file, got, test.want)
		}
	}
}

func TestLabelStudioConfig(t *testing.T) {
	config := LabelStudioConfig([]string{"a&b", `"<c>"`}, false, true)
	d := xml.NewDecoder(strings.NewReader(config))
	var values []string
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "Choice" {
			values = append(values, e.Attr[0].Value)
		}
	}
	if !slices.Equal(values, []string{"a&b", `"<c>"`}) || !strings.Contains(config, `<Choices name="label" toName="text" choice="multiple">`) {
		t.Errorf("got %s", config)
	}
}
