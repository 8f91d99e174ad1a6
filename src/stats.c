/* stats.c - a walk over the records.  See stats.h.
 *
 * The walk holds the heap lock, so runs stay what they are.  What their owners
 * change meanwhile is read once, word by word: numbers may be a little old,
 * pointers are checked before they are followed.
 *
 * SPDX-License-Identifier: MIT  */

#include "stats.h"

#include <unistd.h>

#include "arena.h"
#include "cache.h"
#include "conf.h"
#include "guard.h"
#include "heap.h"
#include "meta.h"
#include "sys.h"
#include "usage.h"

size_t mx_stats_foreign;

/* What is counted for one class.  */
struct tally {
	size_t spans;
	size_t blocks;          /* that fit into these spans */
	size_t free_;           /* on the spans' lists, or not yet carved */
	size_t cached;          /* in caches' lists */
	size_t tail;            /* bytes at the ends of the spans */
};

struct walk {
	struct tally tally[MX_CLASS_COUNT];
	size_t large_pages;
	size_t resident;        /* SIZE_MAX: not known */
	size_t mixed;           /* bytes in use in MIXED spans */
	size_t mixed_cached;    /* of these, on lists */
	size_t mixed_free, mixed_tail, mixed_spans;
	size_t guarded;         /* bytes in samples, and of their pages */
	size_t guarded_pages;
};

/* Reads what the owner may be writing.  */
__attribute__((no_sanitize("thread")))
static void
tally_small(struct tally *t, const struct mx_span *s)
{
	uint32_t left = mx_load(&s->left, RELAXED) +
	    mx_load(&s->bias, RELAXED);
	uint32_t carved = mx_load(&s->carved, RELAXED);

	t->spans++;
	t->blocks += s->blocks;
	t->tail += ((size_t)s->pages << MX_PAGE_SHIFT) -
	    (size_t)s->blocks * s->size;
	/* A current span's count is out of use, and much too high: its list
	 * is counted with the cache.  */
	if (left > carved)
		left = carved;
	t->free_ += s->blocks - left;
}

/* The same.  */
__attribute__((no_sanitize("thread")))
static void
tally_mixed(struct walk *w, const struct mx_span *s)
{
	/* The span may end at this moment, and another have its record.  */
	size_t free_ = (size_t)mx_min(mx_load(&s->mixed->free_, RELAXED),
	    s->blocks) * s->size;
	size_t all = (size_t)s->blocks * s->size;

	w->mixed_spans++;
	w->mixed += all - free_;
	w->mixed_free += free_;
	w->mixed_tail += ((size_t)s->pages << MX_PAGE_SHIFT) - all;
}

static size_t
tally_run(struct walk *w, const struct mx_span *s)
{
	switch (mx_load(&s->state, ACQUIRE)) {  /* then `mixed' is there */
	case MX_SPAN_SMALL:
		tally_small(&w->tally[s->class_], s);
		return s->pages;
	case MX_SPAN_MIXED:
		tally_mixed(w, s);
		return s->pages;
	case MX_SPAN_LARGE:
		w->large_pages += s->pages;
		return s->pages;
	case MX_SPAN_FREE:
	case MX_SPAN_BUSY:
		return s->pages;
	default:
		return 1;
	}
}

static void
walk_arena(struct walk *w, const struct mx_arena *a)
{
	size_t n;

	for (size_t at = 0; at < a->mapped; at += n << MX_PAGE_SHIFT)
		n = tally_run(w, mx_pagemap_record(a->base + at));
	if (a->mapped > 0 && w->resident != SIZE_MAX) {
		n = sysResidentOS(a->base, a->mapped);
		w->resident = n == SIZE_MAX ? n : w->resident + n;
	}
}

/* Follow the list of free blocks at B, which its thread may be changing.  Only
 * a pointer to a block of a span of this class is followed.  */
