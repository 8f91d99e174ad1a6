/* process.c - birth, fork and death.  See process.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "arena.h"
#include "central.h"
#include "conf.h"
#include "fault.h"
#include "guard.h"
#include "heap.h"
#include "lock.h"
#include "meta.h"
#include "mixed.h"
#include "pagemap.h"
#include "secure.h"
#include "stats.h"
#include "sys.h"

static struct mx_lock init_lock = MX_LOCK_INIT;
static bool initialized;
static bool started;            /* a pthread key waits for it */
static bool configured;         /* the environment was there to be read */

/* So often at the most the background thread looks.  */
#define BACKGROUND_MS_MIN 10

/* Held while mx_cache_shared is in use.  */
static struct mx_lock shared_lock = MX_LOCK_INIT;

/* What a program's preinit functions allocate comes before libc has environ.  */
static bool
configure(void)
{
	char text[MX_CONF_PATH_MAX + 1024];
	int set;

	if (mx_conf_init(sysSecureOS()))
		return true;
	set = sysEnvironOS(MX_CONF_VARIABLE "=", text, sizeof text - 1);
	if (set > 0)
		mx_conf_parse(text);
	return set >= 0;
}

void
mx_process_init(void)
{
	bool first;
	int saved;

	if (mx_load(&initialized, ACQUIRE))
		return;
	saved = errno;          /* main begins with 0, whatever is refused here */
	mx_lock(&init_lock);
	first = !initialized;
	if (first) {
		mx_sys_init();
		mx_pagemap_init();
		mx_span_init(sysRandomOS());
		mx_cache_init();
		mx_secure_init(sysRandomOS());
		configured = configure();
		mx_sys_choose_source(mx_conf.brk ? MX_SOURCE_BREAK :
		    mx_conf.huge == MX_CONF_TRUE ? MX_SOURCE_LARGE : MX_SOURCE_MAP);
		mx_store(&initialized, true, RELEASE);
	}
	mx_unlock(&init_lock);
	/* Not as late as mx_process_start: constructors of other libraries run
	 * before that, start threads and fork.  May call malloc.  */
	if (first)
		(void)sysForkOS(mx_process_fork_prepare,
		    mx_process_fork_parent, mx_process_fork_child);
	errno = saved;
}

static void
thread_end(void *arg)
{
	struct mx_cache *cache = arg;

	mx_cache_end_self();
	/* A pthread key's destructor is called again for what it left behind. */
	if (cache == &mx_cache_empty)
		return;
	mx_fault_leave_thread(cache);
	mx_secure_flush(cache);
	mx_cache_delete(cache);
}

/* Taken by a thread that is getting its cache, where a pthread key holds it:
 * pthread_setspecific may call malloc, which then finds no cache yet and must not
 * try to make another.  */
static struct mx_lock attach_lock = MX_LOCK_INIT;

#ifdef MX_THREAD_KEY

static pthread_t attacher;
static bool attaching;

static bool
is_attaching(void)
{
	return mx_load(&attaching, ACQUIRE) &&
	    pthread_equal(attacher, pthread_self());
}

static struct mx_cache *
attach_locked(void)
{
	struct mx_cache *cache;

	if (mx_load(&mx_cache_key, RELAXED) == 0 &&
	    mx_cache_make_key(thread_end) != 0)
		return NULL;
	if (mx_cache_self_ended())
		return NULL;
	cache = mx_cache_new();
	if (cache != NULL && mx_cache_set_self(cache) != 0) {
		mx_cache_delete(cache);
		return NULL;
	}
	return cache;
}

/* Before the program's start no pthread function may be called: NULL, and the
 * shared cache serves.  */
static struct mx_cache *
attach(void)
{
	struct mx_cache *cache;

	mx_process_init();
	if (!mx_load(&started, ACQUIRE) || is_attaching())
		return NULL;
	mx_lock(&attach_lock);
	attacher = pthread_self();
	mx_store(&attaching, true, RELEASE);
	cache = attach_locked();
	mx_store(&attaching, false, RELEASE);
	mx_unlock(&attach_lock);
	return cache;
}

#else

/* What libc takes for the note that a thread's end concerns us.  When it gets no
 * memory for that, it ends the process.  */
#define NOTE_BYTES (32 + (mx_conf.secure ? MX_SECURE_TAIL : 0))

