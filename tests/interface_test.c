/* interface_test.c - the C interface of an allocator, as the standards and the
 * manual pages promise it.
 *
 * Runs with any malloc that is linked or preloaded.  Argument `standard': leave
 * out what memaix promises beyond the standards.
 *
 * SPDX-License-Identifier: MIT  */

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "interface.h"

#ifdef _AIX
#pragma weak malloc_usable_size
#pragma weak aligned_alloc
#endif
#pragma weak reallocarray
#pragma weak memalign
#pragma weak valloc
#pragma weak pvalloc

void *(*volatile p_malloc)(size_t) = malloc;
void *(*volatile p_calloc)(size_t, size_t) = calloc;
void *(*volatile p_realloc)(void *, size_t) = realloc;
void (*volatile p_free)(void *) = free;
void *(*volatile p_aligned_alloc)(size_t, size_t) = aligned_alloc;
int (*volatile p_posix_memalign)(void **, size_t, size_t) = posix_memalign;
size_t (*volatile p_usable)(void *) = malloc_usable_size;
void *(*volatile p_reallocarray)(void *, size_t, size_t) = reallocarray;
void *(*volatile p_memalign)(size_t, size_t) = memalign;
void *(*volatile p_valloc)(size_t) = valloc;
void *(*volatile p_pvalloc)(size_t) = pvalloc;

bool standard;
static unsigned long checks, failures, failures_reported;

bool
check(bool good, const char *file, int line, const char *what, size_t where)
{
	checks++;
	if (!good && failures++ < 50)
		printf("FAIL %s:%d: %s (with %zu)\n", file, line, what,
		    where);
	return good;
}

static void
report(const char *part)
{
	if (failures == failures_reported)
		printf("ok %s\n", part);
	failures_reported = failures;
	fflush(stdout);
}

size_t
usable(void *p, size_t n)
{
	return p_usable != NULL ? p_usable(p) : n;
}

bool
is_aligned(const void *p, size_t a)
{
	return ((uintptr_t)p & (a - 1)) == 0;
}

void
use_and_free(void *p, size_t n)
{
	CHECK_AT(p != NULL, n);
	if (p == NULL)
		return;
	plain_fill(p, n, n);
	CHECK_AT(plain_verify(p, n, n) == n, n);
	p_free(p);
}

/* What the standards promise a block of N bytes, on the systems we know.  */
size_t
least_alignment(size_t n)
{
	size_t a = 1;

	if (!standard)
		return 16;
	while (a < 16 && a * 2 <= n)
		a *= 2;
	return a;
}

/* memaix: powers of two up to 64 KiB lie on their own size.  A block that
 * realloc shrinks in place cannot.  */
size_t
natural_alignment(size_t n)
{
	if (!standard && n >= 16 && n <= 64 * PLAIN_KIB && (n & (n - 1)) == 0)
		return n;
	return least_alignment(n);
}

static void
test_malloc_zero(void)
{
	void *p[100];

	for (int i = 0; i < 100; i++) {
		p[i] = i % 2 ? p_malloc(0) : p_calloc(0, 8);
		CHECK((p[i] != NULL) == (PLAIN_LEAST == 0));
		for (int j = 0; j < i; j++)
			CHECK(p[i] == NULL || p[i] != p[j]);
	}
	for (int i = 0; i < 100; i++)
		p_free(p[i]);
}

static void
test_calloc(void)
{
	static const size_t sizes[] = {
		1, 8, 100, 1000, 5000, 40000, 300000, 3000000,
		40000000 / PLAIN_SLOW
	};
	void *p[4];

	/* Blocks come back dirty, so the zeros have to be made.  */
	for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++)
		for (int round = 0; round < 5; round++) {
			size_t n = sizes[k];

			for (int i = 0; i < 4; i++) {
				p[i] = p_calloc(i % 2 ? 1 : n, i % 2 ? n : 1);
				CHECK_AT(p[i] != NULL, n);
				CHECK_AT(plain_zeros(p[i], n) == n, n);
				memset(p[i], 0xff, n);
			}
			for (int i = 0; i < 4; i++)
				p_free(p[i]);
		}
}

