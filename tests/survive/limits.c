/* limits.c - the system says no: ENOMEM, nothing lost, and work goes on.
 *
 * SPDX-License-Identifier: MIT  */

#include "survive.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { MOST = 200000 };

struct block {
	char *p;
	size_t n;
};

/* Not from malloc, so that it is there when nothing else is.  */
static struct block *blocks;
static size_t count;

static void
get_table(void)
{
	if (blocks != NULL)
		return;
	blocks = mmap(NULL, MOST * sizeof *blocks, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (blocks == MAP_FAILED)
		survive_end(99, "no table");
}

/* One more; 0: refused, as the standards want it.  */
static int
allocate_one(size_t n)
{
	struct block *b = &blocks[count];

	errno = 0;
	b->p = malloc(n);
	b->n = n;
	if (b->p == NULL) {
		if (errno != ENOMEM)
			survive_fail("refused with errno %d", errno);
		return 0;
	}
	plain_mark(b->p, n, n);
	count++;
	return 1;
}

/* Until the system refuses a hundred in a row or CAP bytes are there; how many
 * bytes.  A large block may be refused where smaller ones find a place.  */
static size_t
allocate_all(uint64_t *state, unsigned log, size_t cap)
{
	size_t bytes = 0;
	int refused = 0;

	while (count < MOST && bytes < cap && refused < 100) {
		size_t n = plain_size(state, log) + 1;

		if (allocate_one(n)) {
			bytes += n;
			refused = 0;
		} else {
			refused++;
		}
	}
	return bytes;
}

static void
check_all(void)
{
	for (size_t i = 0; i < count; i++)
		if (!plain_is_marked(blocks[i].p, blocks[i].n, blocks[i].n,
		    blocks[i].n))
			survive_fail("block %zu of %zu changed", i, count);
}

static void
free_from(size_t from)
{
	while (count > from)
		free(blocks[--count].p);
}

/* Every second one; the bytes.  */
static size_t
free_half(void)
{
	size_t kept = 0;
	size_t bytes = 0;

	for (size_t i = 0; i < count; i++) {
		if (i % 2 == 0) {
			bytes += blocks[i].n;
			free(blocks[i].p);
		} else {
			blocks[kept++] = blocks[i];
		}
	}
	count = kept;
	return bytes;
}

/* A block that cannot grow stays what it was.  */
static void
refuse_resize(void)
{
	for (size_t i = 0; i < count; i += count / 50 + 1) {
		char *p = realloc(blocks[i].p, PLAIN_GIB * 8);

		if (p != NULL)
			survive_fail("realloc to 8 GiB is not refused");
		if (errno != ENOMEM)
			survive_fail("realloc refused with errno %d", errno);
	}
}

/* Fill memory with blocks below 1 << LOG bytes; see that all is well.  */
static void
exhaust(unsigned log, size_t cap)
{
	uint64_t state = log;
	size_t all, freed, again;

	get_table();
	all = allocate_all(&state, log, cap);
	if (count < MOST && all >= cap)
		survive_fail("%zu MiB and no refusal", all / PLAIN_MIB);
	refuse_resize();
	check_all();
	freed = free_half();
	check_all();
	again = allocate_all(&state, log, freed / 2);
	if (again < freed / 3)
		survive_fail("%zu of %zu KiB came back", again / 1024,
		    freed / 1024);
	check_all();
	free_from(0);
	again = allocate_all(&state, log, all / 2);
	if (again < all / 3)
		survive_fail("%zu of %zu KiB after all was freed",
		    again / 1024, all / 1024);
	check_all();
	free_from(0);
}

static void
exhaust_kinds(size_t cap)
{
	exhaust(21, cap);
	exhaust(12, cap);
	exhaust(24, cap);
}

static void
set_limit(int which, size_t n)
{
	struct rlimit r;

	getrlimit(which, &r);
	r.rlim_cur = n;
	if (setrlimit(which, &r) != 0)
		survive_end(99, "setrlimit: errno %d", errno);
}

static void
limit_as(void)
{
	set_limit(RLIMIT_AS, 160 * PLAIN_MIB);
	if (survive_again("limit-as"))
		exhaust_kinds(PLAIN_GIB);
}

static void
limit_data(void)
{
	set_limit(RLIMIT_DATA, 96 * PLAIN_MIB);
	if (survive_again("limit-data"))
		exhaust_kinds(PLAIN_GIB);
}

/* A number in a file below /proc.  */
static size_t
read_proc(const char *path, const char *key)
{
	FILE *f = fopen(path, "r");
	char line[200];
	size_t n = 0;

	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, key, strlen(key)) == 0) {
			n = strtoul(line + strlen(key), NULL, 10);
			break;
		}
	if (f != NULL)
		fclose(f);
	return n;
}

