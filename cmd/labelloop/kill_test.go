package main

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asProgram makes the test binary behave as the program itself, so that tests can run it, and kill it, as a process.
const asProgram = "LABELLOOP_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	clock = func() time.Time { return time.UnixMilli(1_700_000_000_000) } // the same items are held out in each run of a test
	if os.Getenv(asProgram) != "" {
		if calls := forbidden[os.Getenv(forbids)]; calls != nil {
			if err := forbid(calls); err != nil {
				log.Fatal(err)
			}
		}
		main()
	}
	os.Exit(m.Run())
}

// program is a run of labelloop as a process of its own.
func program(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}

// writeTexts writes n texts of mixed length, every thousandth of them a bad row.
func writeTexts(t *testing.T, n int) string {
	t.Helper()
	wiki, err := os.ReadFile("../../testdata/wiki/wiki_sentences.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(wiki), "\n")
	var b bytes.Buffer
	for i := range n {
		if i%1000 == 500 {
			fmt.Fprintf(&b, "{\"text\": %d}\n", i)
			continue
		}
		fmt.Fprintf(&b, "{\"id\":\"%d\",\"text\":%q}\n", i, lines[i%len(lines)])
	}
	path := filepath.Join(t.TempDir(), "texts.jsonl")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestKilledJobsResume kills a job of 20,000 texts again and again, at random moments and without warning, and resumes
// it each time: the output must be byte for byte that of an uninterrupted job.
func TestKilledJobsResume(t *testing.T) {
	input := writeTexts(t, 20000)
	for format, times := range map[string]int{"jsonl": 20, "csv": 5, "parquet": 5} {
		t.Run(format, func(t *testing.T) {
			dir := t.TempDir()
			label := func(output string, flags ...string) *exec.Cmd {
				args := []string{"label", "--model", filepath.Join(fixtures, "bert-single"), "--output", output, input}
				return program(append(args, flags...)...)
			}
			whole := filepath.Join(dir, "whole."+format)
			begin := time.Now()
			if out, err := label(whole).CombinedOutput(); code(err) != exitItems {
				t.Fatalf("uninterrupted job: %v: %s", err, out)
			}
			took := time.Since(begin)
			cut := filepath.Join(dir, "cut."+format)
			kills := 0
			random := rand.New(rand.NewPCG(1, uint64(len(format))))
			for kills < times {
				job := label(cut, "--resume")
				if err := job.Start(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(random.Int64N(int64(took) / 4)))
				job.Process.Signal(syscall.SIGKILL)
				if code(job.Wait()) >= 0 {
					os.Remove(cut) // it finished before it was killed: begin again
					continue
				}
				kills++
			}
			if out, err := label(cut, "--resume").CombinedOutput(); err != nil && code(err) != exitItems {
				t.Fatalf("last resume: %v: %s", err, out)
			}
			want, err := os.ReadFile(whole)
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(cut)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("output of a job killed %d times has %d bytes and differs from that of an uninterrupted one, %d bytes", kills, len(got), len(want))
			}
			if left, _ := filepath.Glob(cut + ".*"); left != nil {
				t.Errorf("a finished job leaves %v behind", left)
			}
		})
	}
}

// TestInterruptKeepsWhatWasWritten sends the signal of Ctrl-C.
func TestInterruptKeepsWhatWasWritten(t *testing.T) {
	output := filepath.Join(t.TempDir(), "out.jsonl")
	job := program("label", "--model", filepath.Join(fixtures, "bert-single"), "--threads", "1", "--output", output, writeTexts(t, 200000))
	var said bytes.Buffer
	job.Stderr = &said
	if err := job.Start(); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if info, err := os.Stat(output); err == nil && info.Size() > 100000 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	job.Process.Signal(os.Interrupt)
	if err := job.Wait(); code(err) != exitFailed {
		t.Errorf("interrupted job ends with %v", err)
	}
	data, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(data, []byte("\n")); n < 1000 || data[len(data)-1] != '\n' ||
		!strings.Contains(said.String(), thousands(n)+" results are in "+output) || !strings.Contains(said.String(), "--resume") {
		t.Errorf("%d whole records were kept, and it said %s", n, said.String())
	}
}

// exitNotRun stands for a process that was never started.
const exitNotRun = 127

// code is a process's exit code, -1 where a signal ended it.
func code(err error) int {
	if err == nil {
		return 0
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return exitNotRun
}
