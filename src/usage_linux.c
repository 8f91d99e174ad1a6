/* usage_linux.c - the usage report from /proc.  See usage.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the system call getdents64 writes.  opendir would call malloc.  */
struct entry {
	uint64_t inode;
	int64_t offset;
	uint16_t length;
	uint8_t type;
	char name[];
};

#define MOST_DIGITS     20
#define ENTRIES         (4 * MX_KIB)

/* Read at most SIZE - 1 bytes of a file and end them with NUL.  0 or errno.  */
static int
read_text(int dir, const char *path, char *buf, size_t size)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int e;

	if (fd < 0)
		return errno;
	do
		n = read(fd, buf, size - 1);
	while (n < 0 && errno == EINTR);
	e = n < 0 ? errno : 0;
	close(fd);
	buf[n < 0 ? 0 : n] = '\0';
	return e;
}

/* The number at *P; *P goes behind it and one more character.  */
static size_t
next_number(const char **p)
{
	size_t n = 0;

	for (; **p >= '0' && **p <= '9'; ++*p)
		n = n * 10 + (size_t)(**p - '0');
	if (**p != '\0')
		++*p;
	return n;
}

/* Sizes of the process with directory DIR/NAME.  0 or errno.  */
static int
read_process(int dir, const char *name, size_t *rss, size_t *vsz)
{
	/* The kernel's pages, whatever page size a test has memaix believe.  */
	size_t page = getauxval(AT_PAGESZ);
	char path[MOST_DIGITS + sizeof "/statm"];
	char text[128];
	const char *p = text;
	size_t n = strlen(name);
	int e;

	memcpy(path, name, n);
	memcpy(path + n, "/statm", sizeof "/statm");
	e = read_text(dir, path, text, sizeof text);
	if (e != 0)
		return e;
	/* "size resident shared text lib data dt", in pages.  */
	*vsz = next_number(&p) * page;
	*rss = next_number(&p) * page;
	return 0;
}

static void
add(struct mx_usage *u, size_t rss, size_t vsz)
{
	u->processes++;
	u->sum_rss += rss;
	u->sum_vsz += vsz;
}

static int
read_own(int dir, struct mx_usage *u)
{
	int e;

	memset(u, 0, sizeof *u);
	e = read_process(dir, "self", &u->rss, &u->vsz);
	if (e != 0)
		return e;
	add(u, u->rss, u->vsz);
	mx_usage_finish(u);
	return 0;
}