/* A dirty page must not make all of a large block be written.  */
static void
test_calloc_untouched(void)
{
	size_t n = 64 * PLAIN_MIB, before, after;
	char *p = p_malloc(PLAIN_MIB);

	memset(p, 7, PLAIN_MIB);
	p_free(p);
	before = plain_rss();
	p = p_calloc(1, n);
	after = plain_rss();
	/* With larger pages it may be an emulator, which counts pages of 4 KiB.  */
	if (sysconf(_SC_PAGESIZE) == 4096)
		CHECK(after < before + 32 * PLAIN_MIB);
	CHECK(plain_zeros(p, 2 * PLAIN_MIB) == 2 * PLAIN_MIB);
	p_free(p);
}

static void
test_calloc_overflow(void)
{
	static const size_t bad[][2] = {
		{ SIZE_MAX, 2 }, { 2, SIZE_MAX }, { SIZE_MAX / 2 + 1, 2 },
		{ SIZE_MAX / 8 + 2, 8 }, { SIZE_MAX, SIZE_MAX },
		{ (size_t)1 << (sizeof(size_t) * 4),
		  (size_t)1 << (sizeof(size_t) * 4) },
		{ SIZE_MAX, 1 }, { PTRDIFF_MAX, 1 }
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		errno = 0;
		CHECK_AT(p_calloc(bad[i][0], bad[i][1]) == NULL, i);
		CHECK_AT(errno == ENOMEM, i);
		if (p_reallocarray == NULL)
			continue;
		errno = 0;
		CHECK_AT(p_reallocarray(NULL, bad[i][0], bad[i][1]) == NULL, i);
		CHECK_AT(errno == ENOMEM, i);
	}
}

static const size_t huge_sizes[] = {
	SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 15, SIZE_MAX - 4095,
	SIZE_MAX - 65536, SIZE_MAX / 2 + 2, SIZE_MAX / 2 + 1, PTRDIFF_MAX
};

#define N_HUGE (sizeof huge_sizes / sizeof huge_sizes[0])

static void
test_huge(void)
{
	for (size_t i = 0; i < N_HUGE; i++) {
		size_t n = huge_sizes[i];
		void *p = &p;

		errno = 0;
		CHECK_AT(p_malloc(n) == NULL, i);
		CHECK_AT(errno == ENOMEM, i);
		errno = 0;
		CHECK_AT(p_calloc(1, n) == NULL, i);
		CHECK_AT(errno == ENOMEM, i);
		errno = 0;
		CHECK_AT(p_realloc(NULL, n) == NULL, i);
		CHECK_AT(errno == ENOMEM, i);
		for (size_t a = 16; a <= 4 * PLAIN_MIB; a *= 8) {
			errno = 0;
			CHECK_AT(p_aligned_alloc(a, n) == NULL, i);
			CHECK_AT(errno == ENOMEM, i);
			errno = 1234;
			CHECK_AT(p_posix_memalign(&p, a, n) == ENOMEM, i);
			CHECK_AT(errno == 1234 || standard, i);
			CHECK_AT(p == (void *)&p, i);
		}
	}
}

static void
test_realloc_edges(void)
{
	char *p = p_realloc(NULL, 100);
	char *q;

	use_and_free(p, 100);
	errno = 0;
	p = p_realloc(NULL, 0);
	CHECK((p != NULL) == (PLAIN_LEAST == 0));
	CHECK(p != NULL || errno == EINVAL);
	p_free(p);
	for (size_t n = 1; n < 10 * PLAIN_MIB; n *= 3) {
		p = p_malloc(n);
		plain_fill(p, n, n);
		for (size_t i = 0; i < N_HUGE; i++) {
			errno = 0;
			CHECK_AT(p_realloc(p, huge_sizes[i]) == NULL, n);
			CHECK_AT(errno == ENOMEM, n);
		}
		CHECK_AT(plain_verify(p, n, n) == n, n);
		q = p_realloc(p, n);
		CHECK_AT(q != NULL && plain_verify(q, n, n) == n, n);
		p_free(q);
	}
	if (p_reallocarray == NULL)
		return;
	p = p_reallocarray(NULL, 10, 10);
	plain_fill(p, 100, 1);
	errno = 0;
	CHECK(p_reallocarray(p, SIZE_MAX / 2, 3) == NULL && errno == ENOMEM);
	CHECK(plain_verify(p, 100, 1) == 100);
	p = p_reallocarray(p, 1000, 100);
	CHECK(p != NULL && plain_verify(p, 100, 1) == 100);
	p_free(p);
}