/* Down, up and down again while the program runs.  */
static void
limit_changes(void)
{
	uint64_t state = 1;

	get_table();
	for (int i = 0; i < 3; i++) {
		size_t now = read_proc("/proc/self/status", "VmData:") * 1024;

		set_limit(RLIMIT_DATA, now + 24 * PLAIN_MIB);
		exhaust(21, 8 * PLAIN_GIB);
		set_limit(RLIMIT_DATA, RLIM_INFINITY);
		if (allocate_all(&state, 20, 100 * PLAIN_MIB) <
		    100 * PLAIN_MIB)
			survive_fail("refused without a limit");
		free_from(0);
		now = read_proc("/proc/self/status", "VmSize:") * 1024;
		set_limit(RLIMIT_AS, now + 24 * PLAIN_MIB);
		exhaust(26, 8 * PLAIN_GIB);
		set_limit(RLIMIT_AS, RLIM_INFINITY);
		if (allocate_all(&state, 20, 100 * PLAIN_MIB) <
		    100 * PLAIN_MIB)
			survive_fail("refused without a limit");
		free_from(0);
	}
}

/* The stack counts too, and a process that needs more of it and gets none ends by
 * SIGSEGV: it gets its part first.  */
static void
use_stack(void)
{
	volatile char room[256 * PLAIN_KIB];

	for (size_t i = 0; i < sizeof room; i += 1024)
		room[i] = 1;
}

/* A limit below what is in use already: a block that cannot grow stays.  The free
 * memory beside it is enough for most, so that it is moved rather than refused.  */
static void
limit_below_use(void)
{
	size_t now;

	get_table();
	for (int i = 0; i < 16; i++)
		if (!allocate_one(1200000 + (size_t)i * 4096))
			survive_end(99, "no memory");
	for (int i = 0; i < 16; i += 2)
		free(malloc(6 * PLAIN_MIB));
	use_stack();
	now = read_proc("/proc/self/status", "VmSize:") * 1024;
	set_limit(RLIMIT_AS, now - 8 * PLAIN_MIB);
	for (size_t i = 0; i < count; i++) {
		struct block *b = &blocks[i];
		char *p = realloc(b->p, b->n + PLAIN_MIB);

		if (p == NULL)
			continue;
		if (!plain_is_marked(p, b->n, b->n, b->n))
			survive_fail("realloc lost bytes");
		b->p = p;
		b->n += PLAIN_MIB;
		plain_mark(p, b->n, b->n);
	}
	check_all();
	set_limit(RLIMIT_AS, RLIM_INFINITY);
	if (!allocate_one(20 * PLAIN_MIB))
		survive_fail("refused without a limit");
	check_all();
	free_from(0);
}

/* A program that advises half of a large block makes two mappings of it, which the
 * kernel moves one after the other or not at all; between them it may give up.  */
