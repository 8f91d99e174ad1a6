/* check_process.c - unit tests of birth, fork and death.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>
#include <fcntl.h>
#include <memaix.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

#include "api.h"
#include "check_core.h"
#include "check_pages.h"
#include "check_text.h"
#include "process.h"

/* Only the kernel is new: the library starts itself.  */
static void
setup_process(void)
{
	memset(&options, 0, sizeof options);
	fake_os_reset(&options);
}

static size_t
count_caches(void)
{
	size_t n = 0;

	for (struct mx_cache *c = mx_cache_list; c != &mx_cache_shared; c = c->next)
		n++;
	return n;
}

static void
set_options(const char *value)
{
	ck_assert_int_eq(setenv("MEMAIX_OPTIONS", value, 1), 0);
}

/* Birth.  */

START_TEST(test_init)
{
	set_options("decay_ms:77");
	mx_process_init();
	ck_assert_uint_eq(mx_sys_facts.page, sysPageSizeOS());
	ck_assert_uint_eq(mx_conf.decay_ms, 77);
	/* Once and for all.  */
	set_options("decay_ms:88");
	mx_process_init();
	ck_assert_uint_eq(mx_conf.decay_ms, 77);
	ck_assert_uint_eq(fake_os_calls(FAKE_ANY), 0);
}
END_TEST

START_TEST(test_init_secure)
{
	options.secure = true;
	fake_os_reset(&options);
	set_options("decay_ms:77");
	mx_process_init();
	ck_assert_uint_eq(mx_conf.decay_ms, 1000);
}
END_TEST

START_TEST(test_own_cache)
{
	struct mx_cache *cache;

	ck_assert_ptr_eq(mx_cache_self, &mx_cache_empty);
	cache = mx_process_cache();
	ck_assert_ptr_eq(mx_cache_self, cache);
	ck_assert_ptr_eq(mx_cache_list, cache);
	mx_process_done(cache);
	ck_assert_ptr_eq(mx_process_cache(), cache);
	ck_assert_uint_eq(count_caches(), 1);
	/* The first thread is not watched.  */
	mx_process_start();
	ck_assert_ptr_eq(mx_process_cache(), cache);
	ck_assert_uint_eq(fake_os_calls(FAKE_THREAD_EXIT), 0);
}
END_TEST

START_TEST(test_start_is_silent)
{
	set_options("stats:true");
	text_divert();
	mx_process_start();
	text_restore();
	ck_assert_str_eq(text, "");
	ck_assert_uint_eq(count_caches(), 1);
}
END_TEST

START_TEST(test_start_says)
{
	char line[100];

	set_options("help,verbose");
	text_divert();
	mx_process_start();
	text_restore();
	snprintf(line, sizeof line,
	    "memaix: active in process %d, memaix " MEMAIX_VERSION "\n",
	    (int)getpid());
	text_has(line);
	text_has("memaix: options, set by MEMAIX_OPTIONS=");
}
END_TEST

/* No memory for a cache: one is borrowed, and given back for the next.  */
START_TEST(test_huge)
{
	options.huge = _i & 1 ? 2 * MX_MIB : 0;
	fake_os_reset(&options);
	set_options(_i & 2 ? "huge:true" : _i & 4 ? "huge:auto" : "");
	text_divert();
	mx_process_start();
	text_restore();
	ck_assert_uint_eq(text_lines(), (_i & 3) == 2 ? 1 : 0);
	if ((_i & 3) == 2)
		text_has("memaix: huge: this system has no huge pages, or has "
		    "them switched off; going on without\n");
	ck_assert(mx_sys_huge_is_supported() == ((_i & 1) != 0));
}
END_TEST

START_TEST(test_no_cache)
{
	struct mx_cache *cache;
	void *p;

	fake_os_refuse(FAKE_ALLOC, 1, true);
	for (int i = 0; i < 3; i++) {
		cache = mx_process_cache();
		ck_assert_ptr_nonnull(cache);
		ck_assert_ptr_eq(mx_cache_self, &mx_cache_empty);
		mx_process_done(cache);
	}
	ck_assert_ptr_null(mx_malloc(100));
	ck_assert_int_eq(errno, ENOMEM);
	fake_os_refuse_nothing();
	p = mx_malloc(100);
	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_ne(mx_cache_self, &mx_cache_empty);
	mx_free(p);
}
END_TEST

