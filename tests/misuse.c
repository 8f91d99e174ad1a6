/* misuse.c - programs that misuse malloc, one for each name.
 *
 *   misuse            print the names, each with the message it must end in
 *   misuse NAME       do it; "survived" and 0 if the process comes through, after
 *                     using the heap thoroughly
 *
 * Runs with any malloc.  tests/misuse.sh says which line must come.
 *
 * SPDX-License-Identifier: MIT  */

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>

#include "plain.h"

/* Not on AIX, where the cases that call it are not run.  */
#ifdef _AIX
# define malloc_usable_size(p) ((void)(p), (size_t)0)
#endif

/* A compiler that sees a double free may do what it likes: it sees none. */
static void *volatile hidden;

static void *
hide(void *p)
{
	hidden = p;
	return hidden;
}

static char *
get(size_t n)
{
	return hide(malloc(n));
}

static void
drop(void *p)
{
	free(hide(p));
}

/* FN(ARG) in another thread, which has used malloc before.  */
struct job {
	void (*fn)(void *);
	void *arg;
};

static void *
work(void *arg)
{
	struct job *job = arg;

	free(get(24));
	job->fn(job->arg);
	return NULL;
}

static void
elsewhere(void (*fn)(void *), void *arg)
{
	struct job job = { fn, arg };
	pthread_t t;

	if (pthread_create(&t, NULL, work, &job) != 0 ||
	    pthread_join(t, NULL) != 0)
		exit(99);
}

enum { ROUNDS = 3000 };

static void *kept[2000];

/* Every free block of N bytes that this thread has comes by.  */
static void
take_many(size_t n, size_t count)
{
	for (size_t i = 0; i < count; i++)
		kept[i] = get(n);
}

/* ---- freed twice ---- */

static void
twice(size_t n)
{
	char *p = get(n);

	drop(p);
	drop(p);
}

static void
twice_later(size_t n)
{
	char *a = get(n), *b = get(n), *c = get(n);

	drop(a);
	drop(b);
	drop(a);
	take_many(n, 100);
	(void)c;
}

static void
drop_twice(void *p)
{
	drop(p);
	drop(p);
}

static void
twice_elsewhere(size_t n)
{
	elsewhere(drop_twice, get(n));
}

static size_t there;

static void
drop_and_take(void *p)
{
	drop(p);
	take_many(there, 5);
}

/* Here, then there; the other thread gets it, and here it is on the list.  */
static void
here_and_there(size_t n)
{
	char *p = get(n);

	there = n;
	drop(p);
	elsewhere(drop_and_take, p);
	take_many(n, 100);
}

/* Freed twice by a thread that owns neither: both are on their way home when the
 * owner looks.  */
static void
drop_in_turn(void *p)
{
	void **two = p;

	drop(two[0]);
	drop(two[1]);
	drop(two[0]);
}

static void
twice_on_the_way(size_t n)
{
	void *two[2] = { get(n), get(n) };

	elsewhere(drop_in_turn, two);
	take_many(n, 100);
}

static void
drop_kept(void *arg)
{
	size_t n = *(size_t *)arg;

	for (size_t i = 0; i < n; i++)
		drop(kept[i]);
}

/* Another thread frees blocks of this one, which writes to all of them but the last
 * FEWER while they are on their way home.  */
static void
write_on_the_way(size_t n, size_t fewer)
{
	size_t many = 12;

	take_many(n, many);
	elsewhere(drop_kept, &many);
	for (size_t i = 0; i < many - fewer; i++)
		memset((char *)kept[i] + 8, 0, 8);
	take_many(n, 2000);
}

static void
written_on_the_way(size_t n)
{
	write_on_the_way(n, 0);
}

/* The first one of a chain is what was freed last.  */
static void
written_behind_the_first(size_t n)
{
	write_on_the_way(n, 1);
}

/* The thread ends before malloc comes to them: two of its own, two of others'.  */
static void
drop_own_in_turn(void *p)
{
	void *two[2] = { get(there), get(there) };

	(void)p;
	drop_in_turn(two);
}

/* It had too much for its cache to stay as it is.  */
static void
drop_own_of_many(void *p)
{
	for (size_t n = 512; n <= 2048; n *= 2)
		take_many(n, 400);
	drop_own_in_turn(p);
}

static void
twice_before_the_end(size_t n)
{
	there = n;
	elsewhere(drop_own_of_many, NULL);
}