/* realloc(p, 0) frees P; what it answers is NULL or a block to be freed.  */
static void
test_realloc_to_zero(void)
{
	size_t before, after;

	before = plain_rss();
	for (int i = 0; i < 100000 / PLAIN_SLOW; i++) {
		char *p = p_malloc(4000);
		void *q;

		memset(p, 1, 4000);
		q = p_realloc(p, 0);
		if (q != NULL)
			p_free(q);
	}
	after = plain_rss();
	CHECK_AT(after < before + 64 * PLAIN_MIB, after - before);
}

static void
test_realloc_sizes(void)
{
	static const size_t sizes[] = {
		1, 15, 16, 17, 100, 128, 1000, 1024, 4096, 5000, 32768, 40000,
		65536, 70000, 262144, 1000000, 5000000,
		33554432 / PLAIN_SLOW
	};
	const size_t n = sizeof sizes / sizeof sizes[0];

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++) {
			size_t keep = sizes[i] < sizes[j] ? sizes[i] : sizes[j];
			char *p = p_malloc(sizes[i]);

			plain_fill(p, sizes[i], i);
			p = p_realloc(p, sizes[j]);
			CHECK_AT(p != NULL, sizes[j]);
			CHECK_AT(is_aligned(p, least_alignment(sizes[j])),
			    sizes[j]);
			CHECK_AT(plain_verify(p, keep, i) == keep, sizes[j]);
			use_and_free(p, sizes[j]);
		}
}

/* Grow and shrink step by step, as a string buffer does.  */
static void
test_realloc_steps(void)
{
	size_t n = 1;
	char *p = p_malloc(n);

	plain_fill(p, n, 5);
	while (n < 20 * PLAIN_MIB / PLAIN_SLOW) {
		size_t more = n + n / 3 + 1;

		p = p_realloc(p, more);
		CHECK_AT(p != NULL && plain_verify(p, n, 5) == n, n);
		plain_fill(p, more, 5);
		n = more;
	}
	while (n > 1) {
		n -= n / 4 + 1;
		p = p_realloc(p, n + 1);
		CHECK_AT(p != NULL && plain_verify(p, n, 5) == n, n);
	}
	p_free(p);
}

static void
test_usable(void)
{
	if (p_usable == NULL)
		return;
	CHECK(p_usable(NULL) == 0);
	for (size_t n = 0; n < 10 * PLAIN_MIB; n += n < 2100 ? 7 : n / 3) {
		void *p = p_malloc(n);
		void *q = p_malloc(n);
		size_t m = p_usable(p);

		CHECK_AT(m >= n, n);
		memset(q, 0x55, p_usable(q));
		plain_fill(p, m, n);
		CHECK_AT(plain_verify(p, m, n) == m, n);
		for (size_t i = 0; i < p_usable(q); i++)
			if (((char *)q)[i] != 0x55) {
				CHECK_AT(!"neighbour untouched", n);
				break;
			}
		/* All of it is kept when the block moves.  */
		p = p_realloc(p, m + 4 * PLAIN_MIB);
		CHECK_AT(plain_verify(p, m, n) == m, n);
		p_free(p);
		p_free(q);
	}
}

static void
test_free(void)
{
	for (size_t n = 1; n < 100 * PLAIN_MIB; n = n * 2 + 1) {
		void *p = p_malloc(n);
		void *q = p_aligned_alloc(4096, n);

		CHECK_AT(p != NULL && q != NULL, n);
		errno = 1234;
		p_free(p);
		p_free(q);
		p_free(NULL);
		CHECK_AT(errno == 1234, n);
	}
}

