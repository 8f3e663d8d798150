package train

import (
	"os/exec"
	"syscall"
)

// group gives a command a process group of its own, so that a Ctrl-C in the terminal does not reach it but by way of us, and
// ends it when we end: a training that nobody follows would go on for hours.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}

// killGroup ends what is left of a command's group.
func killGroup(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
