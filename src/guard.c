/* guard.c - guarded sampling.  See guard.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "guard.h"

#include <string.h>

#include "class.h"
#include "conf.h"
#include "lock.h"
#include "meta.h"
#include "sys.h"

/* Callers kept of each stack: the innermost tell most.  */
#define DEPTH 24

/* A block costs a page.  */
#define UNIT_MAX (64 * MX_KIB)

/* Neither a pointer, nor zero, nor text.  */
#define PATTERN 0xb5

enum state { EMPTY, LIVE, FREED };

/* Reserved, but when the system refused the next edge.  */
enum page { RESERVED, PREPARED, READY };

struct trace {
	size_t thread;
	size_t depth;
	void *pc[DEPTH];
};

struct slot {
	enum state state;       /* atomic */
	enum page page;
	uint32_t next;          /* in the queue */
	char *p;                /* the block */
	size_t n;               /* its bytes */
	struct trace taken;
	struct trace freed;
};

char *mx_guard_base;
size_t mx_guard_bytes;

static struct mx_lock lock = MX_LOCK_INIT;
static struct slot *slots;
static size_t seed;

/* Bytes in a slot's page and in a guard: an OS page each.  */
static size_t unit;

/* Slots not in use, the one that has rested longest first.  NONE ends it.  */
#define NONE UINT32_MAX
static uint32_t first;
static uint32_t last;

void
mx_guard_lock(void)
{
	mx_lock(&lock);
}

void
mx_guard_unlock(void)
{
	mx_unlock(&lock);
}

void
mx_guard_lock_init(void)
{
	mx_lock_init(&lock);
}

bool
mx_guard_start(uint64_t random)
{
	size_t bytes;
	char *base;

	if (mx_conf.guard_rate == 0 || mx_guard_bytes != 0)
		return false;
	unit = mx_sys_facts.page;
	if (unit > UNIT_MAX || mx_conf.brk) {
		mx_out_message("guard_rate: not with pages of %zu KiB, nor with "
		    "brk:true; nothing is sampled", unit / MX_KIB);
		return false;
	}
	bytes = (2 * MX_GUARD_SLOTS + 1) * unit;
	seed = (size_t)random;
	slots = mx_meta_take(MX_GUARD_SLOTS * sizeof *slots);
	base = slots == NULL ? NULL : mx_sys_reserve(bytes, 0);
	if (base == NULL) {
		mx_out_message("guard_rate: the system refused the memory for "
		    "it; nothing is sampled");
		return false;
	}
	for (uint32_t i = 0; i < MX_GUARD_SLOTS; i++)
		slots[i].next = i + 1;
	first = 0;
	last = MX_GUARD_SLOTS - 1;
	slots[last].next = NONE;
	mx_guard_base = base;
	mx_store(&mx_guard_bytes, bytes, RELEASE);
	sysTraceStartOS();
	return true;
}

/* Not for secrets: only that samples fall anywhere.  */
static uint32_t
draw(void)
{
	uint64_t x = mx_add(&seed, (size_t)0x9e3779b97f4a7c15u, RELAXED);

	x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
	x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
	return (uint32_t)(x >> 32);
}

uint32_t
mx_guard_next(void)
{
	size_t rate = mx_conf.guard_rate;

	return rate <= 1 ? 0 : draw() % (uint32_t)(2 * rate - 1);
}

static char *
page_of(const struct slot *s)
{
	return mx_guard_base + (size_t)(2 * (s - slots) + 1) * unit;
}

/* The slot whose page P lies in, NULL if it is a guard.  */
static struct slot *
slot_at(const void *p)
{
	size_t i = (size_t)((const char *)p - mx_guard_base) / unit;

	return i % 2 == 1 ? &slots[i / 2] : NULL;
}

static void
take_trace(struct trace *t)
{
	t->thread = sysThreadOS();
	t->depth = sysTraceOS(t->pc, DEPTH);
}

static bool
get_page(struct slot *s)
{
	if (s->page == RESERVED && mx_sys_map(page_of(s), unit) == 0)
		s->page = PREPARED;
	if (s->page == PREPARED && mx_sys_used(page_of(s), unit) == 0)
		s->page = READY;
	return s->page == READY;
}

static void
close_page(struct slot *s)
{
	if (mx_sys_unused(page_of(s), unit) != MX_RELEASE_KEPT)
		s->page = PREPARED;
	if (get_page(s) && mx_sys_fault(page_of(s), unit) == 0)
		s->page = RESERVED;
}

static struct slot *
pop(void)
{
	struct slot *s;

	if (first == NONE || !get_page(&slots[first]))
		return NULL;
	s = &slots[first];
	first = s->next;
	if (first == NONE)
		last = NONE;
	return s;
}

static void
push(struct slot *s)
{
	uint32_t i = (uint32_t)(s - slots);

	s->next = NONE;
	if (last == NONE)
		first = i;
	else
		slots[last].next = i;
	last = i;
}

void *
mx_guard_take(size_t n, size_t align)
{
	size_t size = mx_align_up(mx_max(n, 1), align);
	struct trace t;
	struct slot *s;
	char *p = NULL;

	if (mx_guard_bytes == 0 || n > unit || size > unit)
		return NULL;
	take_trace(&t);         /* may allocate: before the lock */
	mx_lock(&lock);
	s = pop();
	if (s != NULL) {
		p = page_of(s);
		memset(p, PATTERN, unit);
		if (draw() % 4 != 0)
			p += unit - size;
		s->p = p;
		s->n = n;
		memcpy(&s->taken, &t, sizeof t);
		s->freed.depth = 0;
		mx_store(&s->state, LIVE, RELEASE);
	}
	mx_unlock(&lock);
	return p;
}

