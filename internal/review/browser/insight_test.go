package browser

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// TestExplanation marks the words that speak for what a real model suggests, in the queue and where people disagree.
func TestExplanation(t *testing.T) {
	const text = "what would the word for <grass> be in 🇫🇮 finland"
	p := newProject(t, label.TextClassification, []string{"transfer", "weather", "translate", "spelling"},
		table(t, [][]string{{"text"}, {text}, {"will it rain in paris tomorrow"}, {"how do you say hello in french"}}))
	p.run("predict", "--project", p.dir, "--model", "minilm-clinc150")
	p.enqueue(upTo(2), 1)
	p.use(func(s *sqlite.Store) error {
		for who, name := range map[string]string{"bob": "translate", "cara": "spelling"} {
			said := label.Annotation{Key: who, Item: 3, Annotator: who, At: time.Now(), Verdict: label.Corrected, Labels: []string{name}}
			if _, err := s.Annotate(t.Context(), said); err != nil {
				return err
			}
		}
		return nil
	})
	page := open(t, p.serve("ann").links["ann"], desk)
	inspect := func(name string) {
		for _, l := range []look{desk, deskDark, phone, phoneDark} {
			page.look(l)
			page.inspect(view{name: name}, l)
		}
		page.look(desk)
	}
	page.until("document.querySelector('.accept')")
	page.press(".")
	page.until("document.querySelector('.explained')")
	if got := page.text(".explained > p"); got != text {
		t.Errorf("the text is shown as %q", got)
	}
	marked := read[string](page, "[...document.querySelectorAll('.explained > p mark.for')].map((m) => m.textContent).join(' ')")
	if legend := page.text(".legend"); !strings.Contains(marked, "finland") || !strings.Contains(legend, "translate") || !strings.Contains(legend, "finland +") {
		t.Errorf("%q are marked, and below stands %q", marked, legend)
	}
	if said := read[string](page, "document.getElementById('live').textContent"); !strings.HasPrefix(said, "For translate: ") {
		t.Errorf("screen readers are told %q", said)
	}
	inspect("an explanation")
	page.press(".")
	page.until("document.querySelector('.text:not(.explained)')")
	page.press(".", "Enter") // who goes on does not wait for it
	page.until("document.querySelector('.item').innerText.includes('rain')")
	page.press(".")
	page.until("document.querySelector('.explained')")
	if got := page.text(".explained > p"); !strings.Contains(got, "rain") {
		t.Errorf("the explanation is of %q", got)
	}
	page.saved()
	page.goTo("disagreements")
	page.until("document.querySelectorAll('.opinions li').length === 2")
	page.press(".")
	page.until("document.querySelector('.explained')")
	if legend := page.text(".legend"); !strings.Contains(legend, "translate") || !strings.Contains(legend, "say +") {
		t.Errorf("where people disagree, %q stands below", legend)
	}
	inspect("an explanation where people disagree")
	page.clean()
}

// TestLinkFromAnotherSite comes in by a link in a page of another site, as from webmail.
func TestLinkFromAnotherSite(t *testing.T) {
	texts, labels := queries(t, 3)
	p := newProject(t, label.TextClassification, labels, table(t, [][]string{{"text"}, {texts[0]}}))
	p.enqueue(upTo(1), 1)
	link := p.serve("ann").links["ann"]
	mail := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, fmt.Sprintf("<title>mail</title><link rel=icon href=data:,><a href=%q>come in</a>", link))
	}))
	defer mail.Close()
	page := open(t, strings.Replace(mail.URL, "127.0.0.1", "localhost", 1), desk)
	page.until("document.querySelector('a')")
	page.leave("document.querySelector('a').click()")
	page.until("document.querySelector('.choices .chip')")
	if address := read[string](page, "location.href"); strings.Contains(address, "token") {
		t.Errorf("the page's address is %s", address)
	}
	page.clean()
	page.leave("history.back()")
	page.until("document.title === 'mail'") // the address with the token is in no history
}

// TestBulkAfterReload takes back, after a reload, what was decided on many items in one.
func TestBulkAfterReload(t *testing.T) {
	const rows = 30
	texts, _ := queries(t, rows)
	cells := [][]string{{"text"}}
	for _, text := range texts {
		cells = append(cells, []string{text})
	}
	p := newProject(t, label.TextClassification, []string{"one", "two"}, table(t, cells))
	page := open(t, p.serve("ann").links["ann"]+"#items", desk)
	page.until("document.querySelector('.choices, .list')")
	page.goTo("items")
	labelled := func(n int) {
		t.Helper()
		page.until(fmt.Sprintf("document.querySelectorAll('.row').length === %d && document.querySelectorAll('.row .label').length === %d", rows, n))
	}
	labelled(0)
	page.press("2", "*", "1") // the first alone, then all
	labelled(rows)
	page.saved()
	page.leave("location.reload()")
	page.until("performance.getEntriesByType('navigation')[0].type === 'reload'")
	labelled(rows)
	page.press("z")
	labelled(1)
	if row := page.text(".row .label"); row != "two" {
		t.Errorf("the first item is labelled %q", row)
	}
	page.press("z")
	labelled(0)
	page.clean()
	p.use(func(s *sqlite.Store) error {
		standing, err := s.Standing(t.Context())
		if len(standing) > 0 {
			t.Errorf("%d annotations stand", len(standing))
		}
		return err
	})
}
