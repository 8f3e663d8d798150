package ort

import "golang.org/x/sys/cpu"

// MultipliesInt8 says whether the processor has instructions for products of int8 (VNNI, or Arm's dot products). Without them int8 is
// hardly quicker than float32, and sums of pairs can overflow 16 bits, which changes labels.
func MultipliesInt8() bool {
	return cpu.X86.HasAVX512VNNI || cpu.X86.HasAVXVNNI || cpu.ARM64.HasASIMDDP
}

// MultipliesBF16 says whether the processor has instructions for products of bfloat16. Without them bfloat16 is slower than float32.
func MultipliesBF16() bool { return cpu.X86.HasAVX512BF16 || cpu.X86.HasAMXBF16 }
