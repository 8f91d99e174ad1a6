/* misuse.c - errors of the program, told in one line.  See misuse.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "misuse.h"

#include <errno.h>
#include <stdlib.h>

#include "conf.h"
#include "guard.h"
#include "out.h"

size_t mx_misuse_count;

static const char *
brief(enum mx_message message)
{
#define BRIEF(number, name, brief, full) [number] = brief,
	static const char *const texts[] = { MX_MESSAGES(BRIEF) };

	return texts[message];
}

/* Is block I of SMALL span S, which begins at START, free?  Where a list says that it
 * is and its mark that it is not, nothing.  */
static const char *
state(enum mx_message message, const struct mx_span *s, uint32_t i,
    const char *start)
{
	return message == MX_MESSAGE_LIST_DAMAGED ? "" :
	    mx_span_tell(s, i, (const struct mx_block *)(const void *)start);
}

/* The block at P, or around it, in the words of HACKING.  */
static void
describe(struct mx_out *o, enum mx_message message, const char *p,
    const struct mx_span *s, const struct mx_cache *self)
{
	size_t offset = (size_t)(p - s->base);
	const struct mx_cache *owner = mx_load(&s->owner, RELAXED);
	const char *start;
	size_t from, size;
	uint32_t i;
	bool used;

	if (s->state == MX_SPAN_LARGE) {
		mx_out(o, ": byte %zu of a block of %zu at %p, %s", offset,
		    s->bytes, (void *)s->base, s->listed ? "free" : "in use");
		return;
	}
	if (mx_load(&s->state, RELAXED) == MX_SPAN_MIXED) {
		from = mx_span_find(s, offset, &size, &used);
		mx_out(o, ": byte %zu of a block of %zu, %s, of the mixed span "
		    "at %p", offset - from, size, used ? "in use" : "free",
		    (void *)s->base);
		return;
	}
	if (s->state != MX_SPAN_SMALL)
		return;
	i = mx_span_index(s, offset);
	start = s->base + (size_t)i * s->size;
	mx_out(o, ": byte %zu of block %u%s (%u bytes each, class %u) of the "
	    "span at %p, owned by %s", (size_t)(p - start), i,
	    state(message, s, i, start), s->size, s->class_,
	    (void *)s->base, owner == NULL ? "no thread" :
	    owner == self ? "this thread" : "another thread");
}

static void
begin(struct mx_out *o, enum mx_message message, const char *call,
    const void *p)
{
	mx_add(&mx_misuse_count, 1, RELAXED);
	mx_out_init_fd(o, 2);
	mx_out(o, "memaix: M%03u %s(%p", (unsigned)message, call, p);
}

static void
finish(struct mx_out *o, enum mx_message message, const void *p,
    const struct mx_span *s, const struct mx_cache *self)
{
	mx_out(o, "): %s", brief(message));
	if (s != NULL) {
		describe(o, message, p, s, self);
	} else if (mx_guard_holds(p)) {
		mx_out(o, ": ");
		mx_guard_describe(o, p);
	}
	mx_out(o, "; 'memaix explain M%03u' tells more\n", (unsigned)message);
	if (mx_guard_holds(p))
		mx_guard_trace(o, p);
	mx_out_done(o);
	if (mx_conf.on_misuse == MX_CONF_ABORT)
		abort();
}

void
mx_misuse(enum mx_message message, const char *call, const void *p,
    const struct mx_span *s, const struct mx_cache *self)
{
	int saved = errno;
	struct mx_out o;

	begin(&o, message, call, p);
	finish(&o, message, p, s, self);
	errno = saved;
}

void
mx_misuse_size(const char *call, const void *p, size_t n,
    const struct mx_span *s, const struct mx_cache *self)
{
	int saved = errno;
	struct mx_out o;

	begin(&o, MX_MESSAGE_WRONG_SIZE, call, p);
	mx_out(&o, ", %zu", n);
	finish(&o, MX_MESSAGE_WRONG_SIZE, p, s, self);
	errno = saved;
}