/* A block for that lies ready in CACHE: see to it before asking.  */
static bool
has_note(struct mx_cache *cache)
{
	unsigned c = mx_class_of(NOTE_BYTES);
	struct mx_block *b;

	if (!mx_cache_is_dry(cache, c))
		return true;
	b = mx_cache_refill(cache, c);
	if (b == NULL)
		return false;
	mx_cache_untake(cache, c, b);
	return true;
}

/* CACHE is this thread's; its end is to be noticed.  */
static bool
watch_thread(struct mx_cache *cache)
{
	if (mx_lock_wants_origin())
		mx_lock_set_origin(sysOriginOS());
	if (!has_note(cache))
		return false;
	mx_fault_watch_thread(cache);
	/* May call calloc, which finds the cache in place.  If it fails, the
	 * thread's cache stays behind at its end.  */
	(void)sysThreadExitOS(thread_end, cache);
	return true;
}

/* The thread that comes first is not watched: its end is the end of the process,
 * where tidying would only cost.  Others may come before mx_process_start, from
 * the constructors of libraries.  */
static bool first_came;         /* atomic */

static struct mx_cache *
attach(void)
{
	bool first = !mx_swap(&first_came, true, RELAXED);
	struct mx_cache *cache;

	mx_process_init();
	if (mx_cache_self_ended())
		return NULL;
	cache = mx_cache_new();
	if (cache == NULL)
		return NULL;
	(void)mx_cache_set_self(cache);
	if (!first && !watch_thread(cache)) {
		(void)mx_cache_set_self(NULL);
		mx_fault_leave_thread(cache);
		mx_secure_flush(cache);
		mx_cache_delete(cache);
		return NULL;
	}
	return cache;
}

#endif

struct mx_cache *
mx_process_cache(void)
{
	struct mx_cache *cache = mx_cache_self;

	if (MX_LIKELY(cache != &mx_cache_empty))
		return cache;
	cache = mx_cache_own;
	if (cache != NULL)
		return cache;
	cache = attach();
	if (cache != NULL)
		return cache;
	mx_lock(&shared_lock);
	return &mx_cache_shared;
}

void
mx_process_done(struct mx_cache *cache)
{
	if (cache == &mx_cache_shared)
		mx_unlock(&shared_lock);
}

/* Programs that check their output, such as coreutils, close standard error in
 * an exit handler, before our turn comes; so statistics go to a copy of it.  */
static int stats_fd = STDERR_FILENO;

static void
keep_stderr(void)
{
	int fd;

	if (!mx_conf.stats && !mx_conf.stats_json)
		return;
	fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 100);
	if (fd >= 0)
		stats_fd = fd;
}

/* There was no environment when the first block was handed out.  What decides how
 * blocks look is too late now.  */
static void
configure_late(void)
{
	bool secure = mx_conf.secure;

	configured = mx_conf_init(sysSecureOS());
	if (mx_conf.secure != secure && mx_arena_list != NULL) {
		mx_conf.secure = secure;
		mx_out_message("secure: the program allocated before its "
		    "environment was there; it stays %s",
		    secure ? "on" : "off");
	}
}

/* ---- the background thread ---- */

static bool in_background;
static bool ending;             /* atomic: the figures are being printed */

/* Pages are looked at when they are half as old as they may get, and half that time
 * later at the latest: so none gets older than decay_ms.  */
static void
tidy(void)
{
	if (mx_load(&ending, RELAXED))
		return;
	mx_cache_tidy();
	mx_heap_decay(mx_conf.decay_ms / 2);
}

static void
start_background(void)
{
	int e;

	if (!mx_conf.background_thread)
		return;
	e = sysEveryOS(mx_max(mx_conf.decay_ms / 2, BACKGROUND_MS_MIN), tidy);
	in_background = e == 0;
	if (e != 0)
		mx_out_message("background_thread: %s; free memory goes back "
		    "when the program frees more", e == ENOSYS ?
		    "not on this system" : "the system refuses a thread");
}

/* Who asks for huge pages that the system does not give is told so, once, and
 * nothing asks the kernel for them from here on.  */
static void
check_huge(void)
{
	if (mx_conf.huge != MX_CONF_TRUE || mx_sys_facts.large || mx_sys_huge_is_supported())
		return;
	mx_sys_huge_disable();
	mx_out_message("huge: this system has no huge pages, or has them "
	    "switched off; going on without");
}

