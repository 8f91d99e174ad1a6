/* mixed.c - granules, their bits, and who has room.  See mixed.h.
 *
 * Locks: the list lock for the lists and the pool, and below it one of the bit locks,
 * by a hash of the span, for its bits.  A free takes only the latter, as a rule.
 *
 * SPDX-License-Identifier: MIT  */

#include "mixed.h"

#include <string.h>

#include "heap.h"
#include "lock.h"
#include "meta.h"
#include "misuse.h"
#include "sys.h"

/* A block may be longer than its class by one part in so many.  */
#define WASTE           4

/* Blocks taken at a time; with ENOUGH no further span is looked at, nor after LOOKS.  */
#define BATCH           64
#define ENOUGH          16
#define LOOKS           8

/* Few: ThreadSanitizer bears 64 locks at a time, and a fork takes all there are.  */
#define BIT_LOCKS       8

/* Classes of granules, the smallest; lists of each, one for each power of two of the
 * longest free run, in bytes.  */
#define CLASSES         32
#define LISTS           24
#define NO_LIST         LISTS

/* Recycled by the logarithm of how many words of bits there is room for.  */
#define POOLS           8

#define WORD            MX_SPAN_WORD

_Static_assert(MX_MIXED_MAX / WORD <= 1 << (POOLS - 1), "the largest has a pool");

static struct mx_lock list_lock = MX_LOCK_INIT;
static struct {
	struct mx_lock lock;
} MX_ALIGNED(MX_CACHE_LINE) bit_locks[BIT_LOCKS] = {
	[0 ... BIT_LOCKS - 1] = { MX_LOCK_INIT }
};

/* list lock.  A bit for each list of a class that has a span; for each class that has
 * one, also read without the lock.  */
static struct mx_mixed *lists[CLASSES][LISTS];
static uint32_t filled[CLASSES];
static uint32_t filled_classes;

static struct mx_mixed *pools[POOLS];

void
mx_mixed_lock_all(void)
{
	mx_lock(&list_lock);
	for (int i = 0; i < BIT_LOCKS; i++)
		mx_lock(&bit_locks[i].lock);
}

void
mx_mixed_unlock_all(void)
{
	for (int i = BIT_LOCKS; i-- > 0;)
		mx_unlock(&bit_locks[i].lock);
	mx_unlock(&list_lock);
}

void
mx_mixed_lock_init_all(void)
{
	for (int i = 0; i < BIT_LOCKS; i++)
		mx_lock_init(&bit_locks[i].lock);
	mx_lock_init(&list_lock);
}

static struct mx_lock *
bit_lock(const struct mx_span *s)
{
	/* Records of neighbouring spans lie at equal distances.  */
	return &bit_locks[(uint32_t)((uintptr_t)s / sizeof *s) * 2654435769u >>
	    29].lock;
}

/* ---- bits ---- */

/* The first of granules [I, END) whose bit is IS; END: none.  */
MX_INLINE uint32_t
find_bit(const uintptr_t *bits, uint32_t i, uint32_t end, bool is)
{
	uintptr_t flip = is ? 0 : ~(uintptr_t)0;
	uintptr_t word;

	if (i >= end)
		return end;
	word = (bits[i / WORD] ^ flip) & ~(uintptr_t)0 << i % WORD;
	for (i /= WORD; word == 0; word = bits[i] ^ flip)
		if (++i >= (end + WORD - 1) / WORD)
			return end;
	return mx_min(i * WORD + (uint32_t)__builtin_ctzl(word), end);
}

/* Where the granules before I that are not in use begin.  */
static uint32_t
free_from(const uintptr_t *used, uint32_t i)
{
	uintptr_t word;

	if (i == 0)
		return 0;
	i--;
	word = used[i / WORD] & ~(uintptr_t)0 >> (WORD - 1 - i % WORD);
	for (i /= WORD; word == 0; word = used[i])
		if (i-- == 0)
			return 0;
	return i * WORD + (uint32_t)mx_log2(word) + 1;
}

/* The bits of granules [I, END), which are not IS, become so: by words, since a block
 * of 2000 bytes is 60 granules of 32.  */
MX_INLINE void
turn_bits(uintptr_t *bits, uint32_t i, uint32_t end)
{
	while (i < end) {
		uint32_t n = mx_min(end - i, WORD - i % WORD);

		bits[i / WORD] ^= ~(uintptr_t)0 >> (WORD - n) << i % WORD;
		i += n;
	}
}

/* ---- lists ---- */

static unsigned
list_of(size_t room)
{
	return room == 0 ? NO_LIST : mx_log2(room);
}

