package ort

/*
#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>
static void trim(void) { malloc_trim(0); }
#else
static void trim(void) {}
#endif
*/
import "C"

// trim gives memory back to the system that native code has freed: the C library keeps it, in pieces, and a program that
// loads model after model would grow.
func trim() { C.trim() }
