/* fake_os.c - the contract of sys_os.h kept by a toy kernel.  See fake_os.h.
 *
 * One lock serves all: this is a test, and its allocator is libc's.
 *
 * SPDX-License-Identifier: MIT  */

#include "fake_os.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "fake_pages.h"

#define JUNK            0xdb
#define MOST_EXITS      8

/* What each thread wants done at its end.  */
static __thread struct {
	void (*fn)(void *);
	void *arg;
} exits[MOST_EXITS];
static __thread unsigned n_exits;
static pthread_key_t exit_key;

/* None -> STATE.  */
static void *
appear(enum fake_os_call call, void *hint, size_t n, enum fake_os_state state)
{
	size_t held;
	void *v = NULL;

	fake_enter();
	held = FAKE_OS_AREA - fake.bytes[FAKE_NONE];
	errno = ENOMEM;
	if (fake_is_refused(call)) {
		v = NULL;
	} else if (n == 0 || !mx_is_aligned(n, fake.is.page)) {
		fake_wrong(call, hint, n, "the size is not whole pages");
		errno = EINVAL;
	} else if (held <= fake.is.limit && n <= fake.is.limit - held) {
		v = fake_find(hint, n);
	}
	if (v != NULL)
		fake_become(v, n, state);
	fake_leave();
	return v;
}

void *
sysReserveOS(void *hint, size_t n)
{
	return appear(FAKE_RESERVE, hint, n, FAKE_RESERVED);
}

void *
sysAllocOS(size_t n)
{
	return appear(FAKE_ALLOC, NULL, n, FAKE_READY);
}

/* 0 when the call may go on, else what it answers.  */
static int
begin(enum fake_os_call call, const void *v, size_t n, unsigned from)
{
	if (fake_is_refused(call))
		return ENOMEM;
	return fake_is_legal(call, v, n, from) ? 0 : EINVAL;
}

int
sysMapOS(void *v, size_t n)
{
	int e;

	fake_enter();
	e = begin(FAKE_MAP, v, n, FAKE_BIT(FAKE_RESERVED));
	if (e == 0)
		fake_become(v, n, FAKE_PREPARED);
	else if (fake.is.aix)
		e = ENOMEM;
	fake_leave();
	return e;
}

int
sysUsedOS(void *v, size_t n)
{
	int e;

	fake_enter();
	e = begin(FAKE_USED, v, n, FAKE_BIT(FAKE_PREPARED));
	if (e == 0)
		fake_become(v, n, FAKE_READY);
	fake_leave();
	return e;
}

static bool
round_inward(void **v, size_t *n, size_t page)
{
	uintptr_t from = mx_align_up((uintptr_t)*v, page);
	uintptr_t to = mx_align_down((uintptr_t)*v + *n, page);

	if (to <= from)
		return false;
	*v = (void *)from;
	*n = to - from;
	return true;
}

enum mx_release
sysUnusedOS(void *v, size_t n)
{
	enum mx_release r = MX_RELEASE_KEPT;
	bool no;

	fake_enter();
	no = fake_is_refused(FAKE_UNUSED) ||
	    (fake.is.aix && !fake.is.disclaim);
	if (round_inward(&v, &n, fake.is.page) &&
	    fake_is_legal(FAKE_UNUSED, v, n, FAKE_BIT(FAKE_READY)) && !no) {
		r = fake.is.poison ? MX_RELEASE_LAZY : MX_RELEASE_ZERO;
		if (fake.is.poison)
			memset(v, JUNK, n);
		else
			fake_zero(v, n);
		fake_become(v, n, FAKE_PREPARED);
	}
	fake_leave();
	return r;
}

static enum mx_huge
advise_huge(enum fake_os_call call, void *v, size_t n)
{
	enum mx_huge answer = MX_HUGE_UNSUPPORTED;

	/* The library's own data.  */
	if (call == FAKE_NOHUGE && !fake_is_inside(v, 1))
		return answer;
	fake_enter();
	if (!fake_is_refused(call) && fake.is.huge != 0 &&
	    round_inward(&v, &n, fake.is.huge) &&
	    fake_is_legal(call, v, n, FAKE_OURS)) {
		fake_mark_huge(v, n, call == FAKE_HUGE);
		answer = fake.is.granted ? MX_HUGE_GRANTED : MX_HUGE_HINTED;
	}
	fake_leave();
	return answer;
}