#if defined __linux__ && UINTPTR_MAX > 0xffffffffu
/* How many of the N pointers at A and the N at B are in pages of 16 KiB whose numbers
 * differ by a multiple of 2^21, but by more than 0.  */
static size_t
count_alike(char **a, char **b, size_t n)
{
	enum { PLACES = 1 << 20 };
	char **place = p_calloc(PLACES, sizeof *place);
	size_t alike = 0;

	for (size_t i = 0; i < n; i++)
		place[((uintptr_t)a[i] >> 14) % PLACES] = a[i];
	for (size_t i = 0; i < n; i++) {
		const char *p = place[((uintptr_t)b[i] >> 14) % PLACES];
		uintptr_t pages = ((uintptr_t)p >> 14) - ((uintptr_t)b[i] >> 14);

		alike += p != NULL && pages != 0 &&
		    (pages & (((uintptr_t)1 << 21) - 1)) == 0;
	}
	p_free(place);
	return alike;
}

/* Blocks 32 GiB apart, which share hints (src/pagemap.h): the first ones of a new
 * arena, which lies behind a gap of 31 GiB, and what was before.  */
static void
test_far(void)
{
	enum { MANY = 60000, SIZE = 400, MOST = 4096 };
	static char *near[MANY], *far[MANY], *between[MOST];
	size_t gap_size = (size_t)31 << 30;
	size_t n = 0, alike;
	char *gap;

	for (size_t i = 0; i < MANY; i++)
		near[i] = p_malloc(SIZE);
	gap = mmap(NULL, gap_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
	    MAP_NORESERVE, -1, 0);
	if (gap == MAP_FAILED) {
		printf("interface_test: no address space, nothing far\n");
		gap_size = 0;
	}
	while (gap_size > 0 && n < MOST && (n == 0 || between[n - 1] > gap))
		between[n++] = p_malloc(PLAIN_MIB - 4000);
	if (n > 0)
		p_free(between[--n]);
	for (size_t i = 0; i < MANY; i++)
		far[i] = p_malloc(SIZE);
	alike = count_alike(near, far, MANY);
	printf("interface_test: %zu of %d blocks are far from another\n", alike,
	    MANY);
	for (size_t i = 0; i < MANY; i++) {
		plain_fill(near[i], SIZE, i);
		plain_fill(far[i], SIZE, ~i);
	}
	for (size_t i = 0; i < MANY; i += 2) {
		CHECK_AT(plain_verify(near[i], SIZE, i) == SIZE, i);
		CHECK_AT(plain_verify(far[i], SIZE, ~i) == SIZE, i);
		p_free(near[i]);
		far[i] = p_realloc(far[i], 2 * SIZE);
		plain_fill(far[i], 2 * SIZE, ~i);
	}
	for (size_t i = 0; i < MANY; i++) {
		size_t far_size = i % 2 == 0 ? 2 * SIZE : SIZE;

		if (i % 2 != 0) {
			CHECK_AT(plain_verify(near[i], SIZE, i) == SIZE, i);
			p_free(near[i]);
		}
		CHECK_AT(plain_verify(far[i], far_size, ~i) == far_size, i);
		p_free(far[i]);
	}
	while (n > 0)
		p_free(between[--n]);
	if (gap_size > 0)
		munmap(gap, gap_size);
}
#endif

int
main(int argc, char **argv)
{
	standard = argc > 1 && strcmp(argv[1], "standard") == 0;
	test_malloc_zero();
	test_calloc();
	test_calloc_untouched();
	test_calloc_overflow();
	test_huge();
	test_realloc_edges();
	test_realloc_to_zero();
	test_realloc_sizes();
	test_realloc_steps();
	test_usable();
	test_free();
#if defined __linux__ && UINTPTR_MAX > 0xffffffffu
	test_far();
#endif
	report("sizes, contents, errors");
	interface_align();
	report("alignment");
	interface_report();
	report("reports and options");
	interface_random();
	report("random operations");
	printf("interface_test: %lu checks, %lu failures\n", checks,
	    failures);
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