/* free keeps errno, even where it is a thread's first call and there is no memory
 * for a cache.  */
START_TEST(test_free_without_cache)
{
	void *p = mx_malloc(100);

	mx_cache_self = &mx_cache_empty;
	mx_cache_own = NULL;
	fake_os_refuse(FAKE_ALLOC, 1, true);
	while (mx_cache_new() != NULL)
		continue;
	errno = 1234;
	mx_free(p);
	ck_assert_int_eq(errno, 1234);
	ck_assert_ptr_eq(mx_cache_self, &mx_cache_empty);
}
END_TEST

/* Threads.  */

static void *
use(void *arg)
{
	struct mx_cache **mine = arg;
	void *p = mx_malloc(100);

	*mine = mx_cache_self;
	mx_free(p);
	return p;
}

static struct mx_cache *
run_thread(void)
{
	struct mx_cache *cache = NULL;
	pthread_t t;
	void *p;

	ck_assert_int_eq(pthread_create(&t, NULL, use, &cache), 0);
	ck_assert_int_eq(pthread_join(t, &p), 0);
	ck_assert_ptr_nonnull(p);
	return cache;
}

START_TEST(test_threads_reuse)
{
	struct mx_cache *cache;

	mx_process_start();
	cache = run_thread();
	ck_assert_ptr_ne(cache, mx_cache_self);
	ck_assert(!cache->live);
	for (int i = 0; i < 20; i++)
		ck_assert_ptr_eq(run_thread(), cache);
	ck_assert_uint_eq(count_caches(), 2);
	mx_cache_flush(mx_cache_self);
	expect_heap_is_empty();
}
END_TEST

/* A thread whose end can't be watched works; its cache is lost.  */
START_TEST(test_unwatched)
{
	struct mx_cache *cache;

	mx_process_start();
	fake_os_refuse(FAKE_THREAD_EXIT, 1, true);
	cache = run_thread();
	ck_assert(cache->live);
	ck_assert_ptr_ne(run_thread(), cache);
	ck_assert_uint_eq(count_caches(), 3);
}
END_TEST

/* Before the program's start, as in a library's constructor.  */
START_TEST(test_early_thread)
{
	struct mx_cache *cache;

	mx_free(mx_malloc(100));
	ck_assert_uint_eq(fake_os_forks(), 1);
	cache = run_thread();
	ck_assert(!cache->live);
	ck_assert_ptr_eq(run_thread(), cache);
	mx_process_start();
	ck_assert_uint_eq(fake_os_forks(), 1);
}
END_TEST

/* What a thread still does after its end has begun.  */
static void *
outlive(void *arg)
{
	size_t *bad = arg;
	void *before = mx_malloc(100);
	void *p[50];

	fake_os_thread_exit();
	*bad += mx_cache_self != &mx_cache_empty;
	mx_free(before);
	for (size_t i = 0; i < 50; i++) {
		p[i] = mx_malloc(i * 100);
		*bad += p[i] == NULL;
		memset(p[i], 7, i * 100);
	}
	for (size_t i = 0; i < 50; i++)
		mx_free(p[i]);
	*bad += mx_cache_self != &mx_cache_empty;
	p[0] = mx_calloc(1, 100);
	p[0] = mx_realloc(p[0], 1000);
	*bad += p[0] == NULL || *(char *)p[0] != 0;
	mx_free(p[0]);
	return NULL;
}

START_TEST(test_after_the_end)
{
	size_t bad = 0;
	pthread_t t;

	mx_process_start();
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(pthread_create(&t, NULL, outlive, &bad), 0);
		ck_assert_int_eq(pthread_join(t, NULL), 0);
	}
	ck_assert_uint_eq(bad, 0);
	ck_assert_uint_eq(count_caches(), 2);
	/* What the borrowed cache kept serves the next borrower: it is not
	 * more for three than for one.  */
	ck_assert_uint_le(mx_heap_account.used, 50 * 6);
	expect_heap();
}
END_TEST

/* Death.  */

