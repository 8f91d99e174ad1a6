/* fuzz_main.c - a sequence of calls from bytes, against a list of what was handed
 * out.
 *
 *   fuzz_fake FILE...          replay: a process and a line for each
 *   fuzz_fake <FILE            one, in this process; so does afl-fuzz
 *   fuzz_fake --random N       N sequences of random bytes; prints the seed
 *
 * The input is a head of 8 bytes (kernel, options) and operations of 4: what, which
 * block, and two for a size or the like.  The threads are real and run in turn, one
 * at a time, so that an input always means the same.
 *
 * FUZZ_BREAK=1 changes a byte of each block that realloc has: the harness must see
 * that.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api.h"
#include "conf.h"
#include "fuzz_os.h"
#include "guard.h"
#include "misuse.h"
#include "pattern.h"
#include "plain.h"
#include "process.h"
#include "stats.h"

enum { HEAD = 8, SLOTS = 256, WORKERS = 4, INPUT = 1 << 16, EDGE = 2048 };

static struct slot {
	char *p;                /* NULL: none */
	size_t n;               /* asked for */
	size_t align;           /* 0: none asked for */
	uint64_t id;            /* of the pattern */
} slots[SLOTS];

static struct worker {
	pthread_t thread;
	bool running;
	bool stop;
	sem_t go;
} workers[WORKERS];

static unsigned char input[INPUT];
static size_t length, at;
static unsigned turn;           /* the worker that runs */
static int ended = -1;          /* the one to be joined */
static size_t held;
static uint64_t last_id;
static bool reports;            /* on_misuse:report */
static bool breaks;

/* The kernel refused in the call that came last, or may refuse at all.  */
static bool refused;

#define must(x) do { \
	if (!(x)) \
		fail(#x, __LINE__); \
} while (0)

__attribute__((noreturn))
static void
fail(const char *what, int line)
{
	char text[200];
	int n = snprintf(text, sizeof text,
	    "fuzz: byte %zu: false: %s (line %d)\n", at, what, line);

	if (write(STDERR_FILENO, text, (size_t)n) < 0)
		_exit(1);
	abort();
}

/* ---- blocks ---- */

/* The whole of a small block, both ends of a large one.  */
static void
mark(struct slot *s)
{
	s->id = ++last_id;
	if (s->n <= 2 * EDGE) {
		pattern_fill(s->p, s->n, s->id);
		return;
	}
	pattern_fill(s->p, EDGE, s->id);
	pattern_fill(s->p + s->n - EDGE, EDGE, ~s->id);
}

/* What is left of S at P, of which N bytes were kept.  */
static bool
is_marked(const struct slot *s, const char *p, size_t n)
{
	if (s->n <= 2 * EDGE)
		return pattern_is(p, mx_min(n, s->n), s->id);
	return pattern_is(p, mx_min(n, EDGE), s->id) && (n < s->n ||
	    pattern_is(p + s->n - EDGE, EDGE, ~s->id));
}

static bool
is_zero(const char *p, size_t n)
{
	size_t step = n > MX_MIB ? 64 * MX_KIB : n > 64 * MX_KIB ? 4096 : 1;

	for (size_t i = 0; i < n; i += step)
		if (p[i] != 0)
			return false;
	return n == 0 || p[n - 1] == 0;
}

static void
check_apart(const struct slot *s)
{
	for (const struct slot *t = slots; t < slots + SLOTS; t++)
		must(t == s || t->p == NULL || t->p + mx_max(t->n, 1) <= s->p ||
		    s->p + mx_max(s->n, 1) <= t->p);
}

static bool
got(const void *p, size_t n)
{
	refused = fuzz_os_refused();
	if (p != NULL)
		return true;
	must(errno == ENOMEM);
	must(refused || n > fuzz_os_most());
	return false;
}

static void
add(struct slot *s, char *p, size_t n, size_t align)
{
	if (!got(p, mx_max(n, align)))
		return;
	must(mx_is_aligned((uintptr_t)p, mx_max(align, MX_BLOCK_ALIGN)));
	must(mx_usable_size(p) >= n);
	*s = (struct slot){ .p = p, .n = n, .align = align };
	held += n;
	check_apart(s);
	mark(s);
}

