package train

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/labelloop/labelloop/internal/label"
)

// Exit codes of the scripts.
const (
	exitConfig      = 2
	exitInterrupted = 130
)

// grace is how long a script that was asked to stop may take to write its checkpoint.
var grace = 30 * time.Second

const (
	// maxLine bounds a line of a script's output, and maxTail what is kept of what it says besides.
	maxLine = 1 << 20
	maxTail = 4 << 10
)

// Environment is a Python with the packages of scripts/requirements-train.txt, and the folder of the scripts.
type Environment struct{ Python, Scripts string }

// Find looks for the environment in the folders that hold the program's dependencies: Python below one of them in train/,
// scripts/ in one of them (an unpacked archive) or beside it (a checkout).
func Find(homes []string) (Environment, error) {
	var e Environment
	for _, home := range homes {
		e.Python = cmp.Or(e.Python, existing(filepath.Join(home, "train", "bin", "python")))
		e.Scripts = cmp.Or(e.Scripts, existing(filepath.Join(home, "scripts", "train.py")),
			existing(filepath.Join(home, "..", "scripts", "train.py")))
	}
	switch {
	case e.Scripts == "":
		return Environment{}, label.Errorf(label.ErrNotFound, "scripts/train.py is not beside the program (%s)", strings.Join(homes, ", "))
	case e.Python == "":
		return Environment{}, label.Errorf(label.ErrNotFound, "there is no training environment, train/bin/python in %s: "+
			"make it by `make train-env` in a checkout, or as docs/training.md says; --method head needs none", strings.Join(homes, ", "))
	}
	e.Scripts = filepath.Dir(e.Scripts)
	return e, nil
}

// existing gives the path of a file that is there.
func existing(path string) string {
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// Train runs train.py. See Run.
func (e Environment) Train(ctx context.Context, c Config, dir string, progress func(Event)) (Metrics, error) {
	return Run(ctx, e.Python, filepath.Join(e.Scripts, "train.py"), c, dir, progress)
}

// Run has a script do the job of c in dir, tells progress what it logs, and returns its metrics when the model is in dir. A
// dir that holds a job of the same configuration and data is gone on with, or taken as it is when it is done. When ctx ends
// the script is given time to write a checkpoint. A configuration that it refuses gives an error of kind label.ErrUsage.
func Run(ctx context.Context, python, script string, c Config, dir string, progress func(Event)) (Metrics, error) {
	config, err := c.write(dir)
	if err != nil {
		return Metrics{}, fmt.Errorf("write the training's configuration: %w", err)
	}
	cmd := exec.CommandContext(ctx, python, script, "--config", config, "--out", dir)
	cmd.WaitDelay = grace
	group(cmd)
	var said tail
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return Metrics{}, err
	}
	runtime.LockOSThread() // the signal at our death is sent when the thread that started the script ends
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return Metrics{}, label.Errorf(label.ErrNotFound, "start %s: %v", python, err)
		}
		return Metrics{}, fmt.Errorf("start %s: %w", python, err)
	}
	last := follow(out, &said, progress)
	err = cmd.Wait()
	killGroup(cmd) // nothing that it started outlives it
	if err == nil {
		return readMetrics(dir)
	}
	return Metrics{}, failure(ctx, cmd, err, last, said.String())
}

// follow passes on the events of a script's log until it ends; returns the last that told an error.
func follow(out io.Reader, said io.Writer, progress func(Event)) (failed Event) {
	lines := bufio.NewReaderSize(out, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		var e Event
		if json.Unmarshal(line, &e) == nil && e.Event != "" {
			if e.Event == "error" {
				failed = e
			}
			progress(e)
		} else {
			said.Write(line) // a library's own words
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return failed
		}
	}
}

// failure says why a script ended without a model.
func failure(ctx context.Context, cmd *exec.Cmd, err error, last Event, said string) error {
	code := cmd.ProcessState.ExitCode()
	reason := last.Message
	if reason == "" {
		reason = strings.TrimSpace(said)
	}
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("training was stopped and goes on when it is asked for again: %w", ctx.Err())
	case code == exitInterrupted:
		return errors.New("training was interrupted and goes on when it is asked for again")
	case code == exitConfig && reason != "":
		return label.Errorf(label.ErrUsage, "train: %s", reason)
	case reason == "":
		return fmt.Errorf("train: %w (out of memory, where it was killed); what it had done is kept", err)
	}
	return fmt.Errorf("train: %w: %s", err, reason)
}

// tail keeps the end of what is written to it, by several at once.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - maxTail; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
