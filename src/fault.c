/* fault.c - what a memory fault hit.  See fault.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "fault.h"

#include "arena.h"
#include "conf.h"
#include "guard.h"
#include "messages.h"
#include "meta.h"
#include "sys.h"

/* Below this an address is an offset from a null pointer.  */
#define NULL_RANGE      (64 * MX_KIB)

/* So near to the stack pointer a fault is the stack's.  */
#define STACK_RANGE     (64 * MX_KIB)

/* For the handler and for one of the program's that it hands on to.  */
#define STACK_BYTES     (64 * MX_KIB)

/* Programs may live with faults that they handle.  */
#define LINES_MAX       10

/* ---- what is there ---- */

static const struct mx_arena *
arena_of(const char *p)
{
	const struct mx_arena *a = mx_load(&mx_arena_list, ACQUIRE);

	while (a != NULL && (size_t)(p - a->base) >= a->size)
		a = a->next;
	return a;
}

static bool
is_run(const struct mx_span *s)
{
	return mx_span_is_small(s) || s->state == MX_SPAN_LARGE ||
	    s->state == MX_SPAN_FREE || s->state == MX_SPAN_BUSY;
}

/* The run that begins at P's page or, going by STEP, next to it; NULL: none in the
 * used part of A.  */
static const struct mx_span *
find_run(const struct mx_arena *a, const char *p, ptrdiff_t step)
{
	const char *end = a->base + mx_load(&a->mapped, RELAXED);

	p = (const char *)mx_align_down((uintptr_t)p, MX_PAGE);
	for (; p >= a->base && p < end; p += step) {
		const struct mx_span *s = mx_pagemap_record(p);

		if (s != NULL && is_run(s))
			return s;
	}
	return NULL;
}

static const char *
end_of(const struct mx_span *s)
{
	return s->base + ((size_t)s->pages << MX_PAGE_SHIFT);
}

static void
describe_inside(struct mx_out *o, const char *p, const struct mx_span *s)
{
	size_t offset = (size_t)(p - s->base);
	size_t from, size;
	struct mx_block head;
	const char *start;
	bool known, used;
	uint32_t i;

	switch (mx_load(&s->state, RELAXED)) {
	case MX_SPAN_MIXED:
		from = mx_span_find(s, offset, &size, &used);
		mx_out(o, "byte %zu of a block of %zu, %s, of the mixed span at "
		    "%p", offset - from, size, used ? "in use" : "free",
		    (void *)s->base);
		break;
	case MX_SPAN_SMALL:
		i = mx_span_index(s, offset);
		start = s->base + (size_t)i * s->size;
		known = i < s->blocks && sysPeekOS(&head, start, sizeof head);
		mx_out(o, "byte %zu of block %u%s (%u bytes each, class %u) of "
		    "the span at %p", (size_t)(p - start), i,
		    mx_span_tell(s, i, known ? &head : NULL), s->size,
		    s->class_, (void *)s->base);
		break;
	case MX_SPAN_LARGE:
		if (offset < s->bytes)
			mx_out(o, "byte %zu of the block of %zu at %p", offset,
			    s->bytes, (void *)s->base);
		else
			mx_out(o, "%zu bytes past the end of the block of %zu "
			    "at %p", offset - s->bytes, s->bytes,
			    (void *)s->base);
		break;
	case MX_SPAN_BUSY:
		mx_out(o, "byte %zu of the block of %zu at %p, which was "
		    "freed", offset, s->bytes, (void *)s->base);
		break;
	default:
		mx_out(o, "pages of memaix's that hold no block");
	}
}

