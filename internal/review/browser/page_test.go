package browser

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience is how long a page may take to do anything. The machine may have much else to do.
const patience = 3 * time.Minute

// tab is a page that a person has open in a browser of their own.
type tab struct {
	testing.TB
	ctx     context.Context
	mu      sync.Mutex
	faults  []string // exceptions, errors of the console, dialogs
	presses int      // of keys, Shift among them
}

// look is how a page is shown.
type look struct {
	name          string
	width, height int64
	dark          bool
}

var (
	desk      = look{"light", 1280, 800, false}
	deskDark  = look{"dark", 1280, 800, true}
	phone     = look{"phone", 360, 780, false}
	phoneDark = look{"phone-dark", 360, 780, true}
)

// open opens an address in a browser that holds nothing yet.
func open(t testing.TB, address string, l look) *tab {
	t.Helper()
	ctx, close := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext())
	t.Cleanup(close)
	p := &tab{TB: t, ctx: ctx}
	p.do(chromedp.Func(func(ctx context.Context, at *chromedp.Target) error {
		_, err := cdp.Call(ctx, at, page.Enable, page.EnableParams{})
		return err
	}))
	if err := chromedp.Listen(ctx, p.listen); err != nil {
		t.Fatal(err)
	}
	p.look(l)
	p.do(chromedp.Navigate(address))
	return p
}

func (p *tab) listen(event any) {
	var fault string
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		fault = fmt.Sprintf("exception: %s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork { // a server that is down is none of the page's
			fault = "console: " + e.Entry.Text
		}
	case *runtime.EventConsoleAPICalled:
		fault = fmt.Sprintf("console.%s", e.Type)
	case *page.EventJavascriptDialogOpening:
		fault = "dialog: " + e.Message
	}
	if fault != "" {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.faults = append(p.faults, fault)
	}
}

// clean fails the test where the page had an error.
func (p *tab) clean() {
	p.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.faults) > 0 {
		p.Errorf("the page has faults:\n%s", strings.Join(p.faults, "\n"))
	}
}

func (p *tab) look(l look) {
	p.Helper()
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	p.do(chromedp.Func(func(ctx context.Context, at *chromedp.Target) error {
		size := emulation.SetDeviceMetricsOverrideParams{Width: l.width, Height: l.height, DeviceScaleFactor: 1, Mobile: l.width < 600}
		if _, err := cdp.Call(ctx, at, emulation.SetDeviceMetricsOverride, size); err != nil {
			return err
		}
		touch := emulation.SetTouchEmulationEnabledParams{Enabled: l.width < 600}
		if _, err := cdp.Call(ctx, at, emulation.SetTouchEmulationEnabled, touch); err != nil {
			return err
		}
		features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
		_, err := cdp.Call(ctx, at, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
		return err
	}))
}

// do takes steps.
func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	for _, step := range steps {
		act(p, step)
	}
}

// act takes a step that gives something.
func act[T any](p *tab, step chromedp.Action[T]) T {
	p.Helper()
	value, err := try(p, step)
	if err != nil {
		p.Fatalf("the page does not do it: %v", err)
	}
	return value
}

func try[T any](p *tab, step chromedp.Action[T]) (T, error) {
	p.Helper()
	if chromedp.FromContext(p.ctx).Target == nil { // the first step's context is the tab's
		if err := chromedp.Do(p.ctx); err != nil {
			p.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, step)
}

// read gives the value of a JavaScript expression.
func read[T any](p *tab, expression string) T {
	p.Helper()
	return act(p, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// leave does what has the browser leave the page, which would else cut off its own answer.
func (p *tab) leave(statement string) {
	p.Helper()
	read[any](p, "void setTimeout(() => "+statement+")")
}

// left says whether the browser left the page while it evaluated an expression.
func left(err error) bool {
	return strings.Contains(err.Error(), "navigated or closed") || strings.Contains(err.Error(), "context was destroyed")
}

// until waits until a JavaScript expression is true.
func (p *tab) until(expression string) {
	p.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		so, err := try(p, chromedp.Evaluate[bool]("Boolean("+expression+")", chromedp.EvalAwaitPromise))
		switch {
		case so:
			return
		case err != nil && !left(err):
			p.Fatalf("the page does not do it: %v", err)
		case time.Now().After(end):
			p.Fatalf("not so after %v: %s\nthe page says: %s", patience, expression, read[string](p, "document.body.innerText"))
		}
	}
}

// text gives what stands in an element, "" where it isn't there.
func (p *tab) text(selector string) string {
	p.Helper()
	return read[string](p, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
}

// keys are those that have a name, as the letters by which package kb knows them.
var keys = map[string]rune{
	"Enter": '\r', "Escape": '\u001b', "Backspace": '\b', "Space": ' ', "Up": '\u0304', "Down": '\u0301', "Left": '\u0302', "Right": '\u0303',
}

// press presses keys one after the other; Shift+ before a key holds that one down. As on a real keyboard, a press that the
// page takes for itself types nothing.
func (p *tab) press(names ...string) {
	p.Helper()
	for _, name := range names {
		p.presses++
		name, shift := strings.CutPrefix(name, "Shift+")
		if shift {
			p.presses++
			if len(name) == 1 {
				name = strings.ToUpper(name)
			}
		}
		letter, named := keys[name]
		if !named {
			letter = []rune(name)[0]
		}
		p.do(chromedp.Func(func(ctx context.Context, at *chromedp.Target) error {
			key := kb.Keys[letter]
			event := input.DispatchKeyEventParams{
				Type: input.DispatchKeyEventTypeKeyDown, Key: key.Key, Code: key.Code, Text: key.Text, UnmodifiedText: key.Unmodified,
				WindowsVirtualKeyCode: key.Windows, NativeVirtualKeyCode: key.Native,
			}
			if shift || key.Shift {
				event.Modifiers = int64(kb.ModifierShift)
			}
			if _, err := cdp.Call(ctx, at, input.DispatchKeyEvent, event); err != nil {
				return err
			}
			event.Type, event.Text, event.UnmodifiedText = input.DispatchKeyEventTypeKeyUp, "", ""
			_, err := cdp.Call(ctx, at, input.DispatchKeyEvent, event)
			return err
		}))
	}
}

// write types a text.
func (p *tab) write(text string) {
	p.Helper()
	for _, letter := range text {
		p.press(string(letter))
	}
}

// go to another view, by the address.
func (p *tab) goTo(place string) {
	p.Helper()
	read[any](p, fmt.Sprintf("void (location.hash = %q)", place))
}

// saved waits until the server has acknowledged all that was done.
func (p *tab) saved() {
	p.Helper()
	p.until("document.getElementById('outbox').textContent === 'Saved' && !/[^\\[\\]]/.test(Object.values(localStorage).join(''))")
}