static int
open_proc(void)
{
	return open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int
mx_usage_own(struct mx_usage *u)
{
	int saved = errno;
	int dir = open_proc();
	int e;

	memset(u, 0, sizeof *u);
	if (dir < 0) {
		e = errno;
	} else {
		e = read_own(dir, u);
		close(dir);
	}
	errno = saved;
	return e;
}

static bool
is_pid(const char *name)
{
	size_t n = strspn(name, "0123456789");

	return n > 0 && n <= MOST_DIGITS && name[n] == '\0';
}

/* Add the process NAME, unless it has gone or is none of our business.  */
static int
add_process(int dir, const char *name, struct mx_usage *u)
{
	size_t rss, vsz;
	int e = read_process(dir, name, &rss, &vsz);

	if (e == ENOENT || e == ESRCH || e == EACCES || e == EPERM)
		return 0;
	if (e == 0 && vsz != 0)
		add(u, rss, vsz);
	return e;
}

/* Add all processes but SELF.  */
static int
add_others(int dir, const char *self, struct mx_usage *u)
{
	MX_ALIGNED(8) char buf[ENTRIES];
	long n;
	int e = 0;

	while ((n = syscall(SYS_getdents64, dir, buf, sizeof buf)) > 0) {
		for (long at = 0; at < n && e == 0;) {
			const struct entry *d =
			    (const struct entry *)(buf + at);

			if (is_pid(d->name) && strcmp(d->name, self) != 0)
				e = add_process(dir, d->name, u);
			at += d->length;
		}
		if (e != 0)
			return e;
	}
	return n < 0 ? errno : 0;
}

/* The whole report through the open directory DIR.  */
static int
read_all(int dir, struct mx_usage *u)
{
	char self[MOST_DIGITS + 1];
	struct mx_usage own;
	ssize_t n;
	int e = read_own(dir, u);

	if (e != 0)
		return e;
	/* By the name that /proc has for us: getpid's is another one when /proc
	 * is that of another process namespace.  */
	n = readlinkat(dir, "self", self, sizeof self - 1);
	if (n < 0)
		return errno;
	self[n] = '\0';
	own = *u;
	e = add_others(dir, self, u);
	if (e != 0)
		*u = own;
	else
		mx_usage_finish(u);
	return e;
}

int
mx_usage_all(struct mx_usage *u)
{
	int saved = errno;
	int dir = open_proc();
	int e;

	memset(u, 0, sizeof *u);
	if (dir < 0) {
		e = errno;
	} else {
		e = read_all(dir, u);
		close(dir);
	}
	errno = saved;
	return e;
}

int
mx_usage_process(size_t pid, size_t *rss, size_t *vsz)
{
	char digits[MOST_DIGITS + 1];
	size_t i = sizeof digits - 1;
	int saved = errno;
	int dir = open_proc();
	int e;

	digits[i] = '\0';
	do
		digits[--i] = (char)('0' + pid % 10);
	while ((pid /= 10) != 0);
	if (dir < 0) {
		e = errno;
	} else {
		e = read_process(dir, digits + i, rss, vsz);
		close(dir);
	}
	errno = saved;
	return e == ENOENT ? ESRCH : e;
}

/* ---- limits ---- */

/* The number behind NAME in a file of lines "Name:   number kB"; 0: none.  */
static size_t
named_number(const char *text, const char *name)
{
	const char *p = strstr(text, name);

	if (p == NULL)
		return 0;
	for (p += strlen(name); *p == ' ' || *p == ':';)
		p++;
	return next_number(&p);
}

static size_t
number_in(const char *path)
{
	char text[32];
	const char *p = text;

	return read_text(AT_FDCWD, path, text, sizeof text) == 0 ?
	    next_number(&p) : 0;
}

static size_t
count_maps(void)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	char text[4 * MX_KIB];
	size_t lines = 0;
	ssize_t n;

	if (fd < 0)
		return 0;
	while ((n = read(fd, text, sizeof text)) > 0)
		for (ssize_t i = 0; i < n; i++)
			lines += text[i] == '\n';
	close(fd);
	return lines;
}

/* What memaix may have to take for N bytes: aligned, and with records.  */
static size_t
with_margin(size_t n)
{
	return n + mx_max(n, 8 * MX_MIB);
}

/* Is USED + N beyond the limit WHICH?  */
static bool
is_beyond(int which, size_t used, size_t n, size_t *limit)
{
	struct rlimit r;

	if (getrlimit(which, &r) != 0 || r.rlim_cur == RLIM_INFINITY)
		return false;
	*limit = (size_t)r.rlim_cur;
	return used >= *limit || with_margin(n) > *limit - used;
}

/* What the system promises.  */
static enum mx_limit
find_commit(size_t n, size_t *limit, size_t *used)
{
	char text[2 * MX_KIB];
	size_t strict = number_in("/proc/sys/vm/overcommit_memory");

	if (read_text(AT_FDCWD, "/proc/meminfo", text, sizeof text) != 0)
		return MX_LIMIT_UNKNOWN;
	*limit = named_number(text, "CommitLimit") * MX_KIB;
	*used = named_number(text, "Committed_AS") * MX_KIB;
	if (strict == 2 && *used + with_margin(n) > *limit)
		return MX_LIMIT_COMMIT;
	*limit = *used = 0;
	return MX_LIMIT_UNKNOWN;
}

