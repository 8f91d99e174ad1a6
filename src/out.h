/* out.h - text without malloc and without stdio.
 *
 * Owns: a small buffer that a caller keeps on its stack, and the few printf
 * conversions that memaix uses.  Must not know: what is printed.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_OUT_H
#define MX_OUT_H

#include <stdarg.h>

#include "base.h"

/* Takes N bytes of finished text.  */
typedef void mx_out_sink(void *arg, const char *text, size_t n);

struct mx_out {
	mx_out_sink *sink;
	void *arg;
	size_t used;
	char buf[480];
};

/* Text goes to a file descriptor; a failed write is dropped.  */
void mx_out_init_fd(struct mx_out *o, int fd);
void mx_out_init(struct mx_out *o, mx_out_sink *sink, void *arg);

/* %s %c %d %u %zu %llu %x %zx %p %%, each with an optional width, `-' and `0'.
 * The buffer is flushed when full; a last mx_out_done is the caller's duty.  */
void mx_out(struct mx_out *o, const char *format, ...) MX_PRINTF(2, 3);
void mx_out_va(struct mx_out *o, const char *format, va_list ap);
void mx_out_done(struct mx_out *o);

/* One line "memaix: ..." to standard error, in one write.  */
void mx_out_message(const char *format, ...) MX_PRINTF(1, 2);

#endif /* MX_OUT_H */