enum mx_huge
sysHugePageOS(void *v, size_t n)
{
	return advise_huge(FAKE_HUGE, v, n);
}

enum mx_huge
sysNoHugePageOS(void *v, size_t n)
{
	return advise_huge(FAKE_NOHUGE, v, n);
}

int
sysFaultOS(void *v, size_t n)
{
	int e;

	fake_enter();
	e = begin(FAKE_FAULT, v, n, FAKE_BIT(FAKE_READY));
	/* What was written stays, as with mprotect.  */
	if (e == 0)
		fake_become(v, n, FAKE_RESERVED);
	fake_leave();
	return e;
}

int
sysFreeOS(void *v, size_t n)
{
	bool no;
	int e = 0;

	fake_enter();
	no = fake_is_refused(FAKE_FREE);
	if (round_inward(&v, &n, fake.is.page)) {
		if (!fake_is_legal(FAKE_FREE, v, n, FAKE_OURS))
			e = EINVAL;
		else if (no)
			e = ENOMEM;
		if (e == 0) {
			fake_zero(v, n);
			fake_become(v, n, FAKE_NONE);
		}
	}
	fake_leave();
	return e;
}

static int
move(char *to, char *from, size_t n)
{
	int e = begin(FAKE_MOVE, to, n, FAKE_BIT(FAKE_READY));

	if (e == ENOMEM && fake.is.move_breaks) {
		fake_zero(to, n);
		fake_become(to, n, FAKE_NONE);
		return EFAULT;
	}
	if (e != 0)
		return e;
	if (!fake_is_legal(FAKE_MOVE, from, n, FAKE_BIT(FAKE_READY)))
		return EINVAL;
	if (to < from + n && from < to + n) {
		fake_wrong(FAKE_MOVE, to, n, "the ranges overlap");
		return EINVAL;
	}
	if (fake.is.aix || fake.is.no_move)
		return ENOSYS;
	memcpy(to, from, n);
	fake_zero(from, n);
	return 0;
}

int
sysMoveOS(void *new_, void *old, size_t n)
{
	int e;

	fake_enter();
	e = move(new_, old, n);
	fake_leave();
	return e;
}

/* The options, after the first reset that must have been.  */
static const struct fake_os_options *
is(void)
{
	fake_enter();
	fake_leave();
	return &fake.is;
}

int
sysSourceOS(enum mx_source source)
{
	return source == MX_SOURCE_MAP ? 0 : ENOSYS;
}

size_t
sysPageSizeOS(void)
{
	return is()->page;
}

size_t
sysHugeSizeOS(void)
{
	return is()->huge;
}

size_t
sysLimitOS(void)
{
	return is()->limit;
}

bool
sysSecureOS(void)
{
	return is()->secure;
}

static void (*grant_asked)(void);

void
fake_os_on_grant(void (*fn)(void))
{
	grant_asked = fn;
}

void
sysGrantOS(struct mx_grant *g)
{
	if (grant_asked != NULL)
		grant_asked();
	*g = is()->grant;
	errno = EINVAL;         /* as where there are too many processors */
}

int
sysEnvironOS(const char *name, char *text, size_t n)
{
	(void)name;
	(void)text;
	(void)n;
	return -1;
}

size_t
sysResidentOS(void *v, size_t n)
{
	size_t resident = SIZE_MAX;

	fake_enter();
	if (!fake_is_refused(FAKE_RESIDENT) &&
	    fake_is_legal(FAKE_RESIDENT, v, n, FAKE_OURS))
		resident = fake_resident(v, n);
	fake_leave();
	return resident;
}

static enum mx_where where;

void
fake_os_where(enum mx_where w)
{
	where = w;
}

void
sysTraceStartOS(void)
{
}

size_t
sysTraceOS(void **pc, size_t n)
{
	if (n > 0)
		pc[0] = __builtin_return_address(0);
	return n > 0;
}

void
sysPlaceOS(const void *pc, struct mx_place *place)
{
	(void)pc;
	*place = (struct mx_place){ .file = NULL };
}

