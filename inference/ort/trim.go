package ort

/*
#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" // mallinfo2 is not in the older libraries that an archive runs on
static unsigned used(void) { return mallinfo().uordblks; }
static void trim(void) { malloc_trim(0); }
#else
static unsigned used(void) { return 0; }
static void trim(void) {}
#endif
*/
import "C"

// worthTrimming is what has to be freed for memory to be given back. That takes time, and scatters what is kept of small graphs.
const worthTrimming = 8 << 20

// trimmed calls free, and gives memory back to the system if that freed much of it in native code: the C library keeps it, in pieces,
// and a program that loads model after model would grow.
func trimmed(free func() error) error {
	before := C.used()
	err := free()
	if freed := int32(before - C.used()); freed > worthTrimming {
		C.trim()
	}
	return err
}
