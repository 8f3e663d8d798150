package ort

/*
#include <dlfcn.h>
#include <stdlib.h>

// The CUDA runtime, where the CUDA provider has loaded it.
static void *cudart(const char *function) {
	void *library = dlopen("libcudart.so.13", RTLD_LAZY | RTLD_NOLOAD);
	return library ? dlsym(library, function) : NULL;
}

// lock allocates page-locked memory for all GPUs; NULL where there is none. The device is set because a call without one would
// take memory of the first GPU for a context there, though only others were asked for.
static void *lock(int device, size_t size) {
	int (*get)(int *) = cudart("cudaGetDevice"), (*set)(int) = cudart("cudaSetDevice");
	int (*alloc)(void **, size_t, unsigned) = cudart("cudaHostAlloc");
	void *memory = NULL;
	int before;
	if (!get || !set || !alloc || get(&before) != 0) return NULL;
	if (set(device) == 0 && alloc(&memory, size, 1) != 0) memory = NULL; // 1: cudaHostAllocPortable
	set(before);
	return memory;
}

static void unlock(void *memory) {
	int (*release)(void *) = cudart("cudaFreeHost");
	if (release) release(memory);
}
*/
import "C"

import (
	"errors"
	"fmt"
	"math/bits"
	"unsafe"

	onnx "github.com/yalue/onnxruntime_go"

	"github.com/labelloop/labelloop/inference"
)

// buffer is memory outside of Go's heap that grows to what it has to hold.
type buffer struct {
	number int // of the GPU that copies from and to it
	memory unsafe.Pointer
	size   int  // bytes
	locked bool // page-locked, by the CUDA runtime
}

// grow makes room for n bytes; what the buffer held is lost then.
func (b *buffer) grow(n int) error {
	if n <= b.size {
		return nil
	}
	b.free()
	size := 1 << bits.Len(uint(n-1))
	keepSignals(func() { b.memory = C.lock(C.int(b.number), C.size_t(size)) })
	if b.memory != nil {
		b.locked = true
	} else if b.memory = C.malloc(C.size_t(size)); b.memory == nil {
		return errors.New("no memory is left")
	}
	b.size = size
	return nil
}

func (b *buffer) free() {
	if b.locked {
		C.unlock(b.memory)
	} else {
		C.free(b.memory)
	}
	b.memory, b.size, b.locked = nil, 0, false
}

// hold copies a tensor into the buffer, as a value of a shape that may have more rows: they repeat the last.
func (b *buffer) hold(t inference.Tensor, shape []int64) (onnx.Value, error) {
	switch {
	case t.Int64 != nil:
		return hold(b, t.Shape, t.Int64, shape)
	case t.Float32 != nil:
		return hold(b, t.Shape, t.Float32, shape)
	}
	return nil, fmt.Errorf("tensor of shape %v holds no data", t.Shape)
}

func hold[T int64 | float32](b *buffer, from []int64, data []T, shape []int64) (onnx.Value, error) {
	if n := product(from); n != len(data) || n == 0 {
		return nil, fmt.Errorf("tensor of shape %v requires %d elements, not %d", from, n, len(data))
	}
	room, err := values[T](b, product(shape))
	if err != nil {
		return nil, err
	}
	row := len(data)
	if len(from) > 0 {
		row /= int(from[0])
	}
	for n := copy(room, data); n < len(room); n += row {
		copy(room[n:], data[len(data)-row:])
	}
	return wrap(shape, room)
}

// room gives the buffer as a value of the shape and type of t.
func (b *buffer) room(t inference.Tensor) (onnx.Value, error) {
	if t.Int64 != nil {
		return roomOf[int64](b, t.Shape)
	}
	return roomOf[float32](b, t.Shape)
}

func roomOf[T int64 | float32](b *buffer, shape []int64) (onnx.Value, error) {
	room, err := values[T](b, product(shape))
	if err != nil {
		return nil, err
	}
	return wrap(shape, room)
}

// values gives the buffer as n numbers.
func values[T int64 | float32](b *buffer, n int) ([]T, error) {
	var one T
	if err := b.grow(max(1, n) * int(unsafe.Sizeof(one))); err != nil {
		return nil, err
	}
	return unsafe.Slice((*T)(b.memory), n), nil
}

func product(shape []int64) int {
	n := 1
	for _, d := range shape {
		n *= int(d)
	}
	return n
}
