#include "decompress.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "libjpeg.h"

// Entries of the library, set once by labelloop_jpeg_load.
static struct jpeg_errors *(*std_error)(struct jpeg_errors *);
static void (*create)(struct jpeg *, int version, size_t size);
static int (*read_header)(struct jpeg *, int require_image);
static int (*start)(struct jpeg *);
static unsigned (*read_scanlines)(struct jpeg *, unsigned char **rows, unsigned n);
static void (*destroy)(struct jpeg *);
static int (*resync)(struct jpeg *, int desired);

// A picture needs ten or so scans; each of a hostile file's thousands costs as much as a whole decoding.
enum { MAX_SCANS = 500 };

// One decoding. The library calls back with cinfo->client.
struct decoding {
	union { struct jpeg cinfo; char size[JPEG_SIZE]; } u;
	struct jpeg_errors errors;
	struct jpeg_progress progress;
	struct jpeg_source source;
	jmp_buf failed;
	char *message; // LABELLOOP_JPEG_MESSAGE bytes
};

static void fail(struct jpeg *cinfo, const char *message) {
	struct decoding *d = cinfo->client;
	snprintf(d->message, LABELLOOP_JPEG_MESSAGE, "%s", message);
	longjmp(d->failed, 1);
}

static void on_error(struct jpeg *cinfo) {
	char text[200]; // JMSG_LENGTH_MAX
	cinfo->errors->format_message(cinfo, text);
	fail(cinfo, text);
}

// Warnings are about data that could be decoded all the same. Pillow passes over them too.
static void on_message(struct jpeg *cinfo, int level) {}

static void on_progress(struct jpeg *cinfo) {
	if (cinfo->scan > MAX_SCANS) fail(cinfo, "more than 500 scans");
}

static void nothing(struct jpeg *cinfo) {}

// All data is in the buffer from the beginning: whoever asks for more has come to the end of a file that was cut off.
static int on_empty(struct jpeg *cinfo) {
	fail(cinfo, "the file is cut off");
	return 0;
}

static void on_skip(struct jpeg *cinfo, long n) {
	if (n <= 0) return;
	if ((size_t)n > cinfo->source->left) on_empty(cinfo);
	cinfo->source->next += n;
	cinfo->source->left -= n;
}

// dlsym gives an object pointer, which ISO C does not turn into a function pointer, but POSIX does.
static int entry(void *library, const char *name, void *to) {
	void *found = dlsym(library, name);
	memcpy(to, &found, sizeof found);
	return found != NULL;
}

int labelloop_jpeg_load(const char *path) {
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library) return 0;
	void *turbo;
	if (entry(library, "jpeg_skip_scanlines", &turbo) && // libjpeg-turbo alone has it
	    entry(library, "jpeg_std_error", &std_error) && entry(library, "jpeg_CreateDecompress", &create) &&
	    entry(library, "jpeg_read_header", &read_header) && entry(library, "jpeg_start_decompress", &start) &&
	    entry(library, "jpeg_read_scanlines", &read_scanlines) && entry(library, "jpeg_destroy_decompress", &destroy) &&
	    entry(library, "jpeg_resync_to_restart", &resync)) {
		char message[LABELLOOP_JPEG_MESSAGE];
		struct decoding d = {.message = message};
		d.u.cinfo.errors = std_error(&d.errors);
		d.errors.error_exit = on_error;
		d.u.cinfo.client = &d;
		if (!setjmp(d.failed)) {
			create(&d.u.cinfo, JPEG_ABI, JPEG_SIZE); // fails where the library has another ABI; keeps errors and client
			destroy(&d.u.cinfo);
			return 1;
		}
	}
	dlclose(library);
	return 0;
}

int labelloop_jpeg_decode(const unsigned char *data, size_t n, unsigned width, unsigned height, int space, unsigned char *out,
                          char *message) {
	struct decoding d = {.message = message};
	struct jpeg *c = &d.u.cinfo;
	c->errors = std_error(&d.errors);
	d.errors.error_exit = on_error;
	d.errors.emit_message = on_message;
	c->client = &d;
	if (setjmp(d.failed)) {
		destroy(c);
		return 0;
	}
	create(c, JPEG_ABI, JPEG_SIZE);
	d.progress.monitor = on_progress;
	c->progress = &d.progress;
	d.source = (struct jpeg_source){data, n, nothing, on_empty, on_skip, resync, nothing};
	c->source = &d.source;
	read_header(c, 1);
	if (c->width != width || c->height != height) fail(c, "two headers of different sizes");
	if ((space == JPEG_SPACE_CMYK) != (c->components == 4)) fail(c, "two headers of different colours");
	c->out_space = space;
	c->dct_method = JPEG_ISLOW;
	start(c);
	size_t stride = (size_t)width * (space == JPEG_SPACE_CMYK ? 4 : 3);
	while (c->scanline < height) {
		unsigned char *rows[4];
		unsigned at = c->scanline, m = height - at < 4 ? height - at : 4;
		for (unsigned i = 0; i < m; i++) rows[i] = out + stride * (at + i);
		read_scanlines(c, rows, m);
	}
	destroy(c); // what follows the last scanline is nobody's business
	return 1;
}