static void
drop(struct slot *s, bool sized)
{
	must(is_marked(s, s->p, s->n));
	errno = 1234;
	if (sized && s->align != 0)
		mx_free_checked("free_aligned_sized", s->p, s->align, s->n);
	else if (sized)
		mx_free_sized("free_sized", s->p, s->n);
	else
		mx_free(s->p);
	must(errno == 1234);
	held -= s->n;
	s->p = NULL;
}

/* Each order of magnitude as often as the next, powers of two among them, and a
 * few that nobody can have.  */
static size_t
size_of(unsigned a, unsigned b)
{
	unsigned log = a % 32;
	size_t n;

	if (log >= 29)
		return log == 29 ? SIZE_MAX - b : log == 30 ?
		    (size_t)PTRDIFF_MAX - b * 4096 : ((size_t)1 << 48) + b;
	if (log >= 23)
		log = (a * 7 + b) % 16;
	n = (size_t)1 << log;
	if (a & 32)
		return n - (b % 2) * (n > 0);
	return n + ((n * b) >> 8);
}

/* Nothing above the budget but what is absurd.  */
static bool
is_affordable(size_t n)
{
	return n > fuzz_os_most() || held + n <= fuzz_os_budget();
}

static void
resize(struct slot *s, size_t n)
{
	size_t kept = mx_min(s->n, n);
	char *p;

	must(is_marked(s, s->p, s->n));
	p = mx_realloc(s->p, n);
	if (n == 0) {
		must(p == NULL);
		held -= s->n;
		s->p = NULL;
		return;
	}
	if (!got(p, n)) {
		must(is_marked(s, s->p, s->n));
		return;
	}
	if (breaks)
		p[0] ^= 1;
	must(is_marked(s, p, kept));
	must(mx_is_aligned((uintptr_t)p, MX_BLOCK_ALIGN));
	must(mx_usable_size(p) >= n);
	held += n - s->n;
	*s = (struct slot){ .p = p, .n = n };
	check_apart(s);
	mark(s);
}

static void
take_aligned(struct slot *s, unsigned a, unsigned b)
{
	size_t align = (size_t)8 << (b % (b & 128 ? 18 : 10));
	size_t n = size_of(a, b);
	void *p = NULL;

	if (!is_affordable(n) || !is_affordable(align))
		return;
	switch (b / 16 % 3) {
	case 0:
		p = mx_aligned_alloc(align, n);
		break;
	case 1:
		p = mx_memalign(align, n);
		break;
	default:
		errno = mx_posix_memalign(&p, align, n);
		break;
	}
	add(s, p, n, align);
}

static void
take(struct slot *s, bool zero, size_t n)
{
	char *p;

	if (!is_affordable(n))
		return;
	p = zero ? mx_calloc(n, 1) : mx_malloc(n);
	if (zero && p != NULL)
		must(is_zero(p, n));
	add(s, p, n, 0);
}

/* ---- what else can happen ---- */

static void
check_all(void)
{
	size_t n = 0;

	for (struct slot *s = slots; s < slots + SLOTS; s++) {
		if (s->p == NULL)
			continue;
		must(is_marked(s, s->p, s->n));
		must(mx_usable_size(s->p) >= s->n);
		n += s->n;
	}
	must(n == held);
	fuzz_os_check();
}

/* All that is in use is known: blocks that rest count too, so not with secure.  */
static void
check_stats(void)
{
	struct memaix_stats st;
	size_t live = 0;

	mx_stats_read(&st);
	must(st.live + st.rounding + st.caches + st.free_in_spans + st.dirty +
	    st.metadata == st.ready || mx_conf.secure);
	for (struct slot *s = slots; s < slots + SLOTS; s++) {
		const struct mx_span *span = s->p == NULL ? NULL :
		    mx_pagemap_get(s->p);

		if (s->p != NULL && mx_guard_holds(s->p))
			live += s->n;
		else if (span != NULL)
			live += span->state == MX_SPAN_LARGE ?
			    mx_max(s->n, 1) : mx_usable_size(s->p);
	}
	must(st.live == live || mx_conf.secure);
}

static void
set_option(unsigned a, unsigned b)
{
	switch (a % 4) {
	case 0:
		mx_conf.dirty_min = b * MX_MIB / 4;
		break;
	case 1:
		mx_conf.dirty_percent = b * 2;
		break;
	case 2:
		mx_conf.decay_ms = b * 10;
		break;
	default:
		mx_conf.move = b % 2;
		break;
	}
}

