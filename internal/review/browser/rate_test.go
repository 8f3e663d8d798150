package browser

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"
)

var rated = flag.Int("items", 200, "how many items one session labels without a slip")

// TestRate labels by 36 labels as somebody who knows every answer does: Enter where the suggestion is right, and else the key
// of the right label. Shift counts as a press.
func TestRate(t *testing.T) {
	t.Parallel()
	labels := make([]string, 36)
	for i := range labels {
		labels[i] = fmt.Sprintf("intent %d", i+1)
	}
	rows := [][]string{{"text"}}
	for item := range *rated {
		rows = append(rows, []string{fmt.Sprintf("question %d", item+1)})
	}
	p := newProject(t, "text-classification", labels, table(t, rows))
	order := upTo(*rated)
	truth := func(item int64) string { return labels[int(item*23)%len(labels)] }
	p.judge(order, func(item int64) (string, float64) {
		if item%4 == 0 {
			return labels[int(item*7)%len(labels)], 0.4
		}
		return truth(item), 0.8
	})
	p.enqueue(order, 1)
	w := work(p.serve("ann"), "ann", order)
	var right, wrong, rightPresses, wrongPresses int
	began := time.Now()
	for _, item := range order {
		before, key := w.presses, "Enter"
		is := slices.Equal(p.guess[item], []string{truth(item)})
		if !is {
			key = labelKeys[slices.Index(labels, truth(item))]
		}
		w.types(key)
		n := w.presses - before
		if is {
			right, rightPresses = right+1, rightPresses+n
		} else {
			wrong, wrongPresses = wrong+1, wrongPresses+n
		}
		if is && n > 1 || n > 2 {
			t.Errorf("item %d takes %d presses", item, n)
		}
		if labelled := w.standing[item].labels; labelled != truth(item) {
			t.Errorf("item %d is labelled %q, want %q", item, labelled, truth(item))
		}
	}
	t.Logf("%d items in %v; %d suggestions right: %d presses; %d wrong: %d presses", len(order), time.Since(began).Round(time.Second), right, rightPresses, wrong, wrongPresses)
	w.saved()
	w.clean()
	p.holds(map[string]*decisions{"ann": w.decisions})
}