static void
limit_split_block(void)
{
	size_t n = 8 * PLAIN_MIB;
	size_t now;
	char *p;

	get_table();
	for (int i = 0; i < 8; i++)
		if (!allocate_one(n))
			survive_end(99, "no memory");
	for (size_t i = 0; i < count; i++) {
		p = blocks[i].p + n / 2;
		p -= (uintptr_t)p % (64 * PLAIN_KIB);
		(void)madvise(p, n / 4, MADV_DONTDUMP);
	}
	p = malloc(12 * PLAIN_MIB);
	memset(p, 1, 12 * PLAIN_MIB);
	free(p);
	use_stack();
	for (size_t i = 0; i < count; i++) {
		/* Once without a limit, then with one below what is used.  */
		now = read_proc("/proc/self/status", "VmSize:") * 1024;
		if (i > 0)
			set_limit(RLIMIT_AS, now - i * PLAIN_MIB);
		p = realloc(blocks[i].p, n + 3 * PLAIN_MIB);
		set_limit(RLIMIT_AS, RLIM_INFINITY);
		if (p == NULL && i == 0)
			survive_fail("refused without a limit");
		if (p == NULL)
			continue;
		if (!plain_is_marked(p, n, n, n))
			survive_fail("realloc lost bytes");
		blocks[i].p = p;
		blocks[i].n = n + 3 * PLAIN_MIB;
		plain_mark(p, blocks[i].n, blocks[i].n);
	}
	check_all();
	free_from(0);
}

static void *
work_under_limit(void *arg)
{
	uint64_t state = (uintptr_t)arg;
	struct { unsigned char *p; size_t n; } b[500];
	size_t n;

	memset(b, 0, sizeof b);
	for (int i = 0; i < 20000; i++) {
		size_t k = plain_below(&state, 500);

		if (b[k].p != NULL && !plain_is_marked(b[k].p, b[k].n, b[k].n,
		    b[k].n))
			survive_fail("a block changed");
		free(b[k].p);
		b[k].n = n = plain_size(&state, 20);
		b[k].p = malloc(n + 1);
		if (b[k].p != NULL)
			plain_mark(b[k].p, n, n);
		else if (errno != ENOMEM)
			survive_fail("refused with errno %d", errno);
	}
	for (int k = 0; k < 500; k++)
		free(b[k].p);
	return arg;
}

/* Four threads want more than there is.  */
static void
limit_threads(void)
{
	pthread_t t[4];

	set_limit(RLIMIT_AS, 120 * PLAIN_MIB);
	if (!survive_again("limit-threads"))
		return;
	get_table();
	for (uintptr_t i = 0; i < 4; i++)
		if (pthread_create(&t[i], NULL, work_under_limit,
		    (void *)(i + 1)) != 0)
			survive_skip("no thread under the limit");
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	exhaust(18, PLAIN_GIB);
}

/* ---- the number of mappings ---- */