/* Both locks.  M is on the list that its room says.  */
static void
enlist(struct mx_mixed *m)
{
	unsigned c = m->span->class_;
	struct mx_mixed **list;

	m->list = (uint16_t)list_of(m->room);
	if (m->list == NO_LIST)
		return;
	list = &lists[c][m->list];
	m->prev = NULL;
	m->next = *list;
	if (*list != NULL)
		(*list)->prev = m;
	*list = m;
	filled[c] |= (uint32_t)1 << m->list;
	mx_store(&filled_classes, filled_classes | (uint32_t)1 << c, RELAXED);
}

static void
delist(struct mx_mixed *m)
{
	unsigned c = m->span->class_;

	if (m->list == NO_LIST)
		return;
	if (m->next != NULL)
		m->next->prev = m->prev;
	if (m->prev != NULL)
		m->prev->next = m->next;
	else
		lists[c][m->list] = m->next;
	if (lists[c][m->list] == NULL)
		filled[c] &= ~((uint32_t)1 << m->list);
	if (filled[c] == 0)
		mx_store(&filled_classes, filled_classes &
		    ~((uint32_t)1 << c), RELAXED);
}

static unsigned
pool_of(size_t words)
{
	return words <= 1 ? 0 : mx_log2(words - 1) + 1;
}

static struct mx_mixed *
new_record(uint32_t granules)
{
	uint32_t words = (granules + WORD - 1) / WORD;
	unsigned pool = pool_of(words);
	struct mx_mixed *m;

	mx_lock(&list_lock);
	m = pools[pool];
	if (m != NULL)
		pools[pool] = m->next;
	else
		m = mx_meta_take(sizeof *m + (2 * sizeof *m->bits << pool));
	mx_unlock(&list_lock);
	if (m == NULL)
		return NULL;
	m->granules = granules;
	m->words = words;
	memset(m->bits, 0, 2 * words * sizeof *m->bits);
	return m;
}

/* List lock.  */
static void
drop_record(struct mx_mixed *m)
{
	unsigned pool = pool_of(m->words);

	m->span = NULL;                 /* mx_span_find looks */
	m->next = pools[pool];
	pools[pool] = m;
}

/* ---- begin ---- */

/* Which blocks of S are free, by their marks.  A program may copy memory that it did
 * not write, and in it what was once a mark; but every block on the list has one, so
 * where there are as many as blocks that are free, they are those.  True: it is so.
 *
 * Four times as fast as the list, whose blocks lie anywhere in the processor's caches
 * or out of them (shrink-most: 3 % of the time for 19).  */
__attribute__((no_sanitize("thread", "address")))
static bool
mark_by_marks(const struct mx_span *s, struct mx_mixed *m)
{
	uintptr_t *used = mx_span_used(m);
	const char *p = s->base;
	uint32_t n = 0;

	/* A program may close pages of its own, if its block has whole ones.  */
	if (!MX_CHECKS || s->size >= mx_sys_facts.page)
		return false;
	for (uint32_t i = 0; i < s->carved; i++, p += s->size) {
		bool is = mx_block_is_free((const struct mx_block *)
		    (const void *)p, mx_block_key);

		used[i / WORD] |= (uintptr_t)!is << i % WORD;
		n += is;
	}
	return n == s->carved - mx_span_get_left(s);
}

/* The same by the list; false: it is damaged.  */
static bool
mark_by_list(const struct mx_span *s, struct mx_mixed *m)
{
	uintptr_t *used = mx_span_used(m);
	uint32_t n = 0, i;

	memset(used, 0, m->words * sizeof *used);
	turn_bits(used, 0, s->carved);
	for (const struct mx_block *b = s->local; b != MX_BLOCK_END; b = b->next) {
		if ((MX_CHECKS && !mx_block_is_free(b, mx_block_key)) ||
		    !mx_span_is_block(s, b))
			return false;
		n++;
		i = mx_span_index(s, (size_t)((const char *)b - s->base));
		/* Twice on it?  */
		if (!mx_span_bit(used, i))
			return false;
		turn_bits(used, i, i + 1);
	}
	return n == s->carved - mx_span_get_left(s);
}

/* Granules of SIZE bytes for a block of WANT.  */
static uint32_t
granules_for(size_t want, size_t size)
{
	return (uint32_t)((want + size - 1) / size);
}

/* The longest free run of M, in granules.  */
static uint32_t
longest_run(struct mx_mixed *m)
{
	const uintptr_t *used = mx_span_used(m);
	uint32_t longest = 0, i = 0, end;

	for (; (i = find_bit(used, i, m->granules, false)) < m->granules; i = end) {
		end = find_bit(used, i, m->granules, true);
		longest = mx_max(longest, end - i);
	}
	return longest;
}

