package dataset

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const formatsFolder = "../../testdata/formats/"

// said gives a record as "id|content|gold|annotations".
func said(r Record) string {
	if r.Item.Err != nil {
		return "! " + r.Item.Err.Error()
	}
	fields := []string{r.Item.ID, r.Item.Text + filepath.Base(r.Item.Image), strings.Join(r.Item.Gold, "+")}
	if r.Item.Image == "" {
		fields[1] = r.Item.Text
	}
	for _, a := range r.Annotations {
		text := a.Annotator + " " + string(a.Verdict) + " " + strings.Join(a.Labels, "+")
		if a.Labels != nil && len(a.Labels) == 0 {
			text += "none"
		}
		if a.Suggestion != nil {
			text += " of " + strings.Join(a.Suggestion, "+")
		}
		if !a.At.IsZero() {
			text += a.At.Format(" at 2006-01-02T15:04:05.000")
		}
		if a.Took != 0 {
			text += " in " + a.Took.String()
		}
		fields = append(fields, text)
	}
	return strings.Join(fields, "|")
}

// TestDocumentedExamples reads the examples of other programs as they are and writes them again: the same content.
func TestDocumentedExamples(t *testing.T) {
	for _, test := range []struct {
		file, format string
		images       bool
		want         []string
	}{
		{"prodigy.jsonl", "prodigy", false, []string{
			"prodigy.jsonl:1|The new display is gorgeous||reviews-alex accepted POSITIVE of POSITIVE at 2022-02-11T09:22:01.000",
			"prodigy.jsonl:2|The battery lasts an hour||reviews-alex rejected  of POSITIVE at 2022-02-11T09:22:05.000",
			"prodigy.jsonl:3|It came on a Tuesday|| skipped  of POSITIVE at 2022-02-11T09:22:09.000",
			"prodigy.jsonl:4|Fits well and looks cheap||reviews-kim corrected POS+NEG at 2022-02-11T09:23:21.000",
			"prodigy.jsonl:5|No idea|| corrected 0",
			"prodigy.jsonl:6|None of these|| corrected none",
			"prodigy.jsonl:7|Pearl Automation builds cameras|",
			"prodigy.jsonl:8|Not asked yet|POSITIVE",
		}},
		{"prodigy-images.jsonl", "prodigy", true, []string{"prodigy-images.jsonl:1|ball-1.jpg|| corrected ball", "prodigy-images.jsonl:2|cat-1.jpg|| accepted cat of cat"}},
		{"doccano.jsonl", "doccano", false, []string{"1|Terrible customer service.|negative", "2|Really great transaction.|positive+fast", "3|Great price.|"}},
		{"doccano.csv", "doccano", false, []string{"1|Terrible customer service.|negative", `2|Really "great" transaction, again.|fast+positive`, "3|Great price.|"}},
		{"doccano-images.jsonl", "doccano", true, []string{"7|cat-1.jpg|cat"}},
		{"doccano-spans.jsonl", "doccano", false, []string{"4|EU rejects German call to boycott British lamb.|", "5|Google was founded on September 4, 1998.|"}},
		{"doccano.zip", "doccano", false, []string{"1|Terrible customer service.||anna corrected negative", "2|Great price.|",
			"1|Terrible customer service.||ben corrected positive", "3|Really great transaction.|positive"}},
		{"label-studio.json", "label-studio", false, []string{
			"1|To have faith is to trust yourself to the water||ann@example.org corrected Positive at 2021-03-09T22:16:08.728 in 4.288s|11 skipped  at 2021-03-10T08:00:00.000",
			"2|Pearl Automation builds cameras|business+hardware|10 corrected business+hardware in 2s",
			"label-studio.json:43|Nobody has looked at this one|"}},
		{"label-studio-images.json", "label-studio", true, []string{"3|cat-1.jpg||1 corrected cat"}},
		{"fasttext.txt", "fasttext", false, []string{"fasttext.txt:1|Terrible customer service .|negative", "fasttext.txt:2|Really great transaction .|positive+fast", "fasttext.txt:3|no label here|"}},
	} {
		t.Run(test.file, func(t *testing.T) {
			c := Columns{Images: test.images}
			if test.images {
				c.Root = "../../testdata/images"
			}
			o := ImportOptions{Columns: c} // the format is told by the content
			r, err := Import([]string{formatsFolder + test.file}, o)
			if err != nil {
				t.Fatal(err)
			}
			if r.Close(); r.Format() != test.format {
				t.Errorf("taken for %s, is %s", r.Format(), test.format)
			}
			records := importAll(t, formatsFolder+test.file, o)
			var got []string
			for _, r := range records {
				got = append(got, said(r))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
			for i := range records {
				records[i] = stored(t, records[i])
			}
			path := filepath.Join(t.TempDir(), test.file)
			exportAll(t, path, ExportOptions{Format: test.format, Columns: c}, records)
			if test.format == "doccano" && strings.HasSuffix(test.file, ".zip") {
				return // its members become one
			}
			if got, want := content(t, path), content(t, formatsFolder+test.file); !reflect.DeepEqual(got, want) {
				t.Errorf("wrote\n%s\nwant\n%s", read(t, path), read(t, formatsFolder+test.file))
			}
		})
	}
}

// stored is a record as it comes out of a store, which keeps JSON.
func stored(t testing.TB, r Record) Record {
	t.Helper()
	b, err := json.Marshal(r.Item.Meta)
	if err != nil {
		t.Fatal(err)
	}
	value, _ := parseJSON(b)
	r.Item.Meta, _ = value.(map[string]any)
	for i := range r.Annotations {
		r.Annotations[i].Item, r.Annotations[i].ID = 7, int64(i)
	}
	return r
}

// content gives what a file says, whatever the order of its keys.
func content(t *testing.T, path string) any {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(path, ".json") {
		value, _ := parseJSON(b)
		return value
	}
	if strings.HasSuffix(path, ".csv") {
		table, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var rows []map[string]string
		for _, cells := range table[1:] {
			row := map[string]string{}
			for i, cell := range cells {
				row[table[0][i]] = cell
			}
			rows = append(rows, row)
		}
		return rows
	}
	if !strings.HasSuffix(path, ".jsonl") {
		return strings.Split(string(b), "\n")
	}
	var rows []any
	for line := range strings.Lines(string(b)) {
		value, _ := parseJSON([]byte(line))
		rows = append(rows, value)
	}
	return rows
}