__attribute__((no_sanitize("thread")))
static void
count_list(struct walk *w, const struct mx_block *b, unsigned c)
{
	for (size_t n = 0; b != MX_BLOCK_END && n < 65536; n++, b = b->next) {
		const struct mx_span *s = mx_pagemap_get(b);
		size_t size;
		bool used;

		if (s == NULL || !mx_span_is_small(s) || !mx_span_is_block(s, b))
			break;
		if (mx_load(&s->state, RELAXED) == MX_SPAN_MIXED) {
			(void)mx_span_find(s, (size_t)((const char *)b -
			    s->base), &size, &used);
			w->mixed_cached += used ? size : 0;
		} else if (s->class_ == c) {
			w->tally[c].cached++;
		} else {
			break;
		}
	}
}

/* How many blocks the sum of units OUT stands for, which its owner may change
 * meanwhile: not even 32-bit machines need a library to read half of it at once.  */
__attribute__((no_sanitize("thread")))
static uint32_t
count_of(const uint64_t *out)
{
	return mx_load((const uint32_t *)out + !MX_BIG_ENDIAN, RELAXED);
}

__attribute__((no_sanitize("thread")))
static void
walk_cache(struct walk *w, const struct mx_cache *cache)
{
	size_t waiting[MX_CLASS_COUNT] = { 0 };

	mx_cache_count_inbox(cache, waiting, &w->mixed_cached);
	for (unsigned c = 0; c < MX_CLASS_COUNT; c++) {
		w->tally[c].cached += waiting[c];
		count_list(w, mx_load(&mx_load(&cache->span[c],
		    ACQUIRE)->local, RELAXED), c);
	}
	for (size_t i = 0; i < MX_CACHE_PENDING; i++) {
		const struct mx_pending *e = &cache->pending[i];
		const struct mx_span *s = mx_load(&e->span, RELAXED);

		if (s == NULL)
			continue;
		if (mx_load(&s->state, RELAXED) == MX_SPAN_MIXED)
			w->mixed_cached += (size_t)count_of(&e->out) * s->size;
		else
			w->tally[s->class_].cached += count_of(&e->out);
	}
}

static void
sum_up(const struct walk *w, struct memaix_stats *st)
{
	size_t mixed_cached;

	for (unsigned c = 0; c < MX_CLASS_COUNT; c++) {
		const struct tally *t = &w->tally[c];
		size_t held = t->blocks - t->free_;
		size_t cached = mx_min(t->cached, held);

		st->live_small += (held - cached) * mx_class_size(c);
		st->caches += cached * mx_class_size(c);
		st->free_in_spans += t->free_ * mx_class_size(c);
		st->rounding += t->tail;
		st->spans += t->spans;
	}
	mixed_cached = mx_min(w->mixed_cached, w->mixed);
	st->live_small += w->mixed - mixed_cached;
	st->caches += mixed_cached;
	st->free_in_spans += w->mixed_free;
	st->rounding += w->mixed_tail;
	st->spans += w->mixed_spans;
	st->live_small += w->guarded;
	st->live = st->live_small + st->live_large;
	st->rounding += (w->large_pages << MX_PAGE_SHIFT) - st->live_large;
	st->rounding += w->guarded_pages - w->guarded;
}

static void
walk_all(struct walk *w)
{
	struct mx_cache *cache;

	*w = (struct walk){ .resident = 0 };
	mx_guard_count(&w->guarded, &w->guarded_pages);
	for (struct mx_arena *a = mx_arena_list; a != NULL; a = a->next)
		walk_arena(w, a);
	for (cache = mx_load(&mx_cache_list, ACQUIRE); cache != NULL;
	    cache = cache->next)
		walk_cache(w, cache);
}

