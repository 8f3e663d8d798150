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

// Load opens libjpeg-turbo from the first of the folders that holds it. It reports whether there is one; once it was found,
// later calls do nothing. The system's own library is left alone: another version may give other pixels.
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
	return false
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

// RGB decodes a picture of one or three components into width x height x 3 bytes. The size is the header's.
func RGB(out, data []byte, width, height int) error { return decode(out, data, width, height, 2, 3) }

// CMYK decodes a picture of four components into width x height x 4 bytes, as they are stored.
func CMYK(out, data []byte, width, height int) error { return decode(out, data, width, height, 4, 4) }

func decode(out, data []byte, width, height, space, channels int) error {
	switch {
	case Path() == "":
		return errors.New("libjpeg-turbo is not loaded")
	case len(out) != width*height*channels:
		return errors.New("the buffer is of another size")
	}
	var message [C.LABELLOOP_JPEG_MESSAGE]C.char
	ok := C.labelloop_jpeg_decode((*C.uchar)(unsafe.SliceData(data)), C.size_t(len(data)), C.uint(width), C.uint(height),
		C.int(space), (*C.uchar)(unsafe.SliceData(out)), &message[0])
	if ok == 0 {
		return errors.New(C.GoString(&message[0]))
	}
	return nil
}
