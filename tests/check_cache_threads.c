/* check_cache_threads.c - real threads that hand blocks to each other.
 *
 * Small by default; MEMAIX_STRESS=SECONDS in the environment goes on for so long
 * in each test.  Threads count what they find wrong; nothing in them calls Check.
 *
 * SPDX-License-Identifier: MIT  */

#include <pthread.h>
#include <time.h>

#include "api.h"
#include "check_core.h"
#include "check_pages.h"
#include "pattern.h"
#include "process.h"
#include "stats.h"

#define THREADS 4
#define SLOTS 512
#define ROUNDS property_times(60000)

/* What lies at the front of each block; the rest is its pattern.  */
struct head {
	size_t n;
	uint64_t id;
};

static struct head *slots[SLOTS];       /* atomic */
static size_t bad;                      /* atomic */
static size_t max_size;
static bool stop;                       /* atomic */

struct worker {
	pthread_t thread;
	uint64_t state;
	size_t rounds;
};

static size_t
below(struct worker *w, size_t n)
{
	w->state += 0x9e3779b97f4a7c15u;
	return (size_t)(property_mix(w->state) % n);
}

static struct head *
make_block(struct worker *w)
{
	size_t n = sizeof(struct head) + below(w, (size_t)1 <<
	    below(w, mx_log2(max_size) + 1));
	struct head *h = mx_malloc(n);

	if (h == NULL) {
		mx_add(&bad, 1, RELAXED);
		return NULL;
	}
	h->n = n;
	h->id = w->state;
	pattern_fill(h + 1, n - sizeof *h, h->id);
	return h;
}

static void
end_block(struct head *h)
{
	if (h == NULL)
		return;
	if (!pattern_is(h + 1, h->n - sizeof *h, h->id) ||
	    mx_usable_size(h) < h->n)
		mx_add(&bad, 1, RELAXED);
	mx_free(h);
}

static struct head *
exchange(size_t i, struct head *h)
{
	return mx_swap(&slots[i], h, ACQ_REL);
}

static void
start_threads(struct worker *w, void *(*fn)(void *))
{
	for (int i = 0; i < THREADS; i++) {
		w[i].state = property_next();
		w[i].rounds = ROUNDS;
		ck_assert_int_eq(pthread_create(&w[i].thread, NULL, fn,
		    &w[i]), 0);
	}
}

static void
join_threads(struct worker *w)
{
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(w[i].thread, NULL), 0);
}

/* Once, or for MEMAIX_STRESS seconds.  */
static bool
go_on(void)
{
	static time_t end;
	const char *text = getenv("MEMAIX_STRESS");

	if (end == 0) {
		end = time(NULL) + (text == NULL ? 0 : atoi(text));
		return true;
	}
	return time(NULL) < end;
}

static void
finish(void)
{
	for (size_t i = 0; i < SLOTS; i++)
		end_block(exchange(i, NULL));
	expect_eq(bad, 0);
	mx_cache_flush(mx_cache_self);
	expect_heap_is_empty();
}

static void
setup_threads(void)
{
	setup();
	property_start();
	max_size = 4096;
}

/* The kernel of `options' runs; now the library starts on it.  */
static void
begin(const struct kernel *k)
{
	start_on(k);
	mx_process_start();
	/* Sparse spans are to be found in a small heap, too.  */
	mx_conf.mixed_min = mx_conf.mixed_percent = 0;
}

/* Everyone puts a block somewhere and frees what was there.  */
static void *
exchange_all(void *arg)
{
	struct worker *w = arg;

	for (size_t i = 0; i < w->rounds; i++)
		end_block(exchange(below(w, SLOTS), make_block(w)));
	return NULL;
}

START_TEST(test_exchange)
{
	static const size_t sizes[] = { 16, 256, 4096, 65536 };
	struct worker w[THREADS];

	begin(&kernels[0]);
	max_size = sizes[_i];
	while (go_on()) {
		start_threads(w, exchange_all);
		join_threads(w);
	}
	finish();
}
END_TEST

