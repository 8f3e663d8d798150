#include <stddef.h>

enum { LABELLOOP_JPEG_MESSAGE = 256 };

// Opens a library for all later decodings; 0 where it is not libjpeg-turbo with ABI 62. Not for two threads at once.
int labelloop_jpeg_load(const char *path);

// Decodes a picture of a size and number of colours that the caller has read in the header: space 2 gives RGB, 4 gives
// CMYK as it is stored. Returns 0 on failure, with the reason in message.
int labelloop_jpeg_decode(const unsigned char *data, size_t n, unsigned width, unsigned height, int space, unsigned char *out,
                          char *message);
