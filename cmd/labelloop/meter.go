package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/labelloop/labelloop/internal/pipeline"
)

// meterEvery is how often a log that is no terminal gets a line.
const meterEvery = 10 * time.Second

// meter shows how far a job is: a bar with rate and time left on a terminal, a plain line now and then elsewhere.
type meter struct {
	out      io.Writer
	progress func() (done, total int64) // bytes of the inputs
	bar      *progressbar.ProgressBar
	told     time.Time
}

func newMeter(out io.Writer, progress func() (done, total int64)) *meter {
	m := &meter{out: out, progress: progress, told: time.Now()}
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		_, total := progress()
		if total == 0 {
			total = -1 // a spinner
		}
		m.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(out), progressbar.OptionFullWidth(),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true))
	}
	return m
}

func (m *meter) show(s pipeline.Stats) {
	done, total := m.progress()
	rate := float64(s.Items) / s.Elapsed.Seconds()
	if m.bar != nil {
		m.bar.Describe(fmt.Sprintf("%s items, %s/s", thousands(s.Items), thousands(int(rate))))
		m.bar.Set64(min(done, total))
		return
	}
	if time.Since(m.told) < meterEvery {
		return
	}
	m.told = time.Now()
	line := fmt.Sprintf("%s items, %s/s", thousands(s.Items+s.Resumed), thousands(int(rate)))
	if total > 0 && done > 0 {
		left := time.Duration(float64(s.Elapsed) * float64(total-done) / float64(done)).Round(time.Second)
		line += fmt.Sprintf(", %.1f %%, %s left", 100*float64(done)/float64(total), left)
	}
	fmt.Fprintln(m.out, line)
}

func (m *meter) close() {
	if m.bar != nil {
		m.bar.Finish()
	}
}
