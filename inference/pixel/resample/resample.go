// Package resample computes weighted sums of pixels in 32-bit fixed point, the inner loops of a resize. They are in C for
// its vector instructions.
package resample

// #cgo CFLAGS: -O3
// #include "resample.h"
import "C"

import (
	"runtime"
	"unsafe"
)

// Bits are the bits of a weight after the point: 32 less 8 for a sample and 2 for what weights over 1 add.
const Bits = 32 - 8 - 2

// Taps says which samples each output sample is a weighted sum of: Count[i] of them from From[i] on. The weights of all
// stand one after the other. Sums are rounded and clipped to 8 bits.
type Taps struct {
	From, Count, Weights []int32
}

// native lends the slices to C for one call.
func (t Taps) native(pin *runtime.Pinner) C.struct_labelloop_taps {
	lend := func(s []int32) *C.int32_t {
		p := unsafe.SliceData(s)
		pin.Pin(p)
		return (*C.int32_t)(unsafe.Pointer(p))
	}
	return C.struct_labelloop_taps{n: C.int(len(t.From)), from: lend(t.From), count: lend(t.Count), weights: lend(t.Weights)}
}

// Rows resizes rows of RGB: of rows of stride bytes, width pixels from in's beginning on, to len(t.From) pixels each. The
// caller has made sure that taps lie within.
func Rows(out, in []byte, stride, width, rows int, t Taps) {
	var pin runtime.Pinner
	defer pin.Unpin()
	C.labelloop_resample_rows(first(in), C.int(stride), C.int(width), C.int(rows), t.native(&pin), first(out))
}

// Columns resizes columns: of rows of stride bytes, width bytes from in's beginning on, to len(t.From) rows of width bytes.
func Columns(out, in []byte, stride, width int, t Taps) {
	var pin runtime.Pinner
	defer pin.Unpin()
	C.labelloop_resample_columns(first(in), C.int(stride), C.int(width), t.native(&pin), first(out))
}

func first(b []byte) *C.uint8_t { return (*C.uint8_t)(unsafe.SliceData(b)) }