/* Would a block of class C made of granules of class G waste little?  */
static bool
fits(unsigned g, unsigned c)
{
	size_t want = mx_class_size(c), size = mx_class_size(g);

	/* malloc aligns powers of two to themselves.  */
	return granules_for(want, size) * size - want <= want / WASTE &&
	    (g == c || !mx_is_pow2(want));
}

uint32_t
mx_mixed_fitting(unsigned c)
{
	/* atomic; all threads find the same.  0: not known, so the bits turned.  */
	static uint32_t known[MX_CLASS_COUNT];
	uint32_t bits = mx_load(&known[c], RELAXED);

	if (MX_UNLIKELY(bits == 0)) {
		for (unsigned g = 0; g < CLASSES; g++)
			bits |= (uint32_t)!fits(g, c) << g;
		mx_store(&known[c], bits, RELAXED);
	}
	return ~bits;
}

bool
mx_mixed_begin(struct mx_span *s, unsigned c)
{
	struct mx_mixed *m;
	bool good;

	mx_assert(s->state == MX_SPAN_SMALL && s->blocks <= MX_MIXED_MAX);
	/* Nothing is out, and yet it did not go to the heap: one of its blocks was
	 * freed twice.  */
	m = mx_span_get_left(s) == 0 ? NULL : new_record(s->blocks);
	if (m == NULL)
		return false;
	good = mark_by_marks(s, m) || mark_by_list(s, m);
	m->free_ = s->blocks - mx_span_get_left(s);
	m->room = good ? (size_t)longest_run(m) * s->size : 0;
	mx_lock(&list_lock);
	if (m->room < mx_class_size(c)) {
		drop_record(m);
		mx_unlock(&list_lock);
		return false;
	}
	/* Whoever sees that nothing starts here any more looks at the state, and who
	 * sees no owner, too; then for the bits, with their lock.  All of it under the
	 * lock of the lists, or a thread that frees the last block ended it half
	 * way.  */
	mx_lock(bit_lock(s));
	m->span = s;
	s->mixed = m;
	s->local = MX_BLOCK_END;
	mx_store(&s->home, NULL, RELAXED);
	mx_store(&s->state, MX_SPAN_MIXED, RELEASE);
	mx_store(&s->limit, 0, RELEASE);
	mx_store(&s->owner, NULL, RELEASE);
	enlist(m);
	mx_unlock(bit_lock(s));
	mx_unlock(&list_lock);
	return true;
}

/* ---- take and give ---- */

/* Bit lock.  As many blocks of N granules as there are in M, *MOST at most, join HEAD.
 * M's room becomes what is left.  */
static struct mx_block *
cut_blocks(struct mx_mixed *m, uint32_t n, size_t *most, struct mx_block *head)
{
	const struct mx_span *s = m->span;
	uintptr_t *used = mx_span_used(m), *inner = mx_span_inner(m);
	uint32_t longest = 0, i = 0, end;

	for (; (i = find_bit(used, i, m->granules, false)) < m->granules; i = end) {
		end = find_bit(used, i, m->granules, true);
		for (; *most > 0 && end - i >= n; i += n, --*most) {
			struct mx_block *b = (struct mx_block *)(void *)
			    (s->base + (size_t)i * s->size);

			turn_bits(used, i, i + n);
			turn_bits(inner, i + 1, i + n);
			m->free_ -= n;
			mx_block_link(b, head, mx_block_key);
			head = b;
		}
		longest = mx_max(longest, end - i);
	}
	m->room = (size_t)longest * s->size;
	return head;
}

/* List lock.  The same of the spans on a list, until there are ENOUGH.  */
static struct mx_block *
cut_list(struct mx_mixed *m, size_t want, size_t *most, int *looks,
    struct mx_block *head)
{
	struct mx_mixed *next;

	for (; m != NULL && *looks > 0 && *most > BATCH - ENOUGH; m = next) {
		size_t n = granules_for(want, m->span->size);

		next = m->next;
		--*looks;
		mx_lock(bit_lock(m->span));
		if (m->room >= n * m->span->size) {
			head = cut_blocks(m, (uint32_t)n, most, head);
			delist(m);
			enlist(m);
		}
		mx_unlock(bit_lock(m->span));
	}
	return head;
}

/* The list of granules of class G on which some have room for a block of WANT.  */
static unsigned
some_room(unsigned g, size_t want)
{
	size_t size = mx_class_size(g);

	return list_of(granules_for(want, size) * size - 1);
}