static void
take_there(void *p)
{
	(void)p;
	take_many(there, 5);
}

/* It had little, and the next thread gets that.  */
static void
twice_for_the_next(size_t n)
{
	there = n;
	elsewhere(drop_own_in_turn, NULL);
	elsewhere(take_there, NULL);
}

static void
take_and_drop_in_turn(void *p)
{
	(void)get(there);
	drop_in_turn(p);
}

static void
twice_elsewhere_before_the_end(size_t n)
{
	void *two[2] = { get(n), get(n) };

	there = n;
	elsewhere(take_and_drop_in_turn, two);
}

/* All of a span's blocks are freed, one of them twice: the span must not go
 * while the one that was never freed is in use.  */
static void
twice_in_place_of_another(size_t n)
{
	size_t count = 2 * 65536 / n;

	take_many(n, count);
	for (size_t i = 0; i < count; i++)
		drop(kept[i == count / 4 ? i - 2 : i]);
	take_many(n, count);
}

/* By two threads at the same time: one of them is wrong, whichever comes first.  */
static int round_, done;

static void *
drop_beside(void *arg)
{
	void **p = arg;

	for (int i = 1; i <= ROUNDS; i++) {
		while (__atomic_load_n(&round_, __ATOMIC_ACQUIRE) != i)
			continue;
		free(*p);
		__atomic_store_n(&done, i, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void
twice_at_once(size_t n)
{
	static void *p;
	pthread_t t;

	if (pthread_create(&t, NULL, drop_beside, &p) != 0)
		exit(99);
	for (int i = 1; i <= ROUNDS; i++) {
		void *q = p = get(n);
		char *a, *b;

		__atomic_store_n(&round_, i, __ATOMIC_RELEASE);
		for (volatile int wait = i % 200; wait > 0; wait--)
			continue;
		free(q);
		while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) != i)
			continue;
		a = get(n);
		b = get(n);
		if (a == b)
			exit(94);
		drop(a);
		drop(b);
	}
	pthread_join(t, NULL);
}

/* ---- not the start of a block ---- */

static void
inside(size_t n)
{
	drop(get(n) + n / 2 / 16 * 16);
}

/* The last one of a span, too, behind which a guard may lie.  */
static void
inside_many(size_t n)
{
	for (int i = 0; i < 64; i++)
		inside(n);
}

static void
inside_by_8(size_t n)
{
	drop(get(n) + 8);
}

static void
inside_elsewhere(size_t n)
{
	elsewhere(drop, get(n) + 16);
}

static void
far_inside(size_t n)
{
	drop(get(n) + 70000);
}

static void
realloc_inside(size_t n)
{
	hidden = realloc(hide(get(n) + 16), 2 * n);
}

static void
size_of_inside(size_t n)
{
	if (malloc_usable_size(hide(get(n) + 16)) != 0)
		exit(98);
}

static void
realloc_freed(size_t n)
{
	char *p = get(n);

	drop(p);
	hidden = realloc(hide(p), 2 * n);
}

static void
size_of_freed(size_t n)
{
	char *p = get(n);

	drop(p);
	if (malloc_usable_size(hide(p)) != 0)
		exit(98);
}

/* Behind the last block of a span is room that is no block.  */
static void
realloc_never_given(size_t n)
{
	char *p = get(n), *q;

	while ((q = get(n)) == p + n)
		p = q;
	hidden = realloc(hide(p + n), 2 * n);
}

/* Where a block will be, when more of the span is in use.  N is 8 bytes less than a
 * class, which secure:true adds.  */
static char *
not_yet(size_t n)
{
	return get(n) + (n + 8) * (n < 8192 ? 8192 / (n + 8) : 1);
}

static void
not_yet_given(size_t n)
{
	drop(not_yet(n));
}

static void
not_yet_given_elsewhere(size_t n)
{
	elsewhere(drop, not_yet(n));
}

static void
realloc_not_yet_given(size_t n)
{
	hidden = realloc(hide(not_yet(n)), 2 * n);
}

static void
free_page(size_t n)
{
	char *p = get(n);

	drop(p);
	drop(p + 16384);
}

static void
beyond(size_t n)
{
	drop(get(n) + ((size_t)300 << 20));
}

/* ---- no heap ---- */

static void
stack(size_t n)
{
	_Alignas(16) char here[16];

	memset(here, (int)n, sizeof here);
	drop(here);
}

static void
free_stack(void *arg)
{
	_Alignas(16) char here[16];

	memset(here, arg == NULL, sizeof here);
	drop(here);
}

static void
stack_elsewhere(size_t n)
{
	(void)n;
	elsewhere(free_stack, NULL);
}

static void
realloc_stack(size_t n)
{
	_Alignas(16) char here[16];

	memset(here, 1, sizeof here);
	hidden = realloc(hide(here), n);
}

static _Alignas(16) char in_data[64] = "data";
static _Alignas(16) char in_bss[64];
static const _Alignas(16) char constant[64] = "constant";

static void
data(size_t n)
{
	(void)n;
	drop(in_data);
}

static void
bss(size_t n)
{
	(void)n;
	drop(in_bss);
}

static void
literal(size_t n)
{
	(void)n;
	drop((void *)(uintptr_t)constant);
}

static void
realloc_static(size_t n)
{
	hidden = realloc(hide(in_data), n);
}

static void
misaligned(size_t n)
{
	(void)n;
	drop(in_data + 3);
}

static void
unmapped(size_t n)
{
	(void)n;
	drop((void *)0x10000);
}

static void
wild(size_t n)
{
	(void)n;
	drop((void *)0x5a5a5a5a5a5a5a50);
}

/* ---- written to when it was free ---- */

static void
write_freed(size_t n)
{
	char *p = get(n);

	drop(p);
	((char *)hide(p))[1] ^= 1;
	take_many(n, 100);
	/* With secure:true it rests until a lot is drawn. */
	for (int i = 0; i < 5000; i++)
		drop(get(n));
}

static void
overrun(size_t n)
{
	char *a, *b;
	size_t k = 2;

	take_many(n, 8);
	while (k < 7 && (char *)kept[k] < (char *)kept[k - 1])
		k++;
	a = kept[k - 1];
	b = kept[k];
	drop(b);
	for (size_t i = 0; i < n + 16; i++)
		((char *volatile)hide(a))[i] = 'A';
	take_many(n, 100);
}

/* One byte, which is all that most of them write.  */
static void
past_end(size_t n)
{
	char *p = get(n);

	((char *volatile)p)[n] ^= 1;
	drop(p);
}

/* In other pages of the system than the block.  */
static void
far_past_end(size_t n)
{
	char *p = get(n);

	((char *volatile)p)[n + 12000] ^= 1;
	drop(p);
}

static void
realloc_past_end(size_t n)
{
	char *p = get(n);

	((char *volatile)p)[n] ^= 1;
	hidden = realloc(hide(p), 2 * n);
}

/* ---- freed with another size ---- */

static void
sized(void *p, size_t n)
{
	void (*fn)(void *, size_t);

	*(void **)&fn = dlsym(RTLD_DEFAULT, "free_sized");
	if (fn == NULL)
		exit(97);
	fn(hide(p), n);
}

static void
aligned_sized(void *p, size_t align, size_t n)
{
	void (*fn)(void *, size_t, size_t);

	*(void **)&fn = dlsym(RTLD_DEFAULT, "free_aligned_sized");
	if (fn == NULL)
		exit(97);
	fn(hide(p), align, n);
}

static void
delete_sized(void *p, size_t n)
{
	void (*fn)(void *, size_t);

	*(void **)&fn = dlsym(RTLD_DEFAULT, "_ZdlPvm");
	if (fn == NULL)
		exit(97);
	fn(hide(p), n);
}

static void
too_large(size_t n)
{
	sized(get(n), n * 2 + 16);
}

static void
too_small(size_t n)
{
	sized(get(n), n / 4);
}

static void
delete_too_small(size_t n)
{
	delete_sized(get(n), n / 4);
}

static void
delete_too_large(size_t n)
{
	delete_sized(get(n), n * 4);
}

static void
aligned_too_large(size_t n)
{
	aligned_sized(hide(aligned_alloc(64, n)), 64, n * 3);
}

/* What is allowed must pass.  */
static void
right_sizes(size_t n)
{
	sized(get(n), n);
	sized(get(0), 0);
	sized(hide(calloc(n, 3)), 3 * n);
	sized(hide(realloc(get(n), n / 2 + 1)), n / 2 + 1);
	sized(hide(realloc(get(2 * n), n)), n);
	sized(NULL, 7);
	aligned_sized(hide(aligned_alloc(64, n)), 64, n);
	aligned_sized(hide(aligned_alloc(4096, n)), 4096, n);
	aligned_sized(hide(aligned_alloc(65536, n)), 65536, n);
	delete_sized(get(n), n);
}

/* ---- the table ---- */

static const struct {
	const char *name;
	void (*fn)(size_t);
	size_t n;
	const char *message;    /* "-": none may come, "?": may be missed */
	const char *secure;     /* the same with secure:true */
	const char *call;
} cases[] = {
#define CASE(fn, n, message, secure, call) \
	{ #fn "-" #n, fn, n, message, secure, call }
	CASE(twice, 24, "M001", "M001", "free"),
	CASE(twice, 1000, "M001", "M001", "free"),
	CASE(twice, 20000, "M001", "M001", "free"),
	CASE(twice, 100000, "M003", "M001", "free"),
	CASE(twice, 5000000, "M003", "M003", "free"),
	CASE(twice_later, 24, "M005", "M001", "malloc"),
	CASE(twice_later, 1000, "M005", "M001", "malloc"),
	CASE(twice_later, 20000, "M005", "M001", "malloc"),
	CASE(twice_later, 100000, "M003", "M001", "free"),
	CASE(twice_elsewhere, 24, "M001", "M001", "free"),
	CASE(twice_elsewhere, 1000, "M001", "M001", "free"),
	CASE(twice_elsewhere, 20000, "M001", "M001", "free"),
	CASE(twice_elsewhere, 100000, "M003", "M001", "free"),
	CASE(here_and_there, 24, "M005", "M001", "malloc"),
	CASE(here_and_there, 1000, "M005", "M001", "malloc"),
	CASE(twice_on_the_way, 24, "M005", "M001", "free"),
	CASE(twice_on_the_way, 100, "M005", "M001", "free"),
	CASE(twice_on_the_way, 1000, "M005", "M001", "free"),
	CASE(twice_on_the_way, 20000, "M005", "M001", "malloc"),
	CASE(written_on_the_way, 100, "M005", "M005", "malloc"),
	CASE(written_behind_the_first, 100, "M005", "M005", "malloc"),
	CASE(twice_before_the_end, 24, "M005", "M001", "free"),
	CASE(twice_before_the_end, 1000, "M005", "M001", "free"),
	CASE(twice_for_the_next, 24, "M005", "M001", "malloc"),
	CASE(twice_for_the_next, 1000, "M005", "M001", "malloc"),
	CASE(twice_elsewhere_before_the_end, 24, "M005", "M001", "free"),
	CASE(twice_elsewhere_before_the_end, 1000, "M005", "M001", "free"),
	CASE(twice_in_place_of_another, 1024, "M005", "M001", "malloc"),
	CASE(twice_at_once, 100000, "M003", "M001", "free"),
	CASE(twice_at_once, 1300000, "?", "?", "free"),  /* closed while it rests */
	CASE(inside, 100, "M002", "M002", "free"),
	CASE(inside, 1000, "M002", "M002", "free"),
	CASE(inside, 20000, "M002", "M002", "free"),
	CASE(inside_many, 20000, "M002", "M002", "free"),
	CASE(inside, 40000, "M002", "M002", "free"),
	CASE(inside, 5000000, "M002", "M002", "free"),
	CASE(inside_by_8, 24, "M002", "M002", "free"),
	CASE(inside_by_8, 100000, "M002", "M002", "free"),
	CASE(inside_elsewhere, 100, "M002", "M002", "free"),
	CASE(inside_elsewhere, 1000, "M002", "M002", "free"),
	CASE(far_inside, 100000, "M002", "M002", "free"),
	CASE(realloc_inside, 100, "M002", "M002", "realloc"),
	CASE(realloc_inside, 100000, "M002", "M002", "realloc"),
	CASE(size_of_inside, 100, "M002", "M002", "malloc_usable_size"),
	CASE(realloc_freed, 100, "M001", "M001", "realloc"),
	CASE(realloc_freed, 100000, "M003", "M001", "realloc"),
	CASE(size_of_freed, 100, "M001", "M001", "malloc_usable_size"),
	CASE(realloc_never_given, 48, "M004", "M002", "realloc"),
	CASE(not_yet_given, 24, "M004", "M004", "free"),
	CASE(not_yet_given, 1016, "M004", "M004", "free"),
	CASE(not_yet_given, 20472, "M004", "?", "free"),
	CASE(not_yet_given_elsewhere, 24, "M004", "M004", "free"),
	CASE(not_yet_given_elsewhere, 1016, "M004", "M004", "free"),
	CASE(realloc_not_yet_given, 24, "M004", "M004", "realloc"),
	CASE(realloc_not_yet_given, 1016, "M004", "M004", "realloc"),
	CASE(free_page, 100000, "M003", "M002", "free"),
	CASE(beyond, 100, "M003", "M003", "free"),
	CASE(stack, 16, "M008", "M008", "free"),
	CASE(stack_elsewhere, 16, "M008", "M008", "free"),
	CASE(realloc_stack, 16, "M008", "M008", "realloc"),
	CASE(data, 0, "M009", "M009", "free"),
	CASE(bss, 0, "M009", "M009", "free"),
	CASE(literal, 0, "M009", "M009", "free"),
	CASE(realloc_static, 100, "M009", "M009", "realloc"),
	CASE(misaligned, 0, "M007", "M007", "free"),
	CASE(unmapped, 0, "M010", "M010", "free"),
	CASE(wild, 0, "M010", "M010", "free"),
	CASE(write_freed, 24, "M005", "M013", "malloc"),
	CASE(write_freed, 1000, "M005", "M013", "malloc"),
	CASE(overrun, 24, "M005", "?", "malloc"),
	CASE(overrun, 1024, "M005", "?", "malloc"),
	CASE(past_end, 1, "?", "M012", "free"),
	CASE(past_end, 24, "?", "M012", "free"),
	CASE(past_end, 100, "?", "M012", "free"),
	CASE(past_end, 1024, "?", "M012", "free"),
	CASE(past_end, 20000, "?", "M012", "free"),
	CASE(past_end, 100000, "?", "M012", "free"),
	CASE(past_end, 5000000, "?", "M012", "free"),
	CASE(far_past_end, 100000, "?", "M012", "free"),
	CASE(far_past_end, 2000000, "?", "M012", "free"),
	CASE(realloc_past_end, 100, "?", "M012", "realloc"),
	CASE(too_large, 100, "M006", "M006", "free_sized"),
	CASE(too_large, 100000, "M006", "M006", "free_sized"),
	CASE(too_small, 1000, "M006", "M006", "free_sized"),
	CASE(too_small, 100000, "M006", "M006", "free_sized"),
	CASE(delete_too_small, 100, "M006", "M006", "operator delete"),
	CASE(delete_too_large, 100, "M006", "M006", "operator delete"),
	CASE(aligned_too_large, 1024, "M006", "M006", "free_aligned_sized"),
	CASE(right_sizes, 16, "-", "-", "-"),
	CASE(right_sizes, 100, "-", "-", "-"),
	CASE(right_sizes, 20000, "-", "-", "-"),
	CASE(right_sizes, 100000, "-", "-", "-"),
};

enum { N_CASES = sizeof cases / sizeof cases[0], BLOCKS = 4000 };

/* No two blocks overlap, whatever happened before.  */
static void
use_heap(void)
{
	static unsigned char *p[BLOCKS];
	static size_t size[BLOCKS];

	for (unsigned round = 0; round < 3 * BLOCKS; round++) {
		unsigned i = round * 2654435761u % BLOCKS;

		for (size_t k = 0; k < size[i]; k++)
			if (p[i][k] != (unsigned char)i)
				exit(96);
		free(p[i]);
		size[i] = round % 7 == 0 ? round % 3000 : round % 200;
		p[i] = malloc(size[i]);
		if (p[i] == NULL)
			exit(95);
		memset(p[i], (int)i, size[i]);
	}
}

int
main(int argc, char **argv)
{
	if (argc < 2) {
		for (size_t i = 0; i < N_CASES; i++)
			printf("%s|%s|%s|%s\n", cases[i].name,
			    cases[i].message, cases[i].secure, cases[i].call);
		return 0;
	}
	for (size_t i = 0; i < N_CASES; i++) {
		if (strcmp(cases[i].name, argv[1]) == 0) {
			cases[i].fn(cases[i].n);
			use_heap();
			puts("survived");
			return 0;
		}
	}
	fprintf(stderr, "misuse: no case %s\n", argv[1]);
	return 99;
}