size_t
sysThreadOS(void)
{
	return 1;
}

int
sysCatchFaultsOS(void (*tell)(const struct mx_fault *))
{
	(void)tell;
	return ENOSYS;
}

bool
sysHasFaultStackOS(void)
{
	return true;
}

void
sysSetFaultStackOS(void *v, size_t n)
{
	(void)v;
	(void)n;
}

void
sysDropFaultStackOS(void *v)
{
	(void)v;
}

enum mx_where
sysWhereOS(const void *p)
{
	(void)p;
	return where;
}

/* The same in every run, so that a failure can be seen again.  */
uint64_t
sysRandomOS(void)
{
	return 0x5a17c3e96b2d84f0u;
}

uint64_t
sysClockOS(void)
{
	uint64_t now;

	fake_enter();
	now = fake.clock;
	fake_leave();
	return now;
}

static uint64_t nanos, nanos_step;

void
fake_os_step(uint64_t ns)
{
	nanos_step = ns;
}

uint64_t
sysNanosOS(void)
{
	uint64_t now;

	fake_enter();
	now = nanos += nanos_step;
	fake_leave();
	return now;
}

void
fake_os_thread_exit(void)
{
	while (n_exits > 0) {
		n_exits--;
		exits[n_exits].fn(exits[n_exits].arg);
	}
}

static void
end_thread(void *arg)
{
	(void)arg;
	fake_os_thread_exit();
}

/* Not at the first use: a thread may be in the middle of that when another forks, and
 * the child would wait for it.  */
__attribute__((constructor))
static void
make_key(void)
{
	fake_must(pthread_key_create(&exit_key, end_thread) == 0,
	    "fake_os: key");
}

int
sysThreadExitOS(void (*fn)(void *), void *arg)
{
	bool no;

	fake_enter();
	no = fake_is_refused(FAKE_THREAD_EXIT) || n_exits == MOST_EXITS;
	fake_leave();
	if (no)
		return ENOMEM;
	fake_must(pthread_setspecific(exit_key, exits) == 0, "fake_os: key");
	exits[n_exits].fn = fn;
	exits[n_exits].arg = arg;
	n_exits++;
	return 0;
}

static unsigned forks;

int
sysForkOS(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	(void)prepare;
	(void)parent;
	(void)child;
	forks++;
	return 0;
}

unsigned
fake_os_forks(void)
{
	return forks;
}

static size_t every_ms;
static void (*every_fn)(void);

int
sysEveryOS(size_t ms, void (*fn)(void))
{
	bool no;

	fake_enter();
	no = fake_is_refused(FAKE_EVERY);
	fake_leave();
	if (no)
		return EAGAIN;
	every_ms = ms;
	every_fn = fn;
	return 0;
}

size_t
fake_os_every(void)
{
	if (every_fn == NULL)
		return 0;
	fake_os_advance(every_ms);
	every_fn();
	return every_ms;
}

void
fake_os_reset(const struct fake_os_options *options)
{
	fake_enter();
	fake_reset(options);
	fake_leave();
	n_exits = 0;
}

void
fake_os_refuse(enum fake_os_call call, unsigned nth, bool forever)
{
	fake_enter();
	fake.rules[call] = (struct fake_rule){ nth, forever };
	fake_leave();
}

void
fake_os_refuse_nothing(void)
{
	fake_enter();
	memset(fake.rules, 0, sizeof fake.rules);
	fake_leave();
}

void
fake_os_limit(size_t limit)
{
	fake_enter();
	fake.is.limit = limit == 0 ? SIZE_MAX : limit;
	fake_leave();
}

void
fake_os_advance(uint64_t ms)
{
	fake_enter();
	fake.clock += ms;
	fake_leave();
}

unsigned long
fake_os_calls(enum fake_os_call call)
{
	return fake.calls[call];
}

unsigned long
fake_os_refused(enum fake_os_call call)
{
	return fake.refused[call];
}

const uint32_t *
sysOriginOS(void)
{
	return NULL;
}

bool
sysPeekOS(void *to, const void *v, size_t n)
{
	if (fake_os_state(v) != FAKE_READY)
		return false;
	memcpy(to, v, n);
	return true;
}
