package browser

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/labelloop/labelloop/internal/label"
)

// worker is a person who labels the queue of a project in a tab, and the test's knowledge of it.
type worker struct {
	*tab
	*decisions
	on    *project
	order []int64 // of the queue
}

// work opens the page for a person.
func work(s *server, who string, order []int64) *worker {
	s.Helper()
	w := &worker{open(s.TB, s.links[who], desk), newDecisions(), s.project, order}
	w.shows()
	return w
}

// shows waits until the page shows the item that comes next, or says that none does.
func (w *worker) shows() {
	w.Helper()
	next := w.next(w.order)
	if next == 0 {
		w.until("document.querySelector('.review .item.empty')")
		return
	}
	w.until(fmt.Sprintf("document.querySelector('.review .facts span')?.textContent === '#%d'", next))
	if guess := w.on.guess[next]; guess != nil && w.text(".accept span") != strings.Join(guess, ", ") {
		w.Fatalf("item %d: %q is suggested, want %q", next, w.text(".accept span"), guess)
	}
}

// type presses keys that each decide on an item.
func (w *worker) types(keys ...string) {
	w.Helper()
	for _, key := range keys {
		item := w.next(w.order)
		w.press(key)
		w.decide(map[int64]decision{item: w.on.meant(item, key)})
		w.shows()
	}
}

// back takes back the newest n decisions.
func (w *worker) back(n int) {
	w.Helper()
	for range n {
		w.press([]string{"z", "Backspace"}[n%2])
		w.undo()
		w.shows()
	}
}

// bulk selects rows of the list of items, from the one in focus on, and presses a key for all of them.
func (w *worker) bulk(rows int, step, key string) []int64 {
	w.Helper()
	for range rows - 1 {
		w.press("Shift+" + step)
	}
	selected := read[[]string](w.tab, "[...document.querySelectorAll('.row[aria-selected=true] .place')].map((e) => e.textContent.slice(1))")
	if len(selected) != rows {
		w.Fatalf("%d rows are selected, want %d", len(selected), rows)
	}
	made := map[int64]decision{}
	var items []int64
	for _, text := range selected {
		item, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			w.Fatal(err)
		}
		made[item] = w.on.meant(item, key)
		items = append(items, item)
	}
	w.press(key)
	w.decide(made)
	w.until(fmt.Sprintf("document.querySelectorAll('.label.now').length === %d", rows))
	return items
}

// texts makes a project of n texts with twelve labels, of which most are suggested rightly.
func texts(t testing.TB, n int) *project {
	t.Helper()
	said, truth := queries(t, n)
	labels := slices.Compact(slices.Sorted(slices.Values(truth)))[:12]
	rows := [][]string{{"text", "channel"}}
	for i, text := range said {
		rows = append(rows, []string{text, []string{"mail", "chat", "app"}[i%3]})
	}
	p := newProject(t, label.TextClassification, labels, table(t, rows))
	p.judge(upTo(n), func(item int64) (string, float64) {
		name := truth[item-1]
		if !slices.Contains(labels, name) || item%5 == 3 {
			name = labels[int(item)%len(labels)]
		}
		return name, 0.35 + float64(item*37%60)/100
	})
	return p
}

// pictures makes a project of the real pictures.
func pictures(t testing.TB) *project {
	t.Helper()
	labels := []string{"animal", "building", "plant", "tool", "vehicle", "other"}
	p := newProject(t, label.ImageClassification, labels, repository+"/testdata/images")
	p.judge(upTo(46), func(item int64) (string, float64) {
		return labels[int(item)%len(labels)], 0.4 + float64(item*31%55)/100
	})
	return p
}

// TestSession labels by the keyboard alone, while the server is killed, stands still and the page is loaded anew.
func TestSession(t *testing.T) {
	for _, c := range []struct {
		name, step string
		make       func(testing.TB) *project
	}{
		{"texts", "Down", func(t testing.TB) *project { return texts(t, 45) }},
		{"pictures", "Right", pictures},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := c.make(t)
			order := upTo(40)
			slices.Reverse(order) // the queue's own
			p.enqueue(order, 1)
			s := p.serve("ann")
			w := work(s, "ann", order)

			w.types("Enter", "3", "Enter", "5", "s", "Enter", "x", "f", "Enter", "1", "Enter", "6")
			w.back(10)
			w.types("Enter", "2", "Enter", "Enter", "4", "x", "Enter", "5", "Enter", "Enter", "s", "Enter", "1")

			s.kill()
			w.types("Enter", "4", "f", "2")
			w.until("document.getElementById('outbox').textContent.includes('waiting for the server')")
			w.back(2) // of which nothing was sent
			w.types("6")
			s.start()
			w.saved()

			w.types("Enter", "3", "Enter")
			w.saved()
			w.do(chromedp.Reload())
			w.shows()
			w.back(4) // the server knows of these, the new page doesn't
			w.types("Enter", "5", "2", "Enter")

			w.saved()
			s.signal(syscall.SIGSTOP) // it hears, and does not answer
			w.types("Enter", "6")
			w.shows()
			loaded := make(chan error, 1)
			go func() { loaded <- chromedp.Do(w.ctx, chromedp.Reload()) }()
			s.signal(syscall.SIGCONT)
			if err := <-loaded; err != nil {
				t.Fatal(err)
			}
			w.shows()
			w.saved()
			for len(w.standing) < 30 {
				w.types("Enter")
			}

			w.goTo("items?sort=number")
			w.until("document.activeElement.classList.contains('row')")
			first := w.bulk(5, c.step, "2")
			w.press("z")
			w.undo()
			w.until("!document.querySelector('.label.now')")
			w.press(slices.Repeat([]string{map[string]string{"Down": "Up", "Right": "Left"}[c.step]}, 5)...)
			if again := w.bulk(5, c.step, "3"); !slices.Equal(again, first) {
				t.Errorf("items %v are relabelled, and then %v", first, again)
			}
			w.saved()
			w.clean()
			p.holds(map[string]*decisions{"ann": w.decisions})
		})
	}
}
