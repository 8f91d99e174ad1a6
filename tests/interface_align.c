/* interface_align.c - alignment, asked for and not.  Part of interface_test.
 *
 * SPDX-License-Identifier: MIT  */

#include <dlfcn.h>

#include "interface.h"

/* Weak: a static program has no dlsym.  */
#pragma weak dlsym
extern void free_sized(void *, size_t) __attribute__((weak));
extern void free_aligned_sized(void *, size_t, size_t) __attribute__((weak));
extern void cfree(void *) __attribute__((weak));

static void
test_alignment(void)
{
	void *p[8];

	for (size_t n = 0; n < 5 * PLAIN_MIB; n += n < 2100 ? 1 : n / 9) {
		for (int i = 0; i < 8; i++) {
			p[i] = p_malloc(n);
			CHECK_AT(is_aligned(p[i], natural_alignment(n)), n);
		}
		for (int i = 0; i < 8; i++)
			p_free(p[i]);
	}
	for (size_t n = 1; n <= 64 * PLAIN_KIB; n *= 2) {
		for (int i = 0; i < 8; i++) {
			p[i] = i % 2 ? p_malloc(n) : p_calloc(1, n);
			CHECK_AT(is_aligned(p[i], natural_alignment(n)), n);
		}
		for (int i = 0; i < 8; i++)
			p_free(p[i]);
	}
}

static void
test_aligned(void)
{
	for (size_t a = sizeof(void *); a <= 4 * PLAIN_MIB; a *= 2)
		for (size_t n = 0; n < 2 * PLAIN_MIB; n = n * 3 + 1) {
			void *p = NULL;

			errno = 1234;
			CHECK_AT(p_posix_memalign(&p, a, n) == 0, a);
			CHECK_AT(errno == 1234 && is_aligned(p, a), a);
			if (n > 0)
				use_and_free(p, n);
			else
				p_free(p);
			if (n + 1 <= PLAIN_LEAST)
				continue;
			p = p_aligned_alloc(a, n);
			CHECK_AT(p != NULL && is_aligned(p, a), a);
			CHECK_AT(usable(p, n) >= n, n);
			p = p_realloc(p, n + 100);
			use_and_free(p, n + 100);
			if (p_memalign == NULL)
				continue;
			p = p_memalign(a, n);
			CHECK_AT(p != NULL && is_aligned(p, a), a);
			use_and_free(p, n);
		}
}

/* Many at once: alignment must not come from luck, nor blocks overlap.  */
static void
test_aligned_many(void)
{
	enum { MANY = 200 };
	void *p[MANY];

	for (size_t a = 8; a <= 64 * PLAIN_KIB; a *= 2) {
		size_t n = a + a / 2;

		for (int i = 0; i < MANY; i++) {
			p[i] = p_aligned_alloc(a, n);
			CHECK_AT(p[i] != NULL && is_aligned(p[i], a), a);
			plain_fill(p[i], n, (uint64_t)i);
		}
		for (int i = 0; i < MANY; i++) {
			CHECK_AT(plain_verify(p[i], n, (uint64_t)i) == n, a);
			p_free(p[i]);
		}
	}
}

static void
test_aligned_wrong(void)
{
	static const size_t bad[] = {
		0, 1, 2, 3, 4, 5, 7, 12, 24, 48, 4095, SIZE_MAX, 6 * 4096
	};
	void *p = &p;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		errno = 1234;
		if (bad[i] == 4 && sizeof(void *) == 4)
			continue;
		CHECK_AT(p_posix_memalign(&p, bad[i], 10) == EINVAL, bad[i]);
		CHECK_AT(errno == 1234 && p == (void *)&p, bad[i]);
	}
	/* aligned_alloc may refuse or round up, but never crash.  */
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		errno = 0;
		p = p_aligned_alloc(bad[i], 10);
		CHECK_AT(p != NULL || errno == EINVAL || errno == ENOMEM,
		    bad[i]);
		p_free(p);
	}
}

static void
test_page_aligned(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	for (size_t n = 1; p_valloc != NULL && n < PLAIN_MIB; n = n * 3 + 1) {
		void *p = p_valloc(n);

		CHECK_AT(is_aligned(p, page), n);
		use_and_free(p, n);
	}
	errno = 0;
	if (p_valloc != NULL)
		CHECK(p_valloc(SIZE_MAX) == NULL && errno == ENOMEM);
	/* Not every replacement has it, and libc's own is of no use then.  */
	if (p_pvalloc == NULL || standard)
		return;
	for (size_t n = 1; n < PLAIN_MIB; n = n * 3 + 1) {
		void *p = p_pvalloc(n);

		CHECK_AT(is_aligned(p, page), n);
		use_and_free(p, (n + page - 1) / page * page);
	}
	errno = 0;
	CHECK(p_pvalloc(SIZE_MAX) == NULL && errno == ENOMEM);
}

static void *
find(void *linked, const char *name)
{
	if (linked != NULL)
		return linked;
	return dlsym == NULL ? NULL : dlsym(RTLD_DEFAULT, name);
}

static void
test_sized_free(void)
{
	union {
		void *object;
		void (*sized)(void *, size_t);
		void (*aligned)(void *, size_t, size_t);
		void (*plain)(void *);
	} f;

	f.object = find((void *)free_sized, "free_sized");
	for (size_t n = 0; f.object != NULL && n < 9 * PLAIN_MIB; n += n + 1) {
		f.sized(p_malloc(n), n);
		f.sized(p_calloc(1, n), n);
		f.sized(p_realloc(p_malloc(9), n + 1), n + 1);
		f.sized(NULL, n);
	}
	printf("   free_sized: %s\n", f.object != NULL ? "yes" : "none");
	f.object = find((void *)free_aligned_sized, "free_aligned_sized");
	for (size_t a = 8; f.object != NULL && a <= PLAIN_MIB; a *= 2)
		for (size_t n = 0; n < 3 * PLAIN_MIB; n = n * 4 + a) {
			f.aligned(p_aligned_alloc(a, n), a, n);
			f.aligned(NULL, a, n);
		}
	printf("   free_aligned_sized: %s\n",
	    f.object != NULL ? "yes" : "none");
	/* A cfree that is glibc's own frees into glibc's own heap.  */
	f.object = (void *)cfree;
	for (size_t n = 0; !standard && f.object != NULL && n < 9999; n += 9)
		f.plain(p_malloc(n));
	printf("   cfree: %s\n", f.object != NULL ? "yes" : "none");
}

void
interface_align(void)
{
	test_alignment();
	test_aligned();
	test_aligned_many();
	test_aligned_wrong();
	test_page_aligned();
	test_sized_free();
}