START_TEST(test_exit_is_silent)
{
	text_divert();
	mx_process_exit();
	mx_process_start();
	mx_process_exit();
	text_restore();
	ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(test_exit_prints)
{
	set_options("stats,stats_json");
	text_divert();
	mx_process_start();
	mx_free(mx_malloc(1));
	/* Standard error may be closed by then.  */
	if (_i)
		close(STDERR_FILENO);
	mx_process_exit();
	text_restore();
	text_has("memaix: statistics of process ");
	text_has("{\"memaix\":\"" MEMAIX_VERSION "\"");
}
END_TEST

START_TEST(test_exit_file)
{
	char path[] = "/tmp/memaix.XXXXXX";
	char value[100], want[100];
	int fd = mkstemp(path);
	FILE *f;

	ck_assert_int_ge(fd, 0);
	close(fd);
	unlink(path);
	snprintf(value, sizeof value, "stats_json,stats_file:%s.%%p.json",
	    path);
	snprintf(want, sizeof want, "%s.%d.json", path, (int)getpid());
	set_options(value);
	text_divert();
	mx_process_start();
	mx_process_exit();
	text_restore();
	ck_assert_str_eq(text, "");
	f = fopen(want, "r");
	ck_assert_ptr_nonnull(f);
	text_used = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	unlink(want);
	text_has("{\"memaix\":\"" MEMAIX_VERSION "\"");
}
END_TEST

START_TEST(test_exit_no_file)
{
	set_options("stats,stats_file:/nowhere/at/all");
	text_divert();
	mx_process_start();
	mx_process_exit();
	text_restore();
	text_has("memaix: stats_file: /nowhere/at/all cannot be opened "
	    "(errno 2); using standard error\n");
	text_has("memaix: statistics of process ");
}
END_TEST

/* Fork.  */

/* 0 if the child can do everything.  */
static int
try_all(void)
{
	void *p[100];

	for (size_t i = 0; i < 100; i++) {
		p[i] = mx_malloc(i * 1000);
		if (p[i] == NULL)
			return 1;
		memset(p[i], 7, i * 1000);
	}
	for (size_t i = 0; i < 100; i++)
		mx_free(p[i]);
	(void)mx_trim();
	return 0;
}

/* What the child does; its exit status.  */
static int
be_child(void)
{
	/* Check's own handler would end the test without a word.  */
	signal(SIGALRM, SIG_DFL);
	alarm(60);
	if (try_all() != 0)
		return 1;
#ifndef MX_TSAN
	/* The thread sanitizer can't follow threads of a child.  */
	struct mx_cache *cache = NULL;
	pthread_t t;

	if (pthread_create(&t, NULL, use, &cache) != 0 ||
	    pthread_join(t, NULL) != 0 || cache == NULL)
		return 2;
#endif
	return 0;
}

static void
fork_once(void)
{
	int status;
	pid_t pid;

	mx_process_fork_prepare();
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		mx_process_fork_child();
		_exit(be_child());
	}
	mx_process_fork_parent();
	ck_assert_int_eq(try_all(), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "status %x", (unsigned)status);
}

START_TEST(test_fork)
{
	void *p;

	mx_process_start();
	p = mx_malloc(100);
	memset(p, 7, 100);
	for (int i = 0; i < 3; i++)
		fork_once();
	ck_assert_int_eq(((char *)p)[99], 7);
	mx_free(p);
	mx_cache_flush(mx_cache_self);
	expect_heap_is_empty();
}
END_TEST

static bool stop;       /* atomic */
static size_t begun;    /* atomic */

/* Takes every lock there is, all the time.  */
static void *
be_busy(void *arg)
{
	size_t *failed = arg;

	mx_add(&begun, 1, RELAXED);
	while (!mx_load(&stop, RELAXED))
		*failed += (size_t)try_all();
	return NULL;
}

static void *
fork_often(void *arg)
{
	(void)arg;
	for (int i = 0; i < property_times(60); i++)
		fork_once();
	return NULL;
}