void
mx_process_start(void)
{
	struct mx_cache *cache = mx_process_cache();

	if (!configured)
		configure_late();
	mx_fault_start();
	mx_fault_watch_thread(cache);
	/* Behind this, what loads libraries: it calls malloc, and the cache may be the
	 * shared one.  */
	mx_process_done(cache);
	(void)mx_guard_start(sysRandomOS());
	mx_store(&started, true, RELEASE);
	keep_stderr();
	check_huge();
	start_background();
	if (mx_conf.help)
		mx_conf_help(STDERR_FILENO);
	if (mx_conf.verbose)
		mx_out_message("active in process %d, memaix " MEMAIX_VERSION,
		    (int)getpid());
}

/* stats_file with %p replaced by the process's number.  */
static int
open_stats_file(void)
{
	char path[MX_CONF_PATH_MAX + 16];
	const char *from = mx_conf.stats_file;
	const char *mark = strstr(from, "%p");
	size_t n = mark != NULL ? (size_t)(mark - from) : strlen(from);
	char digits[16];
	size_t i = sizeof digits;
	unsigned pid = (unsigned)getpid();

	memcpy(path, from, n);
	if (mark != NULL) {
		for (; pid != 0; pid /= 10)
			digits[--i] = (char)('0' + pid % 10);
		memcpy(path + n, digits + i, sizeof digits - i);
		n += sizeof digits - i;
		memcpy(path + n, mark + 2, strlen(mark + 2));
		n += strlen(mark + 2);
	}
	path[n] = '\0';
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

void
mx_process_exit(void)
{
	struct mx_out o;
	int fd = stats_fd;

	if (!initialized || (!mx_conf.stats && !mx_conf.stats_json))
		return;
	if (in_background) {
		mx_store(&ending, true, RELAXED);
		mx_heap_lock_idle();
		mx_heap_unlock();
	}
	if (mx_conf.stats_file[0] != '\0')
		fd = open_stats_file();
	if (fd < 0) {
		mx_out_message("stats_file: %s cannot be opened (errno %d); "
		    "using standard error", mx_conf.stats_file, errno);
		fd = stats_fd;
	}
	mx_out_init_fd(&o, fd);
	if (mx_conf.stats)
		mx_stats_text(&o);
	if (mx_conf.stats_json)
		mx_stats_json(&o);
	mx_out_done(&o);
	if (fd != stats_fd)
		close(fd);
}

/* How many forks under way come from signal handlers that interrupted this thread
 * in the middle of its work, lock in hand.  Waiting for that would last for ever,
 * so nothing is locked.  The child of such a fork may call async-signal-safe
 * functions only (POSIX), and the parent goes on as if nothing had happened.  */
#ifdef MX_LOCK_WORD
static uint32_t interrupted;
#else
static __thread uint32_t interrupted __attribute__((tls_model("initial-exec")));
#endif

/* Locks are taken in the order in which calls go down.  From here on this thread
 * passes them all: fork handlers of the program that run between ours may call
 * malloc.  */
void
mx_process_fork_prepare(void)
{
	if (mx_lock_is_busy()) {
		interrupted++;
		return;
	}
	mx_lock(&init_lock);
	mx_lock(&attach_lock);
	mx_lock(&shared_lock);
	mx_secure_lock();
	mx_cache_lock();
	mx_central_lock_all();
	mx_mixed_lock_all();
	mx_heap_lock_idle();
	mx_guard_lock();
	mx_meta_lock();
	mx_lock_hold_all(true);
}

void
mx_process_fork_parent(void)
{
	if (interrupted > 0) {
		interrupted--;
		return;
	}
	mx_lock_hold_all(false);
	mx_meta_unlock();
	mx_guard_unlock();
	mx_heap_unlock();
	mx_mixed_unlock_all();
	mx_central_unlock_all();
	mx_cache_unlock();
	mx_secure_unlock();
	mx_unlock(&shared_lock);
	mx_unlock(&attach_lock);
	mx_unlock(&init_lock);
}

/* The only thread of the child holds every lock, but a mutex remembers its
 * holder by a thread id that the child does not have: make them new.  */
void
mx_process_fork_child(void)
{
	mx_meta_lock_init();
	mx_guard_lock_init();
	mx_heap_lock_init();
	mx_mixed_lock_init_all();
	mx_central_lock_init_all();
	mx_cache_lock_init();
	mx_secure_lock_init();
	mx_lock_init(&shared_lock);
	mx_lock_init(&attach_lock);
	mx_lock_init(&init_lock);
	if (interrupted > 0) {
		interrupted--;
		return;
	}
	mx_lock_forked();
	if (in_background)
		start_background();
}
