package browser

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
)

// TestPeople lets two people label the same items at once, none of them seeing what the other says, and a third decide where
// they differ.
func TestPeople(t *testing.T) {
	t.Parallel()
	p := texts(t, 14)
	order := upTo(12)
	p.enqueue(order, 2)
	s := p.serve("ann", "bob", "cara")
	ann, bob := work(s, "ann", order), work(s, "bob", order)
	var both sync.WaitGroup
	both.Go(func() { ann.types("1", "1", "1", "1", "1", "1", "2", "2", "2", "s", "2", "2") })
	both.Go(func() { bob.types("1", "1", "3", "1", "f", "1", "2", "3", "2", "2", "2", "3") })
	both.Wait()
	if t.Failed() {
		return
	}
	ann.saved()
	bob.saved()

	cara := work(s, "cara", nil) // each item has its two answers
	cara.goTo("disagreements")
	for _, dispute := range []struct {
		item           int64
		ann, bob, cara string // keys
	}{{3, "1", "3", "3"}, {5, "1", "f", "2"}, {8, "2", "3", "2"}, {12, "2", "3", "4"}} {
		item := dispute.item
		cara.until(fmt.Sprintf("document.querySelector('.review .facts span')?.textContent === '#%d' && document.querySelectorAll('.opinions li').length === 2", item))
		shown := read[[]string](cara.tab, "[...document.querySelectorAll('.opinions .answer')].map((e) => e.textContent)")
		for i, key := range []string{dispute.ann, dispute.bob} {
			d := p.meant(item, key)
			if want := cmp.Or(d.labels, string(d.verdict)); !slices.Contains(shown, want) {
				t.Errorf("item %d: the answers are %q, and %s gave %q", item, shown, []string{"ann", "bob"}[i], want)
			}
		}
		cara.press(dispute.cara)
		cara.decide(map[int64]decision{item: {label.Corrected, p.meant(item, dispute.cara).labels}})
	}
	cara.until("document.querySelector('.review .item.empty')?.innerText.includes('No disagreements')")
	cara.press("z")
	cara.undo()
	cara.until("document.querySelector('.review .facts span')?.textContent === '#12'")
	cara.press("3")
	cara.decide(map[int64]decision{12: {label.Corrected, p.meant(12, "3").labels}})
	cara.until("document.querySelector('.review .item.empty')")
	for _, w := range []*worker{ann, bob, cara} {
		w.saved()
		w.clean()
	}
	p.holds(map[string]*decisions{"ann": ann.decisions, "bob": bob.decisions, "cara": cara.decisions})
}