void
mx_stats_read(struct memaix_stats *st)
{
	const struct mx_sys_account *a = &mx_sys_account;
	struct walk w;

	*st = (struct memaix_stats){ .live = 0 };
	mx_heap_lock();
	walk_all(&w);
	st->live_large = mx_heap_account.large_bytes;
	st->large_blocks = mx_heap_account.large_blocks;
	st->dirty = mx_heap_account.dirty << MX_PAGE_SHIFT;
	st->ready = mx_load(&a->ready, RELAXED);
	st->metadata = mx_meta_bytes();
	mx_heap_unlock();
	sum_up(&w, st);
	st->prepared = mx_load(&a->prepared, RELAXED);
	st->reserved = mx_load(&a->reserved, RELAXED);
	st->peak_ready = mx_load(&a->peak_ready, RELAXED);
	st->peak_prepared = mx_load(&a->peak_prepared, RELAXED);
	st->peak_reserved = mx_load(&a->peak_reserved, RELAXED);
	st->huge_page = mx_sys_huge_size();
	st->released = mx_load(&a->released, RELAXED);
	st->foreign = mx_load(&mx_stats_foreign, RELAXED);
	if (w.resident != SIZE_MAX)
		w.resident += mx_meta_resident() + w.guarded_pages;
	if (w.resident < st->ready)
		st->untouched = st->ready - w.resident;
	for (struct mx_cache *c = mx_load(&mx_cache_list, ACQUIRE); c != NULL;
	    c = c->next)
		st->threads += mx_load(&c->live, RELAXED);
}

/* ---- printing ---- */

struct line {
	const char *name;       /* JSON key */
	const char *text;
	size_t offset;
	const char *unit;       /* NULL: bytes */
};

#define AT(member) offsetof(struct memaix_stats, member)

static const struct line sum_lines[] = {
	{ "live", "in blocks that the program holds", AT(live), NULL },
	{ "rounding", "lost to whole pages", AT(rounding), NULL },
	{ "caches", "free blocks at threads' hands", AT(caches), NULL },
	{ "free_in_spans", "free blocks in spans", AT(free_in_spans), NULL },
	{ "dirty", "free pages not given back yet", AT(dirty), NULL },
	{ "metadata", "memaix's own records", AT(metadata), NULL },
};

static const struct line more_lines[] = {
	{ "prepared", "bytes mapped and given up, or never used",
	    AT(prepared), NULL },
	{ "reserved", "bytes of address space only", AT(reserved), NULL },
	{ "peak_ready", "bytes, highest sum so far", AT(peak_ready), NULL },
	{ "peak_prepared", "bytes, highest `prepared' so far",
	    AT(peak_prepared), NULL },
	{ "peak_reserved", "bytes, highest `reserved' so far",
	    AT(peak_reserved), NULL },
	{ "released", "bytes given back to the kernel so far", AT(released),
	    NULL },
	{ "live_small", "bytes of `live' in small blocks", AT(live_small),
	    NULL },
	{ "live_large", "bytes of `live' in large blocks", AT(live_large),
	    NULL },
	{ "spans", "spans of small blocks", AT(spans), "spans" },
	{ "large_blocks", "large blocks", AT(large_blocks), "blocks" },
	{ "threads", "threads with a cache", AT(threads), "threads" },
	{ "foreign", "pointers freed that were not ours", AT(foreign),
	    "pointers" },
	{ "huge_page", "bytes in a huge page; 0: the system gives none",
	    AT(huge_page), NULL },
};

/* Are huge pages asked for?  */
static const char *
huge(const struct memaix_stats *st)
{
	if (mx_conf.huge == MX_CONF_FALSE)
		return "off";
	if (st->huge_page == 0 && !mx_sys_facts.large)
		return "unsupported";
	return mx_conf.huge == MX_CONF_AUTO ? "auto" : "on";
}

#define COUNT(a) (sizeof (a) / sizeof (a)[0])

static size_t
value(const struct memaix_stats *st, const struct line *l)
{
	return *(const size_t *)(const void *)((const char *)st + l->offset);
}

static size_t
own_rss(void)
{
	struct mx_usage u;

	return mx_usage_own(&u) == 0 ? u.rss : 0;
}

