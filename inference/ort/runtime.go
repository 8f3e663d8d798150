// Package ort runs ONNX graphs on ONNX Runtime. It is the only place that touches its memory: tensors are created,
// used, copied out and destroyed within one call.
package ort

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	onnx "github.com/yalue/onnxruntime_go"
)

// LibraryName is the file that Load looks for in a library folder.
const LibraryName = "libonnxruntime.so"

// noTelemetry, set in the environment, keeps the runtime from telling its makers over the network what it runs, which a few
// seconds after a session is opened it does otherwise.
const noTelemetry = "ORT_DISABLE_TELEMETRY"

var (
	loading sync.Mutex
	loaded  string // full path of the library in use
)

// Load opens the ONNX Runtime library of the first folder that holds one, and the CUDA libraries beside it. Later calls do nothing:
// a process has one runtime. Execution providers are loaded from the same folder when they are asked for.
func Load(dirs ...string) error {
	loading.Lock()
	defer loading.Unlock()
	if loaded != "" {
		return nil
	}
	for _, dir := range dirs {
		path, err := filepath.Abs(filepath.Join(dir, LibraryName))
		if err != nil {
			return fmt.Errorf("load ONNX Runtime: %w", err)
		}
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err := preload(dir); err != nil {
			return err
		}
		onnx.SetSharedLibraryPath(path)
		if err := os.Setenv(noTelemetry, "1"); err != nil {
			return fmt.Errorf("load ONNX Runtime: %w", err)
		}
		// Errors are returned; the runtime need not print them too.
		if err := onnx.InitializeEnvironment(onnx.WithLogLevelFatal()); err != nil {
			return fmt.Errorf("load ONNX Runtime from %s: %w", path, err)
		}
		loaded = path
		return nil
	}
	return fmt.Errorf("load ONNX Runtime: no %s in %v: run 'make deps' (for OpenVINO 'make deps OPENVINO=1'), or point LABELLOOP_DEPS at the folder that it fills",
		LibraryName, dirs)
}

// Version gives the version of the loaded library.
func Version() string { return onnx.GetVersion() }