static enum mx_limit
find_limit(size_t n, size_t *limit, size_t *used)
{
	size_t page = getauxval(AT_PAGESZ);
	size_t figure[7] = { 0 };
	char text[128];
	const char *p = text;

	if (n > PTRDIFF_MAX)
		return MX_LIMIT_REQUEST;
	/* "size resident shared text lib data dt", in pages.  */
	if (read_text(AT_FDCWD, "/proc/self/statm", text, sizeof text) == 0)
		for (size_t i = 0; i < 7; i++)
			figure[i] = next_number(&p) * page;
	*used = figure[0];
	if (is_beyond(RLIMIT_AS, *used, n, limit))
		return MX_LIMIT_ADDRESS;
	*used = figure[5];
	if (is_beyond(RLIMIT_DATA, *used, n, limit))
		return MX_LIMIT_DATA;
	*limit = number_in("/proc/sys/vm/max_map_count");
	*used = count_maps();
	if (*limit > 0 && *used + 4 > *limit)
		return MX_LIMIT_MAPS;
	return find_commit(n, limit, used);
}

enum mx_limit
mx_usage_limit(size_t n, size_t *limit, size_t *used)
{
	int saved = errno;
	enum mx_limit which;

	*limit = *used = 0;
	which = find_limit(n, limit, used);
	errno = saved;
	return which;
}

/* ---- cgroups ---- */

#define MOST_PATH       512

/* A cgroup: TREE is where the kernel shows it, below ROOT; of PATH, N characters
 * count.  */
struct cgroup {
	const char *root;
	const char *tree;
	const char *path;
	size_t n;
};

/* The two numbers in FILE of cgroup C.  False: there is no such file, or it says
 * "max".  */
static bool
read_cgroup(const struct cgroup *c, const char *file, size_t number[2])
{
	const char *parts[] = { c->root, c->tree, c->path, file };
	char name[MOST_PATH], text[64];
	const char *p = text;
	size_t at = 0;

	for (int i = 0; i < 4; i++) {
		size_t n = i == 2 ? c->n : strlen(parts[i]);

		if (at + n >= sizeof name)
			return false;
		memcpy(name + at, parts[i], n);
		at += n;
	}
	name[at] = '\0';
	if (read_text(AT_FDCWD, name, text, sizeof text) != 0 ||
	    text[0] < '0' || text[0] > '9')
		return false;
	number[0] = next_number(&p);
	number[1] = next_number(&p);
	return true;
}

/* The cgroup in the line of TEXT that has KEY; false: none.  */
static bool
find_cgroup(struct cgroup *c, const char *text, const char *key)
{
	const char *line = strstr(text, key);

	c->path = line == NULL ? NULL : strchr(line, '/');
	c->n = c->path == NULL ? 0 : strcspn(c->path, "\n");
	return c->path != NULL;
}

/* False: C is the top.  */
static bool
go_up(struct cgroup *c)
{
	if (c->n == 0)
		return false;
	while (c->n > 0 && c->path[--c->n] != '/')
		continue;
	return true;
}

static void
lower_to(size_t *limit, size_t n)
{
	/* Version 1 says "no limit" by a number near this.  */
	if (n > 0 && n < PTRDIFF_MAX / 2 && (*limit == 0 || n < *limit))
		*limit = n;
}

void
mx_usage_grant(const char *cgroups, const char *root, size_t *memory,
    size_t *processors)
{
	char text[2 * MX_KIB] = "\n";
	struct cgroup c = { root, "", NULL, 0 };
	int saved = errno;
	size_t number[2];

	*memory = *processors = 0;
	if (read_text(AT_FDCWD, cgroups, text + 1, sizeof text - 1) != 0)
		text[0] = '\0';
	for (bool more = find_cgroup(&c, text, "\n0::"); more;
	    more = go_up(&c)) {
		if (read_cgroup(&c, "/memory.max", number))
			lower_to(memory, number[0]);
		/* Microseconds of work in a period of so many.  */
		if (read_cgroup(&c, "/cpu.max", number) && number[1] > 0)
			lower_to(processors, (number[0] + number[1] - 1) /
			    number[1]);
	}
	c.tree = "/memory";
	for (bool more = find_cgroup(&c, text, ":memory:"); more;
	    more = go_up(&c))
		if (read_cgroup(&c, "/memory.limit_in_bytes", number))
			lower_to(memory, number[0]);
	errno = saved;
}
