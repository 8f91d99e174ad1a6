/* root.c - the record for readers from outside.  See root.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "root.h"

#include <memaix.h>

#include "arena.h"
#include "cache.h"
#include "heap.h"
#include "pagemap.h"
#include "sys.h"

const struct mx_root memaix_root = {
	.magic = MX_ROOT_MAGIC,
	.version = MX_ROOT_VERSION,
	.size = sizeof memaix_root,
	.pointer_size = sizeof(void *),
	.page_shift = MX_PAGE_SHIFT,
	.slot_shift = MX_SLOT_SHIFT,
	.class_count = MX_CLASS_COUNT,
	.address_base = MX_ADDRESS_BASE,
	.slot_count = MX_SLOT_COUNT,
	.library = MEMAIX_VERSION,
	.pagemap = mx_pagemap,
	.none = &mx_pagemap_none,
	.arenas = &mx_arena_list,
	.caches = &mx_cache_list,
	.class_sizes = mx_class_sizes,
	.heap_account = &mx_heap_account,
	.sys_account = &mx_sys_account,
	.slot_page = offsetof(struct mx_slot, page),
	.slot_ready = offsetof(struct mx_slot, ready),
	.slot_span = offsetof(struct mx_slot, span),
	.slot_size = sizeof(struct mx_slot),
	.span_size = sizeof(struct mx_span),
	.span_owner = offsetof(struct mx_span, owner),
	.span_local = offsetof(struct mx_span, local),
	.span_left = offsetof(struct mx_span, left),
	.span_class = offsetof(struct mx_span, class_),
	.span_state = offsetof(struct mx_span, state),
	.span_carved = offsetof(struct mx_span, carved),
	.span_blocks = offsetof(struct mx_span, blocks),
	.span_block_size = offsetof(struct mx_span, size),
	.span_pages = offsetof(struct mx_span, pages),
	.span_base = offsetof(struct mx_span, base),
	.span_dirty = offsetof(struct mx_span, dirty),
	.span_bytes = offsetof(struct mx_span, bytes),
	.arena_next = offsetof(struct mx_arena, next),
	.arena_base = offsetof(struct mx_arena, base),
	.arena_size = offsetof(struct mx_arena, size),
	.arena_mapped = offsetof(struct mx_arena, mapped),
	.cache_span = offsetof(struct mx_cache, span),
	.cache_partial = offsetof(struct mx_cache, partial),
	.cache_pending = offsetof(struct mx_cache, pending),
	.cache_next = offsetof(struct mx_cache, next),
	.cache_live = offsetof(struct mx_cache, live),
	.cache_inbox = offsetof(struct mx_cache, inbox),
	.window_bits = MX_ADDRESS_BITS,
	.window_count = MX_ADDRESS_WINDOWS,
#if MX_ADDRESS_WINDOWS > 1
	.window_base = { MX_ADDRESS_AIX_NEW, MX_ADDRESS_AIX_OLD,
	    MX_ADDRESS_AIX_BREAK },
#else
	.window_base = { MX_ADDRESS_BASE },
#endif
	.end = MX_BLOCK_END,
	.span_bias = offsetof(struct mx_span, bias),
	.span_mixed = offsetof(struct mx_span, mixed),
	.mixed_words = offsetof(struct mx_mixed, words),
	.mixed_bits = offsetof(struct mx_mixed, bits),
};
