/* bench.c - the command line, the clock, the threads and the result line of
 * every benchmark program.
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"
#include "sample.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#ifndef MAP_ANONYMOUS
# define MAP_ANONYMOUS MAP_ANON
#endif

enum { MAX_THREADS = 64 };

_Noreturn void
bench_die(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

static _Noreturn void
usage(const char *name, const char *modes)
{
	fprintf(stderr, "usage: %s MODE THREADS PERCENT [FILE IDLE_MS]\n"
	    "modes:%s\n", name, modes);
	exit(2);
}

static unsigned
number(const char *s, unsigned min, unsigned max)
{
	char *end;
	unsigned long n = strtoul(s, &end, 10);

	if (*s == '\0' || *end != '\0' || n < min || n > max)
		bench_die("not a number, or out of range");
	return (unsigned)n;
}

static bool
is_word_of(const char *word, const char *list)
{
	char key[32];

	snprintf(key, sizeof(key), " %s ", word);
	return strstr(list, key) != NULL;
}

void
bench_open(struct bench *b, int argc, char **argv, const char *modes)
{
	memset(b, 0, sizeof(*b));
	if ((argc != 4 && argc != 6) || !is_word_of(argv[1], modes))
		usage(argv[0], modes);
	b->mode = argv[1];
	b->threads = number(argv[2], 1, MAX_THREADS);
	b->percent = number(argv[3], 1, 100000);
	if (argc == 6) {
		b->file = argv[4];
		b->idle_ms = number(argv[5], 0, 60000);
	}
	b->wall = b->threads > 1;
}

bool
bench_is(const struct bench *b, const char *mode)
{
	return strcmp(b->mode, mode) == 0;
}

size_t
bench_scale(const struct bench *b, size_t n)
{
	uint64_t m = (uint64_t)n * b->percent / 100;

	return m > 0 ? (size_t)m : 1;
}

static uint64_t
clock_ns(clockid_t which)
{
	struct timespec t;

	if (clock_gettime(which, &t) != 0)
		bench_die("no clock");
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t
bench_wall_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t
bench_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static uint64_t
score_ns(const struct bench *b)
{
	return b->wall ? bench_wall_ns() : bench_cpu_ns();
}

void
bench_start(struct bench *b)
{
	b->start = score_ns(b);
}

/* The second number of /proc/self/statm, in OS pages.  */
size_t
bench_rss_kib(void)
{
	char text[128];
	unsigned long size, resident;
	ssize_t got;
	int fd = open("/proc/self/statm", O_RDONLY);

	if (fd < 0)
		return 0;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got <= 0)
		return 0;
	text[got] = '\0';
	if (sscanf(text, "%lu %lu", &size, &resident) != 2)
		return 0;
	return resident * ((size_t)sysconf(_SC_PAGESIZE) / BENCH_KIB);
}

bool
bench_rollup_kib(const char *field, size_t *kib)
{
	char text[4096];
	size_t n = strlen(field);
	ssize_t got;
	int fd = open("/proc/self/smaps_rollup", O_RDONLY);

	if (fd < 0)
		return false;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[got > 0 ? got : 0] = '\0';
	for (const char *line = text; (line = strchr(line, '\n')) != NULL;)
		if (strncmp(++line, field, n) == 0 && line[n] == ':') {
			*kib = strtoul(line + n + 1, NULL, 10);
			return true;
		}
	return false;
}

static void *
map(size_t n, int sharing)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE,
	    sharing | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		bench_die("out of memory");
	return p;
}

void *
bench_map(size_t n)
{
	return map(n, MAP_PRIVATE);
}

void *
bench_map_shared(size_t n)
{
	return map(n, MAP_SHARED);
}

void
bench_unmap(void *p, size_t n)
{
	munmap(p, n);
}

/* Everything was freed: what is left, and what is left a while later.  */
static void
print_tail(const struct bench *b, char *to, size_t room)
{
	size_t end = sample_now();
	size_t idle = sample_idle(b->idle_ms);

	if (b->idle_ms > 0)
		snprintf(to, room, " rss_end=%zu rss_idle=%zu", end, idle);
	else
		snprintf(to, room, " rss_end=%zu", end);
}

void
bench_done(struct bench *b, uint64_t ops)
{
	uint64_t ns = score_ns(b) - b->start - b->extra_ns;
	struct rusage use;
	char tail[80] = "";

	if (getrusage(RUSAGE_SELF, &use) != 0)
		bench_die("no resource usage");
	if (b->file != NULL && !b->own_file)
		print_tail(b, tail, sizeof(tail));
	printf("bench=%s threads=%u clock=%s ns=%llu ops=%llu rss_kib=%ld%s%s"
	    "\n", b->mode, b->threads, b->wall ? "wall" : "cpu",
	    (unsigned long long)ns, (unsigned long long)ops,
	    (long)use.ru_maxrss, tail, b->extra);
	if (b->file != NULL && !b->own_file)
		sample_write(b->file);
}

/* Threads wait here until the last of them has been started.  Without it a
 * short run may be over in one thread before the next begins.  */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static bool is_open;

static void
pass_gate(void)
{
	pthread_mutex_lock(&gate);
	while (!is_open)
		pthread_cond_wait(&opened, &gate);
	pthread_mutex_unlock(&gate);
}

static void
set_gate(bool open)
{
	pthread_mutex_lock(&gate);
	is_open = open;
	pthread_cond_broadcast(&opened);
	pthread_mutex_unlock(&gate);
}

struct worker {
	pthread_t thread;
	void (*fn)(void *arg, unsigned id);
	void *arg;
	unsigned id;
};

static void *
work(void *arg)
{
	struct worker *w = arg;

	pass_gate();
	w->fn(w->arg, w->id);
	return NULL;
}

void
bench_run(unsigned n, void (*fn)(void *arg, unsigned id), void *arg)
{
	static struct worker workers[MAX_THREADS];

	if (n == 1) {
		fn(arg, 0);
		return;
	}
	set_gate(false);
	for (unsigned i = 0; i < n; i++) {
		workers[i] = (struct worker){ .fn = fn, .arg = arg, .id = i };
		if (pthread_create(&workers[i].thread, NULL, work,
		    &workers[i]) != 0)
			bench_die("cannot start a thread");
	}
	set_gate(true);
	for (unsigned i = 0; i < n; i++)
		pthread_join(workers[i].thread, NULL);
}
