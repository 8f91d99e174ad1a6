/* arena.c - reserve, map on demand, fall back.  See arena.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "arena.h"

#include <errno.h>

#include "conf.h"
#include "meta.h"
#include "pagemap.h"
#include "sys.h"

/* Under an address-space limit reservations count like memory.  */
#define TIGHT_ARENA (8 * MX_MIB)

/* From here on the system is asked before records are made: of address space that
 * it will not back, 1 TiB has 577 MiB of them.  */
#define ASK_MIN (1 * MX_GIB)

/* The smallest arena worth its records.  */
#define SMALLEST_ARENA (1 * MX_MIB)

struct mx_arena *mx_arena_list;

static size_t
page_unit(void)
{
	return mx_max(MX_PAGE, mx_sys_facts.page);
}

static struct mx_arena *
add_arena(void *v, size_t size)
{
	struct mx_arena *a = mx_meta_take(sizeof *a);

	if (a == NULL)
		return NULL;
	a->base = v;
	a->size = size;
	a->next = mx_arena_list;
	mx_store(&mx_arena_list, a, RELEASE);
	return a;
}

/* The ladder: a refused reservation is tried again a quarter as large, down to
 * what the request needs.  */
static struct mx_arena *
reserve_arena(size_t need)
{
	size_t unit = page_unit();
	bool tight = mx_sys_facts.limit != SIZE_MAX;
	size_t size = tight ? TIGHT_ARENA : mx_conf.arena;
	/* So that each step is whole large pages.  */
	size_t align = mx_conf.huge == MX_CONF_TRUE && !tight ? mx_max(unit, MX_ARENA_STEP) : unit;
	struct mx_arena *a;
	void *v;

	need = mx_align_up(need, unit);
	for (size = mx_align_up(mx_max(size, need), unit);;) {
		v = mx_sys_reserve(size, align);
		if (v != NULL || size == need)
			break;
		size = size / 4 >= SMALLEST_ARENA ?
		    mx_align_up(size / 4, unit) : need;
		size = mx_max(size, need);
	}
	if (v == NULL)
		return NULL;
	a = add_arena(v, size);
	if (a == NULL)
		(void)mx_sys_free(v, size, 0, 0);
	return a;
}

static void *
move_border(struct mx_arena *a, size_t n)
{
	char *v = a->base + a->mapped;
	int e;

	if (!mx_pagemap_cover(v, n))
		return NULL;
	e = mx_sys_map(v, n);
	if (e != 0) {
		errno = e;
		return NULL;
	}
	mx_store(&a->mapped, a->mapped + n, RELAXED);
	return v;
}

/* Move A's border, which has room for NEED, by a whole step where it can.  */
static void *
grow_by_step(struct mx_arena *a, size_t need, size_t *got)
{
	size_t n = mx_min(mx_max(need, mx_align_up(MX_ARENA_STEP, page_unit())),
	    a->size - a->mapped);
	void *v = move_border(a, n);

	if (v == NULL && n > need) {
		n = need;
		v = move_border(a, n);
	}
	*got = n;
	return v;
}

/* Would the system back N bytes?  */
static bool
is_possible(size_t n)
{
	return n < ASK_MIN || mx_sys_would_alloc(n);
}

void *
mx_arena_grow(size_t n, size_t *got)
{
	size_t need = mx_align_up(n, page_unit());
	struct mx_arena *a = mx_arena_list;

	if (need < n || !is_possible(need)) {
		errno = ENOMEM;
		return NULL;
	}
	while (a != NULL && a->size - a->mapped < need)
		a = a->next;
	if (a == NULL)
		a = reserve_arena(need);
	return a == NULL ? NULL : grow_by_step(a, need, got);
}

char *
mx_arena_border(void)
{
	struct mx_arena *a = mx_arena_list;

	return a == NULL ? NULL : a->base + a->mapped;
}

void *
mx_arena_grow_at(const void *v, size_t n, size_t *got)
{
	size_t need = mx_align_up(n, page_unit());

	for (struct mx_arena *a = mx_arena_list; a != NULL; a = a->next)
		if (v == a->base + a->mapped && a->size - a->mapped >= need)
			return is_possible(need) ?
			    grow_by_step(a, need, got) : NULL;
	return NULL;
}

bool
mx_arena_holds(const void *p)
{
	const struct mx_arena *a = mx_load(&mx_arena_list, ACQUIRE);

	while (a != NULL && (uintptr_t)p - (uintptr_t)a->base >= a->size)
		a = a->next;
	return a != NULL;
}

bool
mx_arena_maps(const void *v, size_t n)
{
	const struct mx_arena *a = mx_load(&mx_arena_list, ACQUIRE);

	for (; a != NULL; a = a->next) {
		size_t mapped = mx_load(&a->mapped, RELAXED);
		size_t at = (uintptr_t)v - (uintptr_t)a->base;

		if (at < mapped && n <= mapped - at)
			return true;
	}
	return false;
}
