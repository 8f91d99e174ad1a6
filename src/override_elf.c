/* override_elf.c - the names by which an ELF system calls memaix.
 *
 * Owns: names, the library's start and end.  Every function here is one call
 * down; what it means is in api.c.
 *
 * SPDX-License-Identifier: MIT  */

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api.h"
#include "process.h"
#include "stats.h"

/* Names that the C library of the build may not declare yet.  */
void cfree(void *p);
void free_sized(void *p, size_t n);
void free_aligned_sized(void *p, size_t align, size_t n);

MX_EXPORT MX_HOT void *
malloc(size_t n)
{
	return mx_malloc(n);
}

MX_EXPORT MX_HOT void
free(void *p)
{
	mx_free(p);
}

MX_EXPORT void *
calloc(size_t count, size_t size)
{
	return mx_calloc(count, size);
}

MX_EXPORT void *
realloc(void *p, size_t n)
{
	return mx_realloc(p, n);
}

MX_EXPORT void *
reallocarray(void *p, size_t count, size_t size)
{
	return mx_reallocarray(p, count, size);
}

MX_EXPORT void *
aligned_alloc(size_t align, size_t n)
{
	return mx_aligned_alloc(align, n);
}

MX_EXPORT int
posix_memalign(void **out, size_t align, size_t n)
{
	return mx_posix_memalign(out, align, n);
}

MX_EXPORT void *
memalign(size_t align, size_t n)
{
	return mx_memalign(align, n);
}

MX_EXPORT void *
valloc(size_t n)
{
	return mx_valloc(n);
}

MX_EXPORT void *
pvalloc(size_t n)
{
	return mx_pvalloc(n);
}

MX_EXPORT void
cfree(void *p)
{
	mx_free(p);
}

MX_EXPORT void
free_sized(void *p, size_t n)
{
	mx_free_sized("free_sized", p, n);
}

MX_EXPORT void
free_aligned_sized(void *p, size_t align, size_t n)
{
	mx_free_checked("free_aligned_sized", p, align, n);
}

MX_EXPORT size_t
malloc_usable_size(void *p)
{
	return mx_usable_size(p);
}

/* ---- what glibc tells about its heap, told about ours ---- */

static struct mallinfo2
read_mallinfo(void)
{
	struct memaix_stats st;

	mx_process_init();
	mx_stats_read(&st);
	return (struct mallinfo2){
		.arena = st.ready - st.live_large,
		.ordblks = st.spans,
		.hblks = st.large_blocks,
		.hblkhd = st.live_large,
		.uordblks = st.live,
		.fordblks = st.caches + st.free_in_spans + st.dirty,
		.keepcost = st.dirty
	};
}

MX_EXPORT struct mallinfo2
mallinfo2(void)
{
	return read_mallinfo();
}

static int
clip(size_t n)
{
	return n > INT32_MAX ? INT32_MAX : (int)n;
}

MX_EXPORT struct mallinfo
mallinfo(void)
{
	struct mallinfo2 m = read_mallinfo();

	return (struct mallinfo){
		.arena = clip(m.arena),
		.ordblks = clip(m.ordblks),
		.hblks = clip(m.hblks),
		.hblkhd = clip(m.hblkhd),
		.uordblks = clip(m.uordblks),
		.fordblks = clip(m.fordblks),
		.keepcost = clip(m.keepcost)
	};
}

/* glibc's parameters steer a heap that is not here: accepted, without effect. */
MX_EXPORT int
mallopt(int what, int value)
{
	(void)what;
	(void)value;
	return 1;
}

MX_EXPORT int
malloc_trim(size_t pad)
{
	(void)pad;
	return mx_trim();
}

MX_EXPORT void
malloc_stats(void)
{
	struct mx_out o;

	mx_process_init();
	mx_out_init_fd(&o, STDERR_FILENO);
	mx_stats_text(&o);
	mx_out_done(&o);
}

static void
to_stream(void *stream, const char *text, size_t n)
{
	(void)fwrite(text, 1, n, stream);
}

MX_EXPORT int
malloc_info(int options, FILE *stream)
{
	struct mx_out o;

	if (options != 0) {
		errno = EINVAL;
		return -1;
	}
	mx_process_init();
	mx_out_init(&o, to_stream, stream);
	mx_stats_xml(&o);
	mx_out_done(&o);
	return 0;
}

/* ---- start and end ---- */

/* The definition of NAME behind ours; NULL in a static program.  */
static void *
next_symbol(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static void
find_next(struct mx_api_next *next)
{
	*(void **)&next->free_ = next_symbol("free");
	*(void **)&next->realloc_ = next_symbol("realloc");
	*(void **)&next->usable_size = next_symbol("malloc_usable_size");
}

/* Set from the start: constructors of other libraries may run before ours.  */
void (*mx_api_find_next)(struct mx_api_next *next) = find_next;

__attribute__((constructor))
static void
start(void)
{
	mx_process_start();
}

__attribute__((destructor))
static void
end(void)
{
	mx_process_exit();
}
