package browser

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
)

// hostile are names and texts that would do something where they were read as HTML, as an address or as a script.
var hostile = []string{
	`<img src=x onerror=hurt()>`, `<script>hurt()</script>`, `"><svg onload=hurt()>`, `' onmouseover='hurt()`, `javascript:hurt()`,
	`<iframe srcdoc="<script>parent.hurt()</script>">`, `<style>*{display:none}</style>`, `</textarea><b id=hurt>`, `${hurt()}{{hurt()}}`,
}

// TestInjection walks through a project whose texts, labels, file names and other columns are hostile.
func TestInjection(t *testing.T) {
	t.Parallel()
	var rows strings.Builder
	for _, text := range hostile {
		row, err := json.Marshal(map[string]any{"id": text, "text": text, text: text, "constructor": map[string]any{"__proto__": text}})
		if err != nil {
			t.Fatal(err)
		}
		rows.Write(append(row, '\n'))
	}
	folder := filepath.Join(t.TempDir(), "pictures")
	if err := os.Mkdir(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{`<img src=x onerror=hurt()>.jpg`, `"><b id=hurt>.jpg`, `javascript:hurt().jpg`} {
		picture, err := os.ReadFile(repository + "/testdata/images/cat-1.jpg")
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), append(picture, name...), 0o666) // the same content is imported once
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ task, source string }{
		{label.TextClassification, write(t, "hostile.jsonl", rows.String())}, {label.ImageClassification, folder},
	} {
		p := newProject(t, c.task, hostile, c.source)
		order := upTo(3)
		p.judge(order, func(item int64) (string, float64) { return hostile[item-1], 0.6 })
		p.enqueue(order, 2)
		s := p.serve(`<img src=x onerror=hurt()>`, "bob")
		for who := range s.links {
			w := work(s, who, order)
			w.types(map[bool][]string{true: {"1", "2"}, false: {"2", "1"}}[who == "bob"]...)
			w.saved()
			for _, step := range []func(){
				func() { w.press("/"); w.until("document.querySelector('dialog .matches li')"); w.write("<s") },
				func() { w.press("Escape", "?"); w.until("document.querySelector('dialog table')") },
				func() {
					w.press("Escape", ",")
					w.until("document.querySelector('dialog input')")
					w.write("<b id=hurt>")
					w.press("Enter")
				},
				func() { w.goTo("items"); w.until("document.querySelector('.row')") },
				func() { w.press("Shift+Down", "5"); w.until("document.querySelector('.label.now')"); w.saved() },
				func() {
					w.goTo("items?label=" + "%3Cimg+src%3Dx+onerror%3Dhurt()%3E")
					w.until("document.querySelector('.list')")
				},
				func() { w.goTo("<img src=x onerror=hurt()>"); w.until("document.querySelector('.review')") },
				func() { w.goTo("disagreements"); w.until("document.querySelector('.review')") },
				func() {
					read[any](w.tab, "void document.getElementById('labels').click()")
					w.until("document.querySelector('dialog select')")
				},
			} {
				step()
				w.unhurt()
			}
			w.clean()
		}
	}
}

// unhurt fails the test where something of the hostile texts became more than a text.
func (p *tab) unhurt() {
	p.Helper()
	found := read[[]string](p, `[...document.querySelectorAll('script:not([src="/assets/main.js"]), style, iframe, #hurt, [src="x"], [onerror], [onload], [onmouseover], a[href^="javascript:"]'),
		...[...document.querySelectorAll('svg')].filter((e) => e.hasAttribute('onload'))].map((e) => e.outerHTML)`)
	if len(found) > 0 {
		p.Errorf("the page has elements of hostile texts: %q", found)
	}
}
