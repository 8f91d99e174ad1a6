/* misuse.h - errors of the program, told in one line.
 *
 * Owns: the line, its count, and the answer to it (option on_misuse).  Must not
 * know: how misuse is found, nor what is done about the heap when the program
 * goes on.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_MISUSE_H
#define MX_MISUSE_H

#include "messages.h"
#include "span.h"

/* How often this was called; atomic.  */
extern size_t mx_misuse_count;

/* CALL (a name such as "free") was given P, which is what MESSAGE says.  S: the
 * span at P, NULL if none; SELF: the caller's cache.  Does not come back unless
 * on_misuse:report.  */
MX_COLD void mx_misuse(enum mx_message message, const char *call,
    const void *p, const struct mx_span *s, const struct mx_cache *self);

/* The same for MX_MESSAGE_WRONG_SIZE: N bytes were named.  */
MX_COLD void mx_misuse_size(const char *call, const void *p, size_t n,
    const struct mx_span *s, const struct mx_cache *self);

#endif /* MX_MISUSE_H */