/* Mistakes that one look can see: said once, and nothing happens.  */
static void
misuse(struct slot *s, unsigned a, unsigned b)
{
	unsigned long before = mx_load(&mx_misuse_count, RELAXED);
	bool small = s->n <= MX_CLASS_MAX;
	char *p = s->p;
	size_t n = s->n;

	if (!reports || (n < 64 && a % 3 != 2))
		return;
	switch (a % 3) {
	case 0:
		mx_free(p + 1 + b % 60);
		break;
	case 1:
		must(mx_realloc(p + 16, 100) == NULL);
		break;
	default:
		held -= n;
		s->p = NULL;
		mx_free_sized("free_sized", p, n * 2 + 200000);
		must(mx_load(&mx_misuse_count, RELAXED) == before + 1);
		if (small)
			return;
		mx_free(p);
		before++;
		break;
	}
	must(mx_load(&mx_misuse_count, RELAXED) == before + 1);
}

/* Many of one size, or every so many-th freed.  */
static void
many(unsigned first, unsigned a, unsigned b)
{
	for (unsigned i = 0; i < a % 64; i++) {
		struct slot *s = &slots[(first + i * (a / 64 + 1)) % SLOTS];

		if (s->p != NULL)
			drop(s, b % 2);
		else
			take(s, b % 4 == 3, size_of(b & 127, b));
	}
}

static void *work(void *arg);

/* True when this thread is to wait.  */
static bool
give_turn(unsigned to)
{
	struct worker *w = &workers[to];

	if (to == turn)
		return false;
	if (!w->running) {
		sem_init(&w->go, 0, 0);
		w->stop = false;
		if (pthread_create(&w->thread, NULL, work, w) != 0)
			return false;
		w->running = true;
	}
	turn = to;
	sem_post(&w->go);
	return true;
}

static void
wait_turn(struct worker *w)
{
	while (sem_wait(&w->go) != 0)
		continue;
}

/* One operation, in the calling thread; true: it is another's turn.  */
static bool
operate(const unsigned char *op)
{
	struct slot *s = &slots[op[1]];
	unsigned a = op[2], b = op[3];

	switch (op[0] % 24) {
	case 0: case 1: case 2: case 3:
	case 4: case 5: case 6: case 7:
		if (s->p != NULL)
			drop(s, op[0] % 2);
		else if (op[0] % 8 < 5)
			take(s, op[0] % 8 == 4, size_of(a, b));
		else
			take_aligned(s, a, b);
		break;
	case 8: case 9: case 10:
		if (s->p != NULL && is_affordable(size_of(a, b)))
			resize(s, size_of(a, b));
		break;
	case 11: case 12:
		many(op[1], a, b);
		break;
	case 13: case 14: case 15:
		return give_turn(a % WORKERS);
	case 16:
		if (turn == 0)
			break;
		workers[turn].stop = true;
		ended = (int)turn;
		return give_turn(0);
	case 17:
		(void)mx_trim();
		break;
	case 18:
		fuzz_os_refuse(a, b);
		break;
	case 19:
		fuzz_os_refuse_nothing();
		break;
	case 20:
		fuzz_os_advance(a * b);
		break;
	case 21:
		set_option(a, b);
		break;
	case 22:
		check_all();
		if (a % 4 == 0)
			check_stats();
		break;
	default:
		if (s->p != NULL)
			misuse(s, a, b);
		break;
	}
	return false;
}

/* Until it is told to stop; the input's end goes to the first.  */
static void *
work(void *arg)
{
	struct worker *w = arg;

	wait_turn(w);
	while (!w->stop) {
		unsigned char op[4];

		if (length - at < sizeof op) {
			if (w == &workers[0])
				break;
			(void)give_turn(0);
			wait_turn(w);
			continue;
		}
		memcpy(op, input + at, sizeof op);
		at += sizeof op;
		if (operate(op) && !w->stop)
			wait_turn(w);
		if (w == &workers[0] && ended >= 0) {
			pthread_join(workers[ended].thread, NULL);
			workers[ended].running = false;
			ended = -1;
		}
	}
	return NULL;
}

static void
end_threads(void)
{
	for (int i = 1; i < WORKERS; i++) {
		if (!workers[i].running)
			continue;
		workers[i].stop = true;
		sem_post(&workers[i].go);
		pthread_join(workers[i].thread, NULL);
	}
}

