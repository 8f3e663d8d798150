package browser

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var paintedOf = flag.String("project", "", "folder of a project of texts on which BenchmarkDecision decides, instead of on a small one; work on a copy")

// paint makes a promise of how many milliseconds pass from the next press of a key, as the browser's clock stamps it, until
// another item than now is painted: the first task after the animation frame that follows the change of the page.
const paint = `void (window.painted = new Promise((done) => addEventListener('keydown', (e) => {
	const item = document.querySelector('.review .item');
	const before = item.textContent;
	const channel = new MessageChannel();
	channel.port1.onmessage = () => done(performance.now() - e.timeStamp);
	const changes = new MutationObserver(() => {
		if (item.textContent === before || item.matches('.empty')) return;
		changes.disconnect();
		requestAnimationFrame(() => channel.port2.postMessage(null));
	});
	changes.observe(item, {attributes: true, childList: true, characterData: true, subtree: true});
}, {capture: true, once: true})))`

// BenchmarkDecision presses Enter, as fast as nobody reads, and measures until the next item is painted. An operation is a
// decision: -benchtime 300x.
func BenchmarkDecision(b *testing.B) {
	p := &project{TB: b, dir: *paintedOf}
	if *paintedOf == "" {
		p = texts(b, 3000)
	}
	p.run("select", "--project", p.dir, "--strategy", "random", "-n", fmt.Sprint(b.N+1))
	page := open(b, p.serve("ann").links["ann"], desk)
	page.until("document.querySelector('.accept')")
	// The server is done with what it prepares for its first reader.
	read[int](page, "fetch('/api/similar/1').then((answer) => answer.status)")
	var took []float64 // milliseconds
	b.ResetTimer()
	for range b.N {
		read[any](page, paint)
		page.press("Enter")
		took = append(took, read[float64](page, "painted"))
		time.Sleep(50*time.Millisecond + rand.N(100*time.Millisecond))
	}
	b.StopTimer()
	page.saved()
	page.clean()
	slices.Sort(took)
	for name, share := range map[string]float64{"p50-ms": 0.5, "p95-ms": 0.95, "p99-ms": 0.99, "max-ms": 1} {
		b.ReportMetric(took[int(share*float64(len(took)-1))], name)
	}
}