/* P lies behind run R (NULL: none), and in no run.  */
static void
describe_between(struct mx_out *o, const struct mx_arena *a, const char *p,
    const struct mx_span *r)
{
	size_t unit = mx_max(MX_PAGE, mx_sys_facts.page);
	const struct mx_span *next = find_run(a, p, MX_PAGE);

	if (next != NULL && next->state == MX_SPAN_LARGE && (size_t)(next->base -
	    p) <= next->lead << MX_PAGE_SHIFT)
		mx_out(o, "a guard, %zu bytes in front of the block of %zu at "
		    "%p", (size_t)(next->base - p), next->bytes,
		    (void *)next->base);
	else if (r == NULL || !r->guard || (size_t)(p - end_of(r)) >= unit)
		mx_out(o, "pages of memaix's that hold no block");
	else if (r->state == MX_SPAN_LARGE)
		mx_out(o, "a guard, %zu bytes past the end of the block of %zu "
		    "at %p", (size_t)(p - r->base) - r->bytes, r->bytes,
		    (void *)r->base);
	else if (r->state == MX_SPAN_SMALL)
		mx_out(o, "a guard, %zu bytes past the end of the last of %u "
		    "blocks (%u bytes each, class %u) of the span at %p",
		    (size_t)(p - r->base) - (size_t)r->blocks * r->size,
		    r->blocks, r->size, r->class_, (void *)r->base);
	else
		mx_out(o, "a guard, %zu bytes past the end of the block of %zu "
		    "at %p, which was freed", (size_t)(p - r->base) -
		    r->bytes, r->bytes, (void *)r->base);
}

void
mx_fault_describe(struct mx_out *o, const void *v, bool mapped)
{
	const char *p = v;
	const struct mx_arena *a = arena_of(p);
	const struct mx_span *r;

	if ((uintptr_t)p < NULL_RANGE) {
		mx_out(o, "a null pointer and %zu", (size_t)(uintptr_t)p);
	} else if (mx_guard_holds(p)) {
		mx_guard_describe(o, p);
	} else if (a == NULL) {
		mx_out(o, "not memaix's memory; %s", mapped ?
		    "what is mapped there forbids it" : "nothing is there");
	} else if ((size_t)(p - a->base) >= mx_load(&a->mapped, RELAXED)) {
		mx_out(o, "address space that memaix has reserved and not "
		    "used, %zu bytes behind its memory",
		    (size_t)(p - a->base) - a->mapped);
	} else {
		r = find_run(a, p, -(ptrdiff_t)MX_PAGE);
		if (r != NULL && p < end_of(r))
			describe_inside(o, p, r);
		else
			describe_between(o, a, p, r);
	}
}

/* ---- the handler ---- */

static void
tell(const struct mx_fault *f)
{
	static unsigned lines;
	struct mx_out o;

	if (mx_add(&lines, 1, RELAXED) >= LINES_MAX)
		return;
	mx_out_init_fd(&o, 2);
	mx_out(&o, "memaix: M%03u %s at %p%s: ", (unsigned)MX_MESSAGE_FAULT,
	    f->bus ? "SIGBUS" : "SIGSEGV", f->address,
	    f->access == MX_ACCESS_WRITE ? ", a write" :
	    f->access == MX_ACCESS_READ ? ", a read" : "");
	if (f->stack != 0 && arena_of(f->address) == NULL &&
	    !mx_guard_holds(f->address) &&
	    (uintptr_t)f->address - f->stack + STACK_RANGE < 2 * STACK_RANGE)
		mx_out(&o, "the stack pointer is %p: the stack has overflowed",
		    (void *)f->stack);
	else
		mx_fault_describe(&o, f->address, f->mapped);
	mx_out(&o, "; 'memaix explain M%03u' tells more\n",
	    (unsigned)MX_MESSAGE_FAULT);
	if (mx_guard_holds(f->address))
		mx_guard_trace(&o, f->address);
	mx_out_done(&o);
}

void
mx_fault_start(void)
{
	if (mx_conf.explain_fault && sysCatchFaultsOS(tell) != 0)
		mx_out_message("explain_fault: there is no such thing on this "
		    "system; nothing will be explained");
}

void
mx_fault_watch_thread(struct mx_cache *cache)
{
	if (!mx_conf.explain_fault || sysHasFaultStackOS())
		return;
	/* Stays with the cache, whichever thread has it.  */
	if (cache->signal_stack == NULL)
		cache->signal_stack = mx_meta_take(STACK_BYTES);
	if (cache->signal_stack != NULL)
		sysSetFaultStackOS(cache->signal_stack, STACK_BYTES);
}

void
mx_fault_leave_thread(struct mx_cache *cache)
{
	if (cache->signal_stack != NULL)
		sysDropFaultStackOS(cache->signal_stack);
}