static void
drop_all(void)
{
	for (struct slot *s = slots; s < slots + SLOTS; s++)
		if (s->p != NULL)
			drop(s, false);
}

static void
begin(void)
{
	fuzz_os_start(input[0]);
	mx_process_init();
	mx_conf.secure = input[1] % 4 == 3;
	mx_conf.guard_rate = input[7] % 4 == 3 ? 1 + input[7] / 4 : 0;
	mx_conf.move = input[1] >> 2 & 1;
	mx_conf.huge = input[1] >> 3 & 1;
	mx_conf.huge_min = 0;
	mx_conf.mixed_min = input[1] >> 5 & 1 ? 0 : 64 * MX_GIB;
	mx_conf.mixed_percent = 0;
	reports = input[1] >> 4 & 1;
	mx_conf.on_misuse = reports ? MX_CONF_REPORT : MX_CONF_ABORT;
	mx_conf.arena = MX_MIB << input[2] % 11;
	mx_conf.dirty_min = input[3] * MX_MIB / 4;
	mx_conf.dirty_percent = input[4];
	mx_conf.decay_ms = input[5] * 10;
	mx_process_start();
}

/* What the bytes say; then all goes back, and memory is there again.  */
static void
run(void)
{
	if (length < HEAD)
		return;
	breaks = getenv("FUZZ_BREAK") != NULL;
	begin();
	at = HEAD;
	sem_init(&workers[0].go, 0, 1);
	workers[0].running = true;
	(void)work(&workers[0]);
	check_all();
	if (input[6] % 2)
		drop_all();
	end_threads();
	check_all();
	fuzz_os_refuse_nothing();
	drop_all();
	check_stats();
	(void)fuzz_os_refused();
	take(&slots[0], true, 100);
	take(&slots[1], true, MX_MIB);
	must(slots[0].p != NULL && slots[1].p != NULL);
	if (!reports)
		must(mx_load(&mx_misuse_count, RELAXED) == 0);
}

/* ---- where the bytes come from ---- */

static void
read_all(int fd)
{
	ssize_t n;

	length = 0;
	while (length < INPUT &&
	    (n = read(fd, input + length, INPUT - length)) > 0)
		length += (size_t)n;
}

/* In a process of its own, since the library starts once; 1: it failed.  */
static int
run_apart(const char *name)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		alarm(20);
		if (getenv("FUZZ_VERBOSE") == NULL)
			(void)dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		run();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		exit(99);
	if (status == 0)
		return 0;
	printf("FAIL %s (%s %d)\n", name,
	    WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return 1;
}

static int
run_files(int n, char **names)
{
	int failed = 0;

	for (int i = 0; i < n; i++) {
		int fd = open(names[i], O_RDONLY);

		if (fd < 0) {
			perror(names[i]);
			return 99;
		}
		read_all(fd);
		close(fd);
		failed += run_apart(names[i]);
	}
	printf("fuzz: %d inputs, %d failed\n", n, failed);
	return failed != 0;
}

/* What fails is written to a file, to be looked at.  */
static void
keep(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0666);

	if (fd < 0 || write(fd, input, length) != (ssize_t)length)
		perror(name);
	if (fd >= 0)
		close(fd);
}

static int
run_random(int n)
{
	uint64_t state = plain_seed("fuzz");
	char name[40];
	int failed = 0;

	for (int i = 0; i < n; i++) {
		length = HEAD + 4 * plain_below(&state, 1500);
		for (size_t k = 0; k < length; k++)
			input[k] = (unsigned char)plain_random(&state);
		/* Few blocks, or they are seldom met again.  */
		for (size_t k = HEAD + 1; i % 2 && k < length; k += 4)
			input[k] %= 32;
		snprintf(name, sizeof name, "fuzz-failed-%d", i);
		if (run_apart(name)) {
			keep(name);
			failed++;
		}
	}
	printf("fuzz: %d random inputs, %d failed\n", n, failed);
	return failed != 0;
}

int
main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "--random") == 0)
		return run_random(atoi(argv[2]));
	if (argc > 1)
		return run_files(argc - 1, argv + 1);
#ifdef __AFL_HAVE_MANUAL_CONTROL
	__AFL_INIT();
#endif
	read_all(STDIN_FILENO);
	run();
	return 0;
}
