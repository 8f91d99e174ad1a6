/* interface.h - what the parts of interface_test share.
 *
 * Owns: the count of checks.  Must not know: any header of memaix.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef INTERFACE_H
#define INTERFACE_H

#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>

#include "plain.h"

/* Through these, so that no compiler can know what is called.  The last four
 * are not in every libc: NULL where there is none.  */
extern void *(*volatile p_malloc)(size_t);
extern void *(*volatile p_calloc)(size_t, size_t);
extern void *(*volatile p_realloc)(void *, size_t);
extern void (*volatile p_free)(void *);
extern void *(*volatile p_aligned_alloc)(size_t, size_t);
extern int (*volatile p_posix_memalign)(void **, size_t, size_t);
extern size_t (*volatile p_usable)(void *);     /* likewise */
extern void *(*volatile p_reallocarray)(void *, size_t, size_t);
extern void *(*volatile p_memalign)(size_t, size_t);
extern void *(*volatile p_valloc)(size_t);
extern void *(*volatile p_pvalloc)(size_t);

/* Nor are these.  */
#pragma weak mallinfo
#pragma weak mallinfo2
#pragma weak mallopt
#pragma weak malloc_trim
#pragma weak malloc_stats
#pragma weak malloc_info

/* Leave out what memaix promises beyond the standards.  */
extern bool standard;

#define CHECK(x) check((x), __FILE__, __LINE__, #x, 0)
#define CHECK_AT(x, where) check((x), __FILE__, __LINE__, #x, (where))

bool check(bool good, const char *file, int line, const char *what,
    size_t where);

/* What may be used of a block of N bytes.  */
size_t usable(void *p, size_t n);

bool is_aligned(const void *p, size_t a);
/* Of what realloc gives, and of a new block.  */
size_t least_alignment(size_t n);
size_t natural_alignment(size_t n);

/* P is a block of N bytes: try all of them, then free it.  */
void use_and_free(void *p, size_t n);

void interface_align(void);
void interface_report(void);
void interface_random(void);

#endif /* INTERFACE_H */
