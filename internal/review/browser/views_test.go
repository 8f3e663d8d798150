package browser

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

var shots = flag.String("shots", "", "folder into which pictures of the main views are written")

// view is a state of the page and the way to it from the view before.
type view struct {
	name   string
	main   bool // pictures of it are kept
	photos bool // it shows photographs
	reach  func(p *tab)
	shows  string // a JavaScript expression that is true when it is there
	phones bool   // it is there on phones alone
}

// press gives a way to a view by keys.
func press(keys ...string) func(p *tab) { return func(p *tab) { p.press(keys...) } }

// at gives a way to a view by its address; it is there when the expression is true.
func at(place, ready string) func(p *tab) {
	return func(p *tab) {
		p.press("Escape")
		p.goTo(place)
		p.until(ready)
	}
}

func click(selector string) func(p *tab) {
	return func(p *tab) { read[any](p, fmt.Sprintf("void document.querySelector(%q).click()", selector)) }
}

func then(ways ...func(p *tab)) func(p *tab) {
	return func(p *tab) {
		for _, way := range ways {
			way(p)
		}
	}
}

const inRow = "document.activeElement.matches('.row')"

// TestViews shows every view in light and dark, on a desk and on a phone. None has a serious fault by axe-core, and none is
// wider than the screen.
func TestViews(t *testing.T) {
	if *shots != "" {
		if err := os.MkdirAll(*shots, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name  string
		make  func(testing.TB) *server
		views []view
	}{
		{"texts", team, []view{
			{name: "text", main: true, reach: press("Enter", "Enter"), shows: "document.querySelector('.text p') && document.querySelector('#panel .meter')"},
			{name: "status", reach: click("#status"), shows: "document.body.matches('.status')", phones: true},
			{name: "status closed", reach: click("#status"), shows: "!document.body.matches('.status')", phones: true},
			{name: "find", reach: then(press("/"), func(p *tab) { p.write("car") }), shows: "document.querySelector('dialog .matches [aria-selected=true]')"},
			{name: "help", reach: press("Escape", "?"), shows: "document.querySelector('dialog table')"},
			{name: "note", reach: press("Escape", ","), shows: "document.querySelector('dialog input')"},
			{name: "labels", main: true, reach: then(press("Escape"), click("#labels"), func(p *tab) {
				read[any](p, "void (document.querySelector('dialog select').value = 'merge', document.querySelector('dialog select').dispatchEvent(new Event('change')))")
			}), shows: "document.querySelector('dialog select[multiple]')"},
			{name: "list", reach: then(at("items", inRow), press("Down", "Shift+Down", "Shift+Down", "2")), shows: "document.querySelector('.label.now')"},
			{name: "nothing found", reach: at("items?q=xylophone", "true"), shows: "document.querySelector('.list .hint')"},
			{name: "disagreements", main: true, reach: at("disagreements", "true"), shows: "document.querySelector('.opinions li')"},
		}},
		{"pictures", album, []view{
			{name: "picture", main: true, photos: true, reach: press("Enter"), shows: "document.querySelector('.pane img')?.complete && document.getElementById('panel').innerText.includes('1 of 4')"},
			{name: "grid", main: true, photos: true, reach: then(at("items", inRow), press("Right", "Shift+Right", "Shift+Right")),
				shows: "document.querySelectorAll('[aria-selected=true]').length === 3 && [...document.querySelectorAll('.thumb')].slice(0, 12).every((e) => e.complete)"},
		}},
		{"several labels", tags, []view{
			{name: "several", reach: press("2", "3"), shows: "document.querySelectorAll('[aria-pressed=true]').length > 1"},
			{name: "empty", reach: press("Enter", "s", "s"), shows: "document.querySelector('.review .item.empty')"},
			{name: "no disagreements", reach: at("disagreements", "true"), shows: "document.querySelector('.review .item.empty')?.innerText.includes('No dis')"},
		}},
		{"stranger", tags, []view{
			{name: "login", reach: func(p *tab) { p.do(chromedp.Navigate(strings.Split(read[string](p, "location.href"), "?")[0])) }, shows: "document.querySelector('input')"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, looks := range [][]look{{desk, deskDark}, {phone, phoneDark}} {
				address := c.make(t).links["ann"]
				if c.name == "stranger" {
					address, _, _ = strings.Cut(address, "?")
				}
				p := open(t, address, looks[0])
				if c.name != "stranger" {
					p.until("document.querySelector('.review .facts span')")
				}
				for _, v := range c.views {
					if v.phones && looks[0] == desk {
						continue
					}
					v.reach(p)
					p.until(v.shows)
					for _, l := range looks {
						p.look(l)
						p.inspect(v, l)
					}
					p.look(looks[0])
				}
				if c.name != "stranger" { // whose address is answered by a refusal
					p.clean()
				}
			}
		})
	}
}

// inspect looks at what a page shows.
func (p *tab) inspect(v view, l look) {
	p.Helper()
	read[any](p, "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(null))))")
	if wide := read[int64](p, "document.scrollingElement.scrollWidth"); wide > l.width {
		p.Errorf("%s, %s: the page is %d pixels wide, on a screen of %d", v.name, l.name, wide, l.width)
	}
	for _, fault := range p.axe() {
		p.Errorf("%s, %s: %s", v.name, l.name, fault)
	}
	if *shots != "" && v.main && l != phoneDark {
		p.shoot(filepath.Join(*shots, v.name+"-"+l.name), v.photos)
	}
}

// shoot writes a picture of the page: a PNG, or where photographs would make that a large one a WebP.
func (p *tab) shoot(path string, photos bool) {
	p.Helper()
	kind, quality := page.CaptureScreenshotFormatPng, int64(80)
	if photos {
		kind = page.CaptureScreenshotFormatWebp
	}
	picture := act(p, func(ctx context.Context, at *chromedp.Target) (page.CaptureScreenshotResult, error) {
		return cdp.Call(ctx, at, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: kind, Quality: &quality})
	})
	if err := os.WriteFile(path+"."+kind.String(), picture.Data, 0o666); err != nil {
		p.Fatal(err)
	}
}

// axe gives the serious faults that axe-core finds.
func (p *tab) axe() []string {
	p.Helper()
	if !read[bool](p, "'axe' in window") {
		path := dependency("browser/axe/axe.min.js")
		source, err := os.ReadFile(path)
		if err != nil {
			p.Fatalf("%v: run `make browser`", err)
		}
		read[chromedp.Void](p, string(source))
	}
	return read[[]string](p, `axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations
		.filter((v) => ['serious', 'critical'].includes(v.impact))
		.flatMap((v) => v.nodes.map((n) => v.id + ': ' + n.html.slice(0, 200) + '\n' + n.failureSummary)))`)
}

// team is a project of texts on which two people are well on their way.
func team(t testing.TB) *server {
	t.Helper()
	const all, audits = 1200, 320
	said, truth := queries(t, all)
	labels := []string{}
	known := map[string]bool{}
	for _, name := range truth {
		if !known[name] && len(labels) < 36 {
			known[name] = true
			labels = append(labels, name)
		}
	}
	rows := [][]string{{"text", "channel"}}
	var kept []string
	for i, text := range said {
		if known[truth[i]] {
			rows, kept = append(rows, []string{text, []string{"mail", "chat", "app"}[i%3]}), append(kept, truth[i])
		}
	}
	p := newProject(t, label.TextClassification, labels, table(t, rows))
	items := upTo(len(kept))
	p.judge(items, func(item int64) (string, float64) {
		if item%29 == 0 {
			return labels[int(item)%len(labels)], 0.3 + float64(item%10)/100
		}
		return kept[item-1], 0.45 + float64(item*37%54)/100
	})
	p.run("select", "--project", p.dir, "--strategy", "audit", "-n", fmt.Sprint(audits))
	var waiting []int64
	p.use(func(s *sqlite.Store) error {
		entries, err := s.Lease(t.Context(), "ann", audits, 1e9)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if _, err := s.Annotate(t.Context(), p.answer(e.Item, "ann", kept[e.Item-1])); err != nil {
				return err
			}
		}
		free := slices.DeleteFunc(items, func(item int64) bool {
			return slices.ContainsFunc(entries, func(e label.Entry) bool { return e.Item == item })
		})
		waiting = free[24:84]
		for i, item := range free[:24] {
			for k, who := range []string{"ann", "bob"} {
				name := kept[item-1]
				if i%3 == 0 {
					name = labels[(i*5+k*3)%len(labels)]
				}
				if _, err := s.Annotate(t.Context(), p.answer(item, who, name)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	p.enqueue(waiting, 1)
	return p.serve("ann", "bob")
}

// answer is what a person says of an item.
func (p *project) answer(item int64, who, name string) label.Annotation {
	a := label.Annotation{
		Key: fmt.Sprint(who, "/", item), Item: item, Annotator: who, At: time.Now().Add(-time.Duration(item) * 4 * time.Second), Took: 3 * time.Second, Verdict: label.Corrected, Labels: []string{name},
		Suggestion: p.guess[item], Model: p.model.ID,
	}
	if a.Suggestion[0] == name {
		a.Verdict = label.Accepted
	}
	return a
}

// album is a project of pictures.
func album(t testing.TB) *server {
	t.Helper()
	p := pictures(t)
	p.enqueue(upTo(40), 1)
	return p.serve("ann")
}

// tags is a project of texts that may have several of fifty labels each.
func tags(t testing.TB) *server {
	t.Helper()
	labels := make([]string, 50)
	for i := range labels {
		labels[i] = fmt.Sprintf("tag %d", i+1)
	}
	p := &project{TB: t, dir: filepath.Join(t.TempDir(), "project"), labels: labels, guess: map[int64][]string{}}
	p.run("init", p.dir, "--task", label.TextClassification, "--multi-label", "--labels", strings.Join(labels, ","))
	p.run("import", "--project", p.dir, table(t, [][]string{{"text"}, {strings.Repeat("A long text of many words. ", 400)}, {"a short one"}, {"the last one"}}))
	p.judge(upTo(2), func(int64) (string, float64) { return labels[4], 0.9 })
	p.enqueue(upTo(3), 1)
	return p.serve("ann")
}
