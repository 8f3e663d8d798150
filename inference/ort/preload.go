package ort

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

// load opens a library for those that are opened later; it returns what went wrong, to be freed, or NULL.
static char *load(const char *path) {
	return dlopen(path, RTLD_LAZY | RTLD_GLOBAL) ? NULL : strdup(dlerror());
}
*/
import "C"

import (
	"fmt"
	"path/filepath"
	"unsafe"
)

// cudaLibraries are what the CUDA provider wants. It finds what is loaded already by its name alone; the folder that the runtime
// lies in is not searched for them.
var cudaLibraries = []string{"libcudart", "libcublasLt", "libcublas", "libcurand", "libcufft", "libnvrtc", "libcudnn"}

// preload opens the CUDA libraries that lie in a folder, if there are any.
func preload(dir string) error {
	for _, name := range cudaLibraries {
		found, err := filepath.Glob(filepath.Join(dir, name+".so.*"))
		if err != nil {
			return fmt.Errorf("load %s: %w", filepath.Join(dir, name), err)
		}
		for _, path := range found {
			if err := load(path); err != nil {
				return err
			}
		}
	}
	return nil
}

func load(path string) error {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	wrong := C.load(name)
	if wrong == nil {
		return nil
	}
	defer C.free(unsafe.Pointer(wrong))
	return fmt.Errorf("load %s: %s: make the folder anew by 'make deps GPU=1'", path, C.GoString(wrong))
}