void
mx_stats_text(struct mx_out *o)
{
	struct memaix_stats st;
	size_t rss, resident;

	mx_stats_read(&st);
	rss = own_rss();
	resident = st.ready - st.untouched;
	mx_out(o, "memaix: statistics of process %d (memaix "
	    MEMAIX_VERSION "), in bytes\n", (int)getpid());
	for (size_t i = 0; i < COUNT(sum_lines); i++)
		mx_out(o, "%c %16zu  %-14s %s\n", i == 0 ? ' ' : '+',
		    value(&st, &sum_lines[i]), sum_lines[i].name,
		    sum_lines[i].text);
	mx_out(o, "= %16zu  %-14s %s\n", st.ready, "ready",
	    "readable and writable, in use");
	mx_out(o, "- %16zu  %-14s %s\n", st.untouched, "untouched",
	    "of these, never touched: not in memory");
	mx_out(o, "= %16zu  %-14s %s\n", resident, "resident",
	    "what the kernel counts for memaix");
	mx_out(o, "+ %16zu  %-14s %s\n", rss > resident ? rss - resident : 0,
	    "other", "code, stacks, other mappings");
	mx_out(o, "= %16zu  %-14s %s\n", rss, "rss",
	    "what the kernel counts for the process");
	for (size_t i = 0; i < COUNT(more_lines); i++)
		mx_out(o, "  %16zu  %-14s %s\n", value(&st, &more_lines[i]),
		    more_lines[i].name, more_lines[i].text);
	mx_out(o, "  %16s  %-14s %s\n", huge(&st), "huge",
	    "huge pages: on, auto, off or unsupported");
}

static void
put_units(struct mx_out *o, const struct line *l, size_t n)
{
	for (size_t i = 0; i < n; i++)
		mx_out(o, "\"%s\":\"%s\",", l[i].name,
		    l[i].unit == NULL ? "bytes" : l[i].unit);
}

void
mx_stats_json(struct mx_out *o)
{
	struct memaix_stats st;

	mx_stats_read(&st);
	mx_out(o, "{\"memaix\":\"" MEMAIX_VERSION "\",\"schema\":2,"
	    "\"pid\":%d,\"huge\":\"%s\"", (int)getpid(), huge(&st));
	for (size_t i = 0; i < COUNT(sum_lines); i++)
		mx_out(o, ",\"%s\":%zu", sum_lines[i].name,
		    value(&st, &sum_lines[i]));
	mx_out(o, ",\"ready\":%zu,\"untouched\":%zu,\"resident\":%zu,"
	    "\"rss\":%zu", st.ready, st.untouched, st.ready - st.untouched,
	    own_rss());
	for (size_t i = 0; i < COUNT(more_lines); i++)
		mx_out(o, ",\"%s\":%zu", more_lines[i].name,
		    value(&st, &more_lines[i]));
	mx_out(o, ",\"units\":{");
	put_units(o, sum_lines, COUNT(sum_lines));
	put_units(o, more_lines, COUNT(more_lines));
	mx_out(o, "\"ready\":\"bytes\",\"untouched\":\"bytes\","
	    "\"resident\":\"bytes\",\"rss\":\"bytes\"}}\n");
}

void
mx_stats_xml(struct mx_out *o)
{
	struct memaix_stats st;

	mx_stats_read(&st);
	mx_out(o, "<malloc version=\"1\">\n<heap nr=\"0\">\n<sizes>\n"
	    "</sizes>\n");
	mx_out(o, "<total type=\"fast\" count=\"%zu\" size=\"%zu\"/>\n",
	    st.threads, st.caches);
	mx_out(o, "<total type=\"rest\" count=\"%zu\" size=\"%zu\"/>\n",
	    st.spans, st.free_in_spans + st.dirty);
	mx_out(o, "<system type=\"current\" size=\"%zu\"/>\n", st.ready);
	mx_out(o, "<system type=\"max\" size=\"%zu\"/>\n", st.peak_ready);
	mx_out(o, "<aspace type=\"total\" size=\"%zu\"/>\n",
	    st.ready + st.prepared + st.reserved);
	mx_out(o, "<aspace type=\"mprotect\" size=\"%zu\"/>\n</heap>\n",
	    st.ready + st.prepared);
	for (size_t i = 0; i < COUNT(sum_lines); i++)
		mx_out(o, "<memaix type=\"%s\" size=\"%zu\"/>\n",
		    sum_lines[i].name, value(&st, &sum_lines[i]));
	mx_out(o, "<system type=\"current\" size=\"%zu\"/>\n", st.ready);
	mx_out(o, "</malloc>\n");
}