struct mx_block *
mx_mixed_take(unsigned c, uint32_t fit)
{
	struct mx_block *head = MX_BLOCK_END;
	size_t want = mx_class_size(c);
	/* A racy look: what comes a moment later is found next time.  */
	uint32_t classes = fit & mx_load(&filled_classes, RELAXED);
	size_t most = BATCH;
	int looks = LOOKS;

	if (classes == 0)
		return MX_BLOCK_END;
	mx_lock(&list_lock);
	/* The smallest granules waste least.  Lists on which all have room come first,
	 * then those on which only some have.  */
	for (uint32_t rest = classes; rest != 0; rest &= rest - 1) {
		unsigned g = (unsigned)__builtin_ctz(rest);
		uint32_t l = filled[g] & ~(uint32_t)0 << (some_room(g, want) + 1);

		for (; l != 0; l &= l - 1)
			head = cut_list(lists[g][__builtin_ctz(l)], want, &most,
			    &looks, head);
	}
	for (; classes != 0; classes &= classes - 1) {
		unsigned g = (unsigned)__builtin_ctz(classes);

		head = cut_list(lists[g][some_room(g, want)], want, &most,
		    &looks, head);
	}
	mx_unlock(&list_lock);
	return head;
}

/* Bit lock.  The granule where P lies, if it starts a block in use; else what is wrong
 * with P.  */
MX_INLINE int
find_start(const struct mx_span *s, const void *p, uint32_t *i)
{
	size_t offset = (size_t)((const char *)p - s->base);
	struct mx_mixed *m = s->mixed;

	*i = mx_span_index(s, offset);
	if (*i >= s->blocks)
		return MX_MESSAGE_INTERIOR;
	if (mx_load(&s->state, RELAXED) != MX_SPAN_MIXED ||
	    !mx_span_bit(mx_span_used(m), *i))
		return MX_MESSAGE_DOUBLE_FREE;
	return (size_t)*i * s->size != offset ||
	    mx_span_bit(mx_span_inner(m), *i) ? MX_MESSAGE_INTERIOR : 0;
}

/* M's span may have become empty, or be on the wrong list: look, with both locks.  */
static void
look_again(struct mx_span *s)
{
	bool empty = false;

	mx_lock(&list_lock);
	mx_lock(bit_lock(s));
	/* Another thread may have been here meanwhile.  */
	if (mx_load(&s->state, RELAXED) == MX_SPAN_MIXED) {
		struct mx_mixed *m = s->mixed;

		empty = m->free_ == m->granules;
		delist(m);
		if (empty) {
			drop_record(m);
			mx_store(&s->state, MX_SPAN_SMALL, RELAXED);
		} else {
			enlist(m);
		}
	}
	mx_unlock(bit_lock(s));
	mx_unlock(&list_lock);
	if (empty)
		mx_heap_give(s);
}

/* Bit lock.  The block that begins at granule I is free.  True: look again.  */
static bool
give_granules(struct mx_mixed *m, uint32_t i)
{
	uintptr_t *used = mx_span_used(m), *inner = mx_span_inner(m);
	uint32_t end = find_bit(inner, i + 1, m->granules, false);
	uint32_t run;

	turn_bits(used, i, end);
	turn_bits(inner, i + 1, end);
	m->free_ += end - i;
	run = find_bit(used, end, m->granules, true) - free_from(used, i);
	m->room = mx_max(m->room, (size_t)run * m->span->size);
	return m->free_ == m->granules || m->list == NO_LIST ||
	    m->list < list_of(m->room);
}

void
mx_mixed_give(struct mx_span *s, void *p)
{
	bool news = false;
	uint32_t i;
	int wrong;

	mx_lock(bit_lock(s));
	wrong = find_start(s, p, &i);
	if (MX_LIKELY(wrong == 0))
		news = give_granules(s->mixed, i);
	mx_unlock(bit_lock(s));
	if (MX_UNLIKELY(wrong != 0))
		mx_misuse((enum mx_message)wrong, "free", p, s, NULL);
	else if (MX_UNLIKELY(news))
		look_again(s);
}

void
mx_mixed_give_chain(struct mx_span *s, struct mx_block *b, uint32_t n)
{
	for (; n > 0; n--) {
		struct mx_block *next = b->next;

		if (MX_UNLIKELY(MX_CHECKS && !mx_block_is_free(b,
		    mx_block_key))) {
			mx_misuse(MX_MESSAGE_LIST_DAMAGED, "free", b, s, NULL);
			return;
		}
		mx_mixed_give(s, b);
		b = next;
	}
}

size_t
mx_mixed_size(struct mx_span *s, const void *p, bool *inside)
{
	uint32_t i, end;
	size_t size = 0;
	int wrong;

	mx_lock(bit_lock(s));
	wrong = find_start(s, p, &i);
	if (wrong == 0) {
		end = find_bit(mx_span_inner(s->mixed), i + 1, s->blocks, false);
		size = (size_t)(end - i) * s->size;
	}
	*inside = wrong == MX_MESSAGE_INTERIOR;
	mx_unlock(bit_lock(s));
	return size;
}
