/* class.h - size classes: what size of block serves a request.
 *
 * Owns: the generated tables.  Must not know: spans, threads, memory.
 *
 * Invariant: mx_class_size(mx_class_of(n)) >= n, and no smaller class does.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_CLASS_H
#define MX_CLASS_H

#include "base.h"
#include "class_table.h"

/* Bytes every block is aligned to.  */
#define MX_BLOCK_ALIGN 16

/* The tables, out of line so that every user shares one copy.  */
extern const uint16_t mx_class_sizes[MX_CLASS_COUNT];
extern const uint8_t mx_class_pages[MX_CLASS_COUNT];
extern const uint32_t mx_class_magics[MX_CLASS_COUNT];
extern const uint8_t mx_class_map[MX_CLASS_MAX / MX_BLOCK_ALIGN + 1];

/* Class of a request of N <= MX_CLASS_MAX bytes.  */
MX_INLINE unsigned
mx_class_of(size_t n)
{
	return mx_class_map[(n + MX_BLOCK_ALIGN - 1) / MX_BLOCK_ALIGN];
}

/* Bytes in a block of class C.  */
MX_INLINE size_t
mx_class_size(unsigned c)
{
	return mx_class_sizes[c];
}

/* The class for N bytes at an address divisible by ALIGN (a power of two, at least
 * MX_BLOCK_ALIGN), or MX_CLASS_COUNT if no class serves it.  A block's offset in its
 * span is a multiple of its size and spans start on pages, so the size decides.  In
 * each doubling the sizes are 4, 5, 6 and 7 times a power of two, so the class of a
 * multiple of ALIGN is itself one (tests/check_class.c tries them all).  */
MX_INLINE unsigned
mx_class_of_aligned(size_t n, size_t align)
{
	n = mx_align_up(n, align);
	return n >= align && n <= MX_CLASS_MAX ? mx_class_of(n) :
	    MX_CLASS_COUNT;
}

#endif /* MX_CLASS_H */
