/* meta.c - memory for records.  See meta.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "meta.h"

#include "lock.h"
#include "sys.h"

/* Taken from the system at a time: a slot with its records, or a hundred threads'
 * caches.  Only what is touched costs memory.  */
#define STEP MX_MIB

/* What was taken from the system, newest first; lies at its own front.  */
struct piece {
	struct piece *next;
	size_t size;
};

static struct mx_lock lock = MX_LOCK_INIT;
static struct piece *pieces;
static char *next;
static char *piece_end;  /* not "end": GNU ld for AIX has its own */
static size_t bytes;

void
mx_meta_lock(void)
{
	mx_lock(&lock);
}

void
mx_meta_unlock(void)
{
	mx_unlock(&lock);
}

void
mx_meta_lock_init(void)
{
	mx_lock_init(&lock);
}

static bool
grow(size_t n)
{
	size_t size;
	struct piece *p;

	n += MX_CACHE_LINE;             /* for the piece itself */
	size = mx_align_up(mx_max(n, STEP), mx_sys_facts.page);

	/* A tight address-space limit gets what is needed and no more.  */
	if (mx_sys_facts.limit != SIZE_MAX)
		size = mx_align_up(mx_max(n, 64 * MX_KIB), mx_sys_facts.page);
	p = mx_sys_alloc(size);
	if (p == NULL)
		return false;
	p->size = size;
	p->next = pieces;
	mx_store(&pieces, p, RELEASE);
	next = (char *)p + MX_CACHE_LINE;
	piece_end = (char *)p + size;
	mx_store(&bytes, bytes + size, RELAXED);
	return true;
}

void *
mx_meta_take(size_t n)
{
	void *v = NULL;

	n = mx_align_up(n, MX_CACHE_LINE);
	mx_lock(&lock);
	if ((size_t)(piece_end - next) >= n || grow(n)) {
		v = next;
		mx_store(&next, next + n, RELAXED);
	}
	mx_unlock(&lock);
	return v;
}

size_t
mx_meta_bytes(void)
{
	return mx_load(&bytes, RELAXED);
}

size_t
mx_meta_resident(void)
{
	size_t resident = 0;

	for (struct piece *p = mx_load(&pieces, ACQUIRE); p != NULL;
	    p = p->next)
		resident += mx_min(sysResidentOS(p, p->size), p->size);
	return resident;
}
