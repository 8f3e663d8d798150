package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forbids, set in the environment of a run, makes the kernel kill it when any of its threads makes one of some calls.
const forbids = "LABELLOOP_TEST_FORBIDS"

// forbidden holds these calls: any use of the network, or only what reaches for another host.
var forbidden = map[string][]uint32{
	"sockets":     {unix.SYS_SOCKET},
	"connections": {unix.SYS_CONNECT, unix.SYS_SENDTO, unix.SYS_SENDMSG},
}

// forbid installs a seccomp filter on all threads: the calls kill the process, all others are allowed.
func forbid(calls []uint32) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}} // seccomp_data.nr
	for _, call := range calls {
		filter = append(filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 0, Jf: 1, K: call},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_KILL_PROCESS})
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return errno
	}
	return nil
}

// TestOnlyPullOpensSockets runs every verb where a socket is death, and models pull to see that it is.
func TestOnlyPullOpensSockets(t *testing.T) {
	home := t.TempDir()
	pictures := filepath.Join(home, "pictures")
	if err := os.CopyFS(pictures, os.DirFS("../../testdata/pixels")); err != nil {
		t.Fatal(err)
	}
	texts := write(t, "texts.csv", "text\nhello\nworld\n")
	project, header := filepath.Join(home, "project"), []string{"text", "label"}
	bert, clip := filepath.Join(fixtures, "bert-single"), filepath.Join(imageFixtures, "clip-two")
	end := func(args ...string) (string, error) {
		cmd := program(args...)
		cmd.Env = append(cmd.Env, forbids+"=sockets", "LABELLOOP_MODELS="+filepath.Join(home, "models"), "XDG_CACHE_HOME="+filepath.Join(home, "cache"),
			"HF_ENDPOINT=http://127.0.0.1:9")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, args := range [][]string{
		{"label", "--model", bert, texts},
		{"label", "--model", "minilm", "--labels", "greeting,planet", "--device", "auto", texts},
		{"label", "--model", clip, "--labels", "cat,dog", pictures},
		{"label", "--model", bert, "--device", "openvino", texts},
		{"bench", "--model", bert, "--rounds", "1", texts},
		{"models", "list"},
		{"models", "show", clip},
		{"models", "import", "--name", "bert", bert},
		{"models", "verify", "bert"},
		{"init", project, "--labels", strings.Join(someIntents, ",")},
		{"import", "--project", project, "--no-labels", writeCSV(t, header, intentRows(t, "train.csv", 10))},
		{"import", "--project", project, "--split", "eval", writeCSV(t, header, intentRows(t, "test.csv", 5))},
		{"loop", "--project", project, "--model", "minilm", "--budget", "20", "--batch", "10", "--oracle", asideColumn},
		{"train", "--project", project, "--method", "auto"},
		{"predict", "--project", project, "--model", "minilm", "--task", "feature-extraction"},
		{"select", "--project", project, "-n", "5"},
		{"status", "--project", project},
		{"report", "--project", project, "--output", filepath.Join(home, "report.html")},
		{"export", "--project", project, "--output", filepath.Join(home, "labels.csv")},
		{"backup", "--project", project, filepath.Join(home, "copy.db")},
		{"models", "history", "--project", project},
		{"models", "prune", "--project", project},
	} {
		if out, err := end(args...); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	// Left to itself ONNX Runtime writes at once what it sends a few seconds later, when most of these runs are over.
	if left, _ := filepath.Glob(filepath.Join(home, "cache", "Microsoft")); left != nil {
		t.Errorf("ONNX Runtime keeps telemetry in %v", left)
	}
	_, err := end("models", "pull", "owner/name")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGSYS {
		t.Errorf("models pull ends with %v: sockets are not forbidden, so this test tells nothing", err)
	}
}

// TestServeConnectsToNobody: a server takes connections, and opens none.
func TestServeConnectsToNobody(t *testing.T) {
	server := program("serve", "--model", filepath.Join(fixtures, "bert-single"), "--addr", "127.0.0.1:0")
	server.Env = append(server.Env, forbids+"=connections", tokenVariable+"="+testToken)
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	var base string
	if _, err := fmt.Fscanln(out, &base); err != nil {
		t.Fatalf("serve: %v, %v", err, server.Wait())
	}
	if got := asked(t, base, "application/json", []byte(`{"text":"hello"}`)); !strings.Contains(got, `"label":`) {
		t.Errorf("serve answers %s", got)
	}
	server.Process.Signal(os.Interrupt)
	if err := server.Wait(); err != nil {
		t.Errorf("serve ends with %v", err)
	}
}