static void
map_count(void)
{
	size_t most = read_proc("/proc/sys/vm/max_map_count", "");
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint64_t state = 8;
	size_t n = 0;
	char *v;

	if (most == 0 || most > 2000000)
		survive_skip("vm.max_map_count is %zu", most);
	get_table();
	(void)allocate_all(&state, 16, 20 * PLAIN_MIB);
	v = mmap(NULL, most * 2 * page, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (v == MAP_FAILED)
		survive_skip("no address space");
	/* Every second page another protection: a mapping each.  */
	while (n < most * 2 && mprotect(v + n * page, page, PROT_READ) == 0)
		n += 2;
	if (n >= most * 2)
		survive_skip("the limit is not in force");
	for (int i = 0; i < 3; i++) {
		(void)allocate_all(&state, 22, 300 * PLAIN_MIB);
		check_all();
		for (size_t k = 0; k < count; k += 3) {
			char *p = realloc(blocks[k].p, blocks[k].n + 900000);

			if (p == NULL)
				continue;
			if (!plain_is_marked(p, blocks[k].n, blocks[k].n <=
			    2 * PLAIN_EDGE ? blocks[k].n : PLAIN_EDGE,
			    blocks[k].n))
				survive_fail("realloc lost bytes");
			blocks[k].p = p;
			blocks[k].n += 900000;
			plain_mark(p, blocks[k].n, blocks[k].n);
		}
		check_all();
		(void)free_half();
		check_all();
	}
	free_from(0);
	malloc_trim(0);
	/* Room again.  */
	munmap(v, most * 2 * page);
	if (allocate_all(&state, 22, 300 * PLAIN_MIB) < 300 * PLAIN_MIB)
		survive_fail("refused when there is room again");
	check_all();
}

/* ---- the commit limit: only where the system has it already ---- */

static void
overcommit(void)
{
	if (read_proc("/proc/sys/vm/overcommit_memory", "") != 2)
		survive_skip("vm.overcommit_memory is not 2");
	exhaust(26, 64 * PLAIN_GIB);
}

/* ---- sizes that cannot be ---- */

static int
write_proc(const char *folder, const char *file, const char *text)
{
	char path[200];
	int fd, ok;

	snprintf(path, sizeof path, "%s/%s", folder, file);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return 0;
	ok = write(fd, text, strlen(text)) > 0;
	close(fd);
	return ok;
}

/* A cgroup's limit never says no: it ends the process that touches too much.  What
 * was freed must not count against it, whatever sizes come next.  */
static void
cgroup(void)
{
	static const char *const roots[] = { "/sys/fs/cgroup/memory",
		"/sys/fs/cgroup" };
	static const char *const limits[] = { "memory.limit_in_bytes",
		"memory.max" };
	uint64_t state = 1;
	char folder[100];
	int in = 0;

	get_table();
	for (int i = 0; i < 2 && !in; i++) {
		snprintf(folder, sizeof folder, "%s/survive-%d", roots[i],
		    (int)getpid());
		if (mkdir(folder, 0755) != 0)
			continue;
		in = write_proc(folder, limits[i], "67108864") &&
		    write_proc(folder, "cgroup.procs", "0");
		if (!in)
			rmdir(folder);
	}
	if (!in)
		survive_skip("no cgroup may be made here");
	for (int i = 0; i < 40; i++) {
		(void)allocate_all(&state, 8 + (unsigned)i % 14,
		    40 * PLAIN_MIB);
		check_all();
		free_from(0);
	}
	/* Out again, so that it can be removed.  */
	*strrchr(folder, '/') = '\0';
	(void)write_proc(folder, "cgroup.procs", "0");
	snprintf(folder + strlen(folder), 50, "/survive-%d", (int)getpid());
	rmdir(folder);
}

static void
absurd_sizes(void)
{
	volatile size_t sizes[] = { PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1,
		SIZE_MAX, SIZE_MAX - 15, SIZE_MAX - 16384, SIZE_MAX / 2 - 100,
		(size_t)1 << 47, (size_t)1 << 52 };
	void *kept = malloc(100);
	void *p = NULL;

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		size_t n = sizes[i];

		errno = 0;
		if (malloc(n) != NULL || errno != ENOMEM)
			survive_fail("malloc(%zu): errno %d", n, errno);
		errno = 0;
		if (calloc(n, 1) != NULL || calloc(1, n) != NULL ||
		    calloc(n / 2, 3) != NULL || errno != ENOMEM)
			survive_fail("calloc(%zu): errno %d", n, errno);
		if (realloc(kept, n) != NULL || errno != ENOMEM)
			survive_fail("realloc(%zu)", n);
		if (posix_memalign(&p, 64, n) != ENOMEM || p != NULL)
			survive_fail("posix_memalign(%zu)", n);
	}
	free(kept);
}

/* More than the machine has: refused, or at least not paid for.  */
static void
more_than_there_is(void)
{
	size_t before = plain_rss();
	void *volatile p;

	if (read_proc("/proc/sys/vm/overcommit_memory", "") == 1)
		survive_skip("vm.overcommit_memory is 1");
	p = malloc((size_t)1 << 40);
	if (plain_rss() > before + 16 * PLAIN_MIB)
		survive_fail("%zu KiB for a TiB that nobody has",
		    (plain_rss() - before) / 1024);
	free(p);
}

static const struct survive_case cases[] = {
	{ "limit-as", limit_as },
	{ "limit-data", limit_data },
	{ "limit-changes", limit_changes },
	{ "limit-below-use", limit_below_use },
	{ "limit-split-block", limit_split_block },
	{ "limit-threads", limit_threads },
	{ "map-count", map_count },
	{ "overcommit", overcommit },
	{ "cgroup", cgroup },
	{ "absurd-sizes", absurd_sizes },
	{ "more-than-there-is", more_than_there_is },
};

SURVIVE_MAIN(cases)
