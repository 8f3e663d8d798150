// Package browser tests the review page as people use it: the program serves a project, a browser opens the page, keys are
// pressed, and the database holds what was decided, no more and no less.
package browser

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

const repository = "../../.."

var (
	program  string          // labelloop, as it was built for these tests
	chromium context.Context // the browser; each page has a profile of its own in it
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	folder, err := os.MkdirTemp("", "labelloop-browser-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(folder)
	program = filepath.Join(folder, "labelloop")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, repository+"/cmd/labelloop")
	if said, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build labelloop: %w\n%s", err, said)
	}
	path, err := browserPath()
	if err != nil {
		return 1, err
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), chromedp.ExecPath(path), chromedp.UserDataDir(filepath.Join(folder, "profile")),
		chromedp.Headless, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoSandbox, // the pages are our own
		chromedp.Flag("no-zygote", true), chromedp.Flag("hide-scrollbars", true), chromedp.Flag("font-render-hinting", "none"),
		chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("lang", "en-GB"))
	defer stop()
	var close context.CancelFunc
	chromium, close = chromedp.NewContext(ctx)
	defer close()
	if err := chromedp.Do(chromium); err != nil {
		return 1, fmt.Errorf("start the browser %s: %w", path, err)
	}
	return m.Run(), nil
}

// dependency gives the path of what `make deps` and its like have fetched.
func dependency(name string) string {
	folder := os.Getenv("LABELLOOP_DEPS")
	if folder == "" {
		folder = repository + "/.deps"
	}
	return filepath.Join(folder, name)
}

// browserPath gives the browser that LABELLOOP_BROWSER names, or else the one that `make browser` fetches.
func browserPath() (string, error) {
	path := os.Getenv("LABELLOOP_BROWSER")
	if path == "" {
		path = dependency("browser/chromium")
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no browser %s: run `make browser`, or name a Chromium in LABELLOOP_BROWSER", path)
	} else if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}