/* What is left as long as the program rests goes within decay_ms.  */
START_TEST(test_background)
{
	struct mx_cache *cache;
	struct mx_span *s;
	bool zero = false;

	set_options("background_thread:true,decay_ms:1000");
	mx_process_start();
	cache = mx_process_cache();
	s = mx_heap_take_large(7 * MX_MIB, MX_PAGE, &zero);
	ck_assert_ptr_nonnull(s);
	mx_heap_give(s);
	mx_process_done(cache);
	ck_assert_uint_ge(mx_heap_account.dirty, 7 * MX_MIB / MX_PAGE);
	fake_os_advance(1);
	ck_assert_uint_eq(fake_os_every(), 500);
	ck_assert_uint_eq(mx_heap_account.dirty, 0);
	/* Nothing to do: no calls.  */
	fake_os_refuse(FAKE_ANY, 1, true);
	ck_assert_uint_eq(fake_os_every(), 500);
	ck_assert_uint_eq(fake_os_refused(FAKE_ANY), 0);
}
END_TEST

START_TEST(test_background_refused)
{
	set_options("background_thread:true");
	fake_os_refuse(FAKE_EVERY, 1, true);
	text_divert();
	mx_process_start();
	text_restore();
	text_has("memaix: background_thread: the system refuses a thread; ");
	ck_assert_uint_eq(fake_os_every(), 0);
	/* And in children nobody tries again.  */
	mx_process_fork_prepare();
	mx_process_fork_child();
	ck_assert_uint_eq(fake_os_refused(FAKE_EVERY), 1);
}
END_TEST

/* A fork's child gets a thread of its own, with what may be another clock.  */
START_TEST(test_background_after_fork)
{
	set_options("background_thread:true,decay_ms:3");
	mx_process_start();
	ck_assert_uint_eq(fake_os_calls(FAKE_EVERY), 1);
	mx_process_fork_prepare();
	mx_process_fork_parent();
	ck_assert_uint_eq(fake_os_calls(FAKE_EVERY), 1);
	mx_process_fork_prepare();
	mx_process_fork_child();
	ck_assert_uint_eq(fake_os_calls(FAKE_EVERY), 2);
	ck_assert_uint_eq(fake_os_every(), 10);
}
END_TEST

START_TEST(test_fork_with_threads)
{
	size_t failed[3] = { 0, 0, 0 };
	pthread_t t[3], forker;

	mx_process_start();
	mx_conf.dirty_min = mx_conf.dirty_percent = 0;
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, be_busy,
		    &failed[i]), 0);
	/* A sanitizer's locks of a thread's start are not ready for fork.  */
	while (mx_load(&begun, RELAXED) < 3)
		sched_yield();
	/* By the youngest thread: in another's child qemu 7.2 can make no
	 * threads.  */
	ck_assert_int_eq(pthread_create(&forker, NULL, fork_often, NULL), 0);
	ck_assert_int_eq(pthread_join(forker, NULL), 0);
	mx_store(&stop, true, RELAXED);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_join(t[i], NULL), 0);
	ck_assert_uint_eq(failed[0] + failed[1] + failed[2], 0);
	mx_cache_flush(mx_cache_self);
	expect_heap_is_empty();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("process");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, setup_process, NULL);
	tcase_set_timeout(tc, 300);
	suite_add_tcase(s, tc);
	tcase_add_test(tc, test_init);
	tcase_add_test(tc, test_init_secure);
	tcase_add_test(tc, test_own_cache);
	tcase_add_test(tc, test_start_is_silent);
	tcase_add_test(tc, test_start_says);
	tcase_add_loop_test(tc, test_huge, 0, 8);
	tcase_add_test(tc, test_no_cache);
	tcase_add_test(tc, test_free_without_cache);
	tcase_add_test(tc, test_threads_reuse);
	tcase_add_test(tc, test_unwatched);
	tcase_add_test(tc, test_early_thread);
	tcase_add_test(tc, test_after_the_end);
	tcase_add_test(tc, test_exit_is_silent);
	tcase_add_loop_test(tc, test_exit_prints, 0, 2);
	tcase_add_test(tc, test_exit_file);
	tcase_add_test(tc, test_exit_no_file);
	tcase_add_test(tc, test_fork);
	tcase_add_test(tc, test_background);
	tcase_add_test(tc, test_background_refused);
	tcase_add_test(tc, test_background_after_fork);
	tcase_add_test(tc, test_fork_with_threads);
	return run(s);
}