static bool
is_pattern(const char *p, const char *end)
{
	for (; p < end; p++)
		if ((unsigned char)*p != PATTERN)
			return false;
	return true;
}

static int
check(const struct slot *s, const void *p)
{
	char *page;

	if (s == NULL)
		return MX_MESSAGE_NO_BLOCK;
	switch (mx_load(&s->state, ACQUIRE)) {
	case EMPTY:
		return MX_MESSAGE_NEVER_GIVEN;
	case FREED:
		return p == s->p ? MX_MESSAGE_DOUBLE_FREE : MX_MESSAGE_NO_BLOCK;
	default:
		break;
	}
	if (p != s->p)
		return MX_MESSAGE_INTERIOR;
	page = page_of(s);
	return is_pattern(page, s->p) && is_pattern(s->p + s->n, page + unit) ?
	    0 : MX_MESSAGE_OVERRUN;
}

int
mx_guard_check(const void *p)
{
	return check(slot_at(p), p);
}

size_t
mx_guard_size(const void *p)
{
	return slot_at(p)->n;
}

int
mx_guard_give(void *p)
{
	struct slot *s = slot_at(p);
	struct trace t;
	int wrong;

	take_trace(&t);
	mx_lock(&lock);
	wrong = check(s, p);
	if (wrong == 0) {
		memcpy(&s->freed, &t, sizeof t);
		mx_store(&s->state, FREED, RELEASE);
		close_page(s);
		push(s);
	}
	mx_unlock(&lock);
	return wrong;
}

/* The slot whose block P is in or nearest to; NULL: none was ever used there.  */
static const struct slot *
nearest(const char *p)
{
	const struct slot *s = slot_at(p);
	size_t i = (size_t)(p - mx_guard_base) / unit / 2;
	const struct slot *left = i > 0 ? &slots[i - 1] : NULL;
	const struct slot *right = i < MX_GUARD_SLOTS ? &slots[i] : NULL;

	if (s != NULL)
		return mx_load(&s->state, ACQUIRE) == EMPTY ? NULL : s;
	if (left != NULL && mx_load(&left->state, ACQUIRE) == EMPTY)
		left = NULL;
	if (right != NULL && mx_load(&right->state, ACQUIRE) == EMPTY)
		right = NULL;
	if (left == NULL || right == NULL)
		return left != NULL ? left : right;
	return p - (left->p + left->n) <= right->p - p ? left : right;
}

void
mx_guard_describe(struct mx_out *o, const void *v)
{
	const char *p = v;
	const struct slot *s = nearest(p);

	if (s == NULL) {
		mx_out(o, "a page for guard_rate that was never used");
		return;
	}
	if (slot_at(p) == NULL)
		mx_out(o, "a guard, ");
	if (p < s->p)
		mx_out(o, "%zu bytes in front of the block", (size_t)(s->p - p));
	else if (p < s->p + s->n)
		mx_out(o, "byte %zu of the block", (size_t)(p - s->p));
	else
		mx_out(o, "%zu bytes past the end of the block",
		    (size_t)(p - s->p) - s->n);
	mx_out(o, " of %zu at %p%s", s->n, (void *)s->p,
	    mx_load(&s->state, ACQUIRE) == FREED ? ", which was freed" : "");
}

/* The first caller outside of memaix.  */
static size_t
skip_own(const struct trace *t)
{
	struct mx_place here, place;
	size_t i = 0;

	sysPlaceOS((void *)(uintptr_t)mx_guard_trace, &here);
	while (here.file != NULL && i < t->depth) {
		sysPlaceOS(t->pc[i], &place);
		if (place.base != here.base)
			return i;
		i++;
	}
	return 0;
}

static void
print_trace(struct mx_out *o, const char *what, const struct trace *t)
{
	struct mx_place at;
	size_t from = skip_own(t);

	mx_out(o, "memaix: %s by thread %zu%s\n", what, t->thread,
	    t->depth == 0 ? ", callers unknown" : ", called by");
	for (size_t i = from; i < t->depth; i++) {
		const char *pc = t->pc[i];

		sysPlaceOS(pc, &at);
		mx_out(o, "memaix:   #%zu %p", i - from, (const void *)pc);
		if (at.name != NULL)
			mx_out(o, " %s+%zu", at.name, (size_t)(pc -
			    (const char *)at.start));
		if (at.file != NULL)
			mx_out(o, " (%s+0x%zx)", at.file,
			    (size_t)(pc - (const char *)at.base));
		mx_out(o, "\n");
	}
}

void
mx_guard_trace(struct mx_out *o, const void *p)
{
	const struct slot *s = nearest(p);

	if (s == NULL)
		return;
	print_trace(o, "the block was allocated", &s->taken);
	if (mx_load(&s->state, ACQUIRE) == FREED)
		print_trace(o, "the block was freed", &s->freed);
}

void
mx_guard_count(size_t *live, size_t *pages)
{
	*live = 0;
	*pages = 0;
	for (size_t i = 0; mx_guard_bytes != 0 && i < MX_GUARD_SLOTS; i++) {
		if (mx_load(&slots[i].state, ACQUIRE) == LIVE)
			*live += slots[i].n;
		if (slots[i].page == READY)
			*pages += unit;
	}
}
