// The part of libjpeg-turbo's interface that is used here, declared as its ABI version 62 has it (jpeglib.h of
// libjpeg-turbo 1.2 to 3.1): the library is opened at run time, and a machine that builds need not have it. The library
// checks version and size of the structure when it makes a decompressor.
#include <stddef.h>

enum { JPEG_ABI = 62, JPEG_SIZE = 632 };
enum { JPEG_SPACE_CMYK = 4 };
enum { JPEG_ISLOW = 0 };

struct jpeg;

struct jpeg_errors {
	void (*error_exit)(struct jpeg *);
	void (*emit_message)(struct jpeg *, int level);
	void (*output_message)(struct jpeg *);
	void (*format_message)(struct jpeg *, char *buffer);
	void (*reset)(struct jpeg *);
	int code;
	union { int i[8]; char s[80]; } parameters;
	int trace_level;
	long warnings;
	const char *const *table;
	int last;
	const char *const *addon;
	int first_addon, last_addon;
};

struct jpeg_progress {
	void (*monitor)(struct jpeg *);
	long pass_counter, pass_limit;
	int completed_passes, total_passes;
};

struct jpeg_source {
	const unsigned char *next;
	size_t left;
	void (*init)(struct jpeg *);
	int (*fill)(struct jpeg *);
	void (*skip)(struct jpeg *, long n);
	int (*resync)(struct jpeg *, int desired);
	void (*term)(struct jpeg *);
};

// The head of jpeg_decompress_struct.
struct jpeg {
	struct jpeg_errors *errors;
	void *memory;
	struct jpeg_progress *progress;
	void *client;
	int is_decompressor, state;
	struct jpeg_source *source;
	unsigned width, height;
	int components, space;
	int out_space;
	unsigned scale_num, scale_denom;
	double gamma;
	int buffered, raw;
	int dct_method, fancy_upsampling, block_smoothing;
	int quantize, dither, two_pass, colours;
	int one_pass_quantizer, external_quantizer, two_pass_quantizer;
	unsigned out_width, out_height;
	int out_space_components, out_components, rec_height;
	int map_size;
	unsigned char **map;
	unsigned scanline;
	int scan;
};
