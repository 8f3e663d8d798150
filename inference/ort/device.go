package ort

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	onnx "github.com/yalue/onnxruntime_go"

	"github.com/labelloop/labelloop/internal/label"
)

// Auto is the first accelerator that works, else the CPU.
const Auto = "auto"

// Devices lists the names that Choose takes.
func Devices() []string {
	names := []string{Auto}
	for _, p := range providers {
		if p.nvidia {
			p.name += "[:NUMBER,...]"
		}
		names = append(names, p.name)
	}
	return names
}

// parse reads the name of one or more devices of an execution provider: "cpu", "cuda" (the first one), "cuda:1", "cuda:0,1".
func parse(device string) (p provider, numbers []int, err error) {
	name, list, numbered := strings.Cut(device, ":")
	at := slices.IndexFunc(providers, func(p provider) bool { return p.name == name })
	switch {
	case at < 0:
		return p, nil, label.Errorf(label.ErrUsage, "execution provider %q is unknown, want one of %s", name, strings.Join(Devices(), ", "))
	case !numbered:
		return providers[at], []int{0}, nil
	case !providers[at].nvidia:
		return p, nil, label.Errorf(label.ErrUsage, "device %s: %s has no numbered devices; cuda and tensorrt have", device, name)
	}
	for field := range strings.SplitSeq(list, ",") {
		number, err := strconv.ParseUint(field, 10, 8)
		if err != nil || slices.Contains(numbers, int(number)) {
			return p, nil, label.Errorf(label.ErrUsage, "device %s: want numbers of devices from 0, each once, as in %s:0,1", device, name)
		}
		numbers = append(numbers, int(number))
	}
	return providers[at], numbers, nil
}

// Choose finds out where graphs can run. A device by its name is tried, and returned; one that does not work is an error, never
// the CPU instead. Auto gives the first provider that works, and why the ones before it were passed over.
func Choose(device string) (chosen, why string, err error) {
	if device != Auto {
		p, numbers, err := parse(device)
		if err != nil {
			return "", "", err
		}
		for _, number := range numbers {
			if err := p.try(number); err != nil {
				return "", "", err
			}
		}
		return device, "", nil
	}
	var passed []string
	for _, p := range providers {
		if p.name == "tensorrt" {
			continue // it builds an engine for minutes before its first answer: it is for those who ask for it
		}
		if p.try(0) == nil {
			chosen = p.name
			break
		}
		passed = append(passed, p.name+" needs "+p.needs)
	}
	return chosen, strings.Join(passed, "; "), nil
}

// identity is an ONNX graph whose output y is its input x, of one float32. (IR version 8, operator set 13.)
const identity = "\x08\x08:7\n\x10\n\x01x\x12\x01y\"\x08Identity\x12\x01gZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01" +
	"b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\r"

// try opens a graph of one node on a device: that the provider's library can be loaded does not tell that there is a device.
func (p provider) try(number int) error {
	err := p.guard(func() error {
		options, err := onnx.NewSessionOptions()
		if err != nil {
			return err
		}
		defer options.Destroy()
		if err := p.append(options, number, Options{Threads: 1, Runs: 1}); err != nil {
			return err
		}
		session, err := onnx.NewDynamicAdvancedSessionWithONNXData([]byte(identity), []string{"x"}, []string{"y"}, options)
		if err != nil {
			return err
		}
		return session.Destroy()
	})
	if err != nil {
		return fmt.Errorf("device %s: %w: it needs %s; --device auto takes what there is (runtime says: %v)",
			p.device(number), label.ErrNoProvider, p.needs, err)
	}
	return nil
}

// device names one device of the provider.
func (p provider) device(number int) string {
	if !p.nvidia {
		return p.name
	}
	return p.name + ":" + strconv.Itoa(number)
}

// guard calls what may start a provider's native libraries. CUDA puts its own handlers of signals in the place of Go's, and
// without SA_ONSTACK, so that the next signal would crash the program. OpenVINO has the thread that starts it handle signals on another
// stack, which is unmapped when OpenVINO is stopped, on whatever thread; the first one's next signal would crash the program.
func (p provider) guard(call func() error) (err error) {
	if p.name == CPU {
		return call()
	}
	keepSignals(func() { err = call() })
	return err
}