/* The same on a kernel with other rules.  */
START_TEST(test_exchange_on)
{
	struct worker w[THREADS];

	begin(&kernels[_i]);
	start_threads(w, exchange_all);
	join_threads(w);
	finish();
}
END_TEST

/* Half of the threads only make blocks, the others only free them.  */
static void *
make_only(void *arg)
{
	struct worker *w = arg;
	size_t at;
	struct head *h, *none;

	for (size_t i = 0; i < w->rounds; i++) {
		h = make_block(w);
		at = below(w, SLOTS);
		none = NULL;
		while (!__atomic_compare_exchange_n(&slots[at], &none, h,
		    false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
			none = NULL;
			at = (at + 1) % SLOTS;
		}
	}
	return NULL;
}

static void *
free_only(void *arg)
{
	struct worker *w = arg;

	while (!mx_load(&stop, ACQUIRE))
		end_block(exchange(below(w, SLOTS), NULL));
	return NULL;
}

START_TEST(test_one_way)
{
	struct worker makers[2], takers[2];

	begin(&kernels[0]);
	for (int i = 0; i < 2; i++) {
		makers[i].state = property_next();
		takers[i].state = property_next();
		makers[i].rounds = ROUNDS;
		ck_assert_int_eq(pthread_create(&takers[i].thread, NULL,
		    free_only, &takers[i]), 0);
		ck_assert_int_eq(pthread_create(&makers[i].thread, NULL,
		    make_only, &makers[i]), 0);
	}
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_join(makers[i].thread, NULL), 0);
	mx_store(&stop, true, RELEASE);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_join(takers[i].thread, NULL), 0);
	finish();
}
END_TEST

/* Threads come and go, and leave their blocks to others.  */
static void *
short_life(void *arg)
{
	struct worker *w = arg;

	for (size_t i = 0; i < 200; i++)
		end_block(exchange(below(w, SLOTS), make_block(w)));
	return NULL;
}

START_TEST(test_churn)
{
	struct worker w[THREADS];
	struct mx_cache *cache;
	size_t n = 0;

	begin(&kernels[0]);
	do {
		for (int i = 0; i < property_times(100); i++) {
			start_threads(w, short_life);
			join_threads(w);
		}
	} while (go_on());
	/* Their caches were used again and again.  One is the main thread's, one
	 * is shared.  */
	for (cache = mx_cache_list; cache != NULL; cache = cache->next)
		n++;
	ck_assert_uint_le(n, THREADS + 2);
	finish();
}
END_TEST

/* Large blocks: one lock for all, and pages go back all the time.  */
START_TEST(test_large)
{
	struct worker w[THREADS];

	begin(&kernels[0]);
	max_size = MX_MIB;
	mx_conf.dirty_min = MX_MIB;
	mx_conf.dirty_percent = 0;
	while (go_on()) {
		for (int i = 0; i < THREADS; i++) {
			w[i].state = property_next();
			w[i].rounds = ROUNDS / 20;
			ck_assert_int_eq(pthread_create(&w[i].thread, NULL,
			    exchange_all, &w[i]), 0);
		}
		join_threads(w);
	}
	finish();
}
END_TEST

/* Someone looks at it all meanwhile.  */
START_TEST(test_watched)
{
	struct memaix_stats st;
	struct worker w[THREADS];
	size_t looks = 0;

	begin(&kernels[0]);
	start_threads(w, exchange_all);
	for (int i = 0; i < property_times(200); i++) {
		mx_stats_read(&st);
		looks += st.ready >= st.metadata;
		(void)mx_trim();
	}
	join_threads(w);
	ck_assert_uint_eq(looks, property_times(200));
	finish();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("cache_threads");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, setup_threads, NULL);
	tcase_set_timeout(tc, 3600);
	suite_add_tcase(s, tc);
	tcase_add_loop_test(tc, test_exchange, 0, 4);
	tcase_add_loop_test(tc, test_exchange_on, 1, N_KERNELS);
	tcase_add_test(tc, test_one_way);
	tcase_add_test(tc, test_churn);
	tcase_add_test(tc, test_large);
	tcase_add_test(tc, test_watched);
	return run(s);
}
