#include "resample.h"

#include <stdlib.h>
#include <string.h>

enum { BITS = 22, HALF = 1 << (BITS - 1) };

static inline uint8_t clip(int32_t sum) {
	int32_t v = sum >> BITS;
	return v < 0 ? 0 : v > 255 ? 255 : v;
}

static void two_rows_plain(const uint8_t *a, const uint8_t *b, struct labelloop_taps t, uint8_t *out_a, uint8_t *out_b) {
	const int32_t *weight = t.weights;
	for (int x = 0; x < t.n; x++) {
		const uint8_t *pa = a + 3 * (size_t)t.from[x], *pb = b + 3 * (size_t)t.from[x];
		int32_t sums[6] = {HALF, HALF, HALF, HALF, HALF, HALF};
		for (int i = 0; i < t.count[x]; i++, pa += 3, pb += 3, weight++)
			for (int c = 0; c < 3; c++) {
				sums[c] += pa[c] * *weight;
				sums[3 + c] += pb[c] * *weight;
			}
		for (int c = 0; c < 3; c++) {
			out_a[3 * x + c] = clip(sums[c]);
			out_b[3 * x + c] = clip(sums[3 + c]);
		}
	}
}

#if defined(__x86_64__)
#include <immintrin.h>

// One copy of a function for each kind of processor; the dynamic linker picks.
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx2", "sse4.1", "default")))

// Eight lanes: red, green and blue of a pixel of each row, and a fourth byte each that is dropped.
__attribute__((target("avx2"))) static void two_rows_avx2(const uint8_t *a, const uint8_t *b, struct labelloop_taps t,
                                                          uint8_t *out_a, uint8_t *out_b) {
	const int32_t *weight = t.weights;
	for (int x = 0; x < t.n; x++) {
		const uint8_t *pa = a + 3 * (size_t)t.from[x], *pb = b + 3 * (size_t)t.from[x];
		__m256i sum = _mm256_set1_epi32(HALF);
		for (int i = 0; i < t.count[x]; i++, pa += 3, pb += 3) {
			// Joined in a register: a vector stored in halves and loaded whole would wait for the stores.
			uint32_t low, high;
			memcpy(&low, pa, 4);
			memcpy(&high, pb, 4);
			__m256i pixels = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(low | (uint64_t)high << 32));
			sum = _mm256_add_epi32(sum, _mm256_mullo_epi32(pixels, _mm256_set1_epi32(*weight++)));
		}
		sum = _mm256_srai_epi32(sum, BITS);
		__m128i words = _mm_packs_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
		uint64_t bytes = _mm_cvtsi128_si64(_mm_packus_epi16(words, words)); // packing clips
		for (int c = 0; c < 3; c++) {
			out_a[3 * x + c] = bytes >> (8 * c);
			out_b[3 * x + c] = bytes >> (32 + 8 * c);
		}
	}
}

static void two_rows(const uint8_t *a, const uint8_t *b, struct labelloop_taps t, uint8_t *out_a, uint8_t *out_b) {
	if (__builtin_cpu_supports("avx2"))
		two_rows_avx2(a, b, t, out_a, out_b);
	else
		two_rows_plain(a, b, t, out_a, out_b);
}
#else
#define FOR_EACH_PROCESSOR
#define two_rows two_rows_plain
#endif

void labelloop_resample_rows(const uint8_t *in, int in_stride, int width, int rows, struct labelloop_taps t, uint8_t *out) {
	size_t out_stride = 3 * (size_t)t.n, used = 3 * (size_t)width;
	int y = 0;
	for (; y + 2 < rows; y += 2, in += 2 * (size_t)in_stride, out += 2 * out_stride)
		two_rows(in, in + in_stride, t, out, out + out_stride);
	// A pixel is read as four bytes, so the end of the picture has to be moved to where there is one more.
	uint8_t *last = calloc(2, used + 1), *scratch = malloc(out_stride);
	for (int i = 0; y + i < rows; i++) memcpy(last + i * (used + 1), in + i * (size_t)in_stride, used);
	two_rows(last, last + used + 1, t, out, y + 1 < rows ? out + out_stride : scratch);
	free(last);
	free(scratch);
}

FOR_EACH_PROCESSOR
void labelloop_resample_columns(const uint8_t *in, int in_stride, int width, struct labelloop_taps t, uint8_t *out) {
	enum { LANES = 32 };
	const int32_t *weights = t.weights;
	for (int y = 0; y < t.n; y++, out += width) {
		const uint8_t *first = in + (size_t)t.from[y] * in_stride;
		int x = 0;
		for (; x + LANES <= width; x += LANES) {
			int32_t sums[LANES];
			for (int j = 0; j < LANES; j++) sums[j] = HALF;
			const uint8_t *at = first + x;
			for (int i = 0; i < t.count[y]; i++, at += in_stride)
				for (int j = 0; j < LANES; j++) sums[j] += at[j] * weights[i];
			for (int j = 0; j < LANES; j++) out[x + j] = clip(sums[j]);
		}
		for (; x < width; x++) {
			int32_t sum = HALF;
			for (int i = 0; i < t.count[y]; i++) sum += first[x + (size_t)i * in_stride] * weights[i];
			out[x] = clip(sum);
		}
		weights += t.count[y];
	}
}
