#include <stdint.h>

// Taps of n output samples: sample i is the sum of count[i] input samples from from[i] on, times weights, whose point is
// before the last 22 bits. The weights of all samples stand one after the other.
struct labelloop_taps {
	int n;
	const int32_t *from, *count, *weights;
};

// Resizes rows of RGB: rows of in_stride bytes, of which width pixels from in on are used, to rows x t.n x 3 bytes.
void labelloop_resample_rows(const uint8_t *in, int in_stride, int width, int rows, struct labelloop_taps t, uint8_t *out);

// Resizes columns: rows of in_stride bytes, of which width bytes from in on are used, to t.n rows of width bytes.
void labelloop_resample_columns(const uint8_t *in, int in_stride, int width, struct labelloop_taps t, uint8_t *out);
