// Package libjpeg decodes JPEG with libjpeg-turbo, which Pillow uses too, so that pixels are the same to the last bit.
// The library is opened at run time.
package libjpeg

// #cgo LDFLAGS: -ldl
// #include <stdlib.h>
// #include "libjpeg.h"
import "C"

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"unsafe"
)

const soname = "libjpeg.so.62"

var (
	loading sync.Mutex
	loaded  string // path of the library in use
)

// Load opens libjpeg-turbo from the first of the folders that holds it, or else from where the system keeps its
// libraries. It reports whether there is one; once it was found, later calls do nothing.
func Load(dirs ...string) bool {
	loading.Lock()
	defer loading.Unlock()
	if loaded != "" {
		return true
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, soname)
		if _, err := os.Stat(path); err == nil && load(path) {
			return true
		}
	}
	return load(soname)
}

func load(path string) bool {
	p := C.CString(path)
	defer C.free(unsafe.Pointer(p))
	if C.labelloop_jpeg_load(p) == 0 {
		return false
	}
	loaded = path
	return true
}

// Path is the library in use, "" where none was loaded.
func Path() string {
	loading.Lock()
	defer loading.Unlock()
	return loaded
}

// RGB decodes a picture of one or three components to width x height x 3 bytes. The size is the header's.
func RGB(data []byte, width, height int) ([]byte, error) { return decode(data, width, height, 2, 3) }

// CMYK decodes a picture of four components to width x height x 4 bytes, as they are stored.
func CMYK(data []byte, width, height int) ([]byte, error) { return decode(data, width, height, 4, 4) }

func decode(data []byte, width, height, space, channels int) ([]byte, error) {
	if Path() == "" {
		return nil, errors.New("libjpeg-turbo is not loaded")
	}
	out := make([]byte, width*height*channels)
	var message [C.LABELLOOP_JPEG_MESSAGE]C.char
	ok := C.labelloop_jpeg_decode((*C.uchar)(unsafe.SliceData(data)), C.size_t(len(data)), C.uint(width), C.uint(height),
		C.int(space), (*C.uchar)(unsafe.SliceData(out)), &message[0])
	if ok == 0 {
		return nil, errors.New(C.GoString(&message[0]))
	}
	return out, nil
}
