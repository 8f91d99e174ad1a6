/* root.h - the record from which memaix can be read from outside.
 *
 * Owns: memaix_root, the one exported object.  Another process, or a reader of a
 * core file, finds it by its name or its magic, and from it arenas, records,
 * classes and caches.  Every size and offset it needs is in the record, so that
 * a reader need not be of the same build.  HACKING documents the fields.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_ROOT_H
#define MX_ROOT_H

#include "base.h"

#define MX_ROOT_MAGIC   "MEMAIX\r\n"

/* Raised when a field changes its meaning or place; new fields come last and
 * raise only `size'.  */
#define MX_ROOT_VERSION 5

struct mx_root {
	char magic[8];
	uint32_t version;
	uint32_t size;                  /* of this record, bytes */
	uint16_t pointer_size;          /* bytes */
	uint16_t page_shift;
	uint16_t slot_shift;
	uint16_t class_count;
	uint64_t address_base;
	uint64_t slot_count;
	const char *library;            /* version, text */
	const void *pagemap;            /* slot_count pointers to slots */
	const void *none;               /* the record that means "no block" */
	const void *arenas;             /* address of the newest arena's ptr */
	const void *caches;             /* address of the newest cache's ptr */
	const uint16_t *class_sizes;
	const void *heap_account;       /* pages in use, dirty; large blocks */
	const void *sys_account;        /* bytes per state */

	/* Offsets in bytes.  */
	uint32_t slot_page, slot_ready;
	uint32_t slot_span;
	uint32_t slot_size;
	uint16_t span_size, span_owner, span_local, span_left;
	uint16_t span_class, span_state, span_carved, span_blocks;
	uint16_t span_block_size, span_pages, span_base, span_dirty;
	uint16_t span_bytes;
	uint16_t arena_next, arena_base, arena_size, arena_mapped;
	uint16_t cache_span, cache_partial, cache_pending;
	uint16_t cache_next, cache_live, cache_inbox;
	const void *end;                /* ends every list of free blocks */
	/* Windows of the address space, one after the other in the map.  */
	uint16_t window_bits, window_count;
	uint64_t window_base[3];
	uint16_t span_bias;
	uint16_t span_mixed, mixed_words, mixed_bits;
};

extern const struct mx_root memaix_root MX_EXPORT;

#endif /* MX_ROOT_H */
