/* cmd_xcoff.c - reading XCOFF files.  See cmd_xcoff.h.
 *
 * The layouts are IBM's, "XCOFF Object File Format" and "ar File Format (Big)".  A
 * file may lie about every offset: nothing is used before it was read, and every count has a bound.
 *
 * SPDX-License-Identifier: MIT  */

#include "cmd_xcoff.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC_32        0x01DF
#define MAGIC_64        0x01F7
#define F_EXEC          0x0002
#define F_SHROBJ        0x2000
#define STYP_LOADER     0x1000
#define L_EXPORT        0x10

#define MAX_SECTIONS    100
#define MAX_LOADER      ((uint64_t)64 << 20)
#define SYMBOL          24u     /* bytes, of both widths */

/* A big archive: numbers are decimal digits, in fields of these places.  */
#define BIG_MAGIC       "<bigaf>\n"
#define BIG_HEADER      128
#define BIG_FIRST       68
#define BIG_LAST        88
#define BIG_MEMBER      112
#define BIG_NEXT        20
#define BIG_NAME_SIZE   108
#define MAX_MEMBERS     1000

/* Where the two widths keep the same thing.  */
struct layout {
	unsigned header, opthdr, flags;                 /* of the file */
	unsigned section, size, offset, kind;           /* of a section */
	unsigned word;
	unsigned loader, import_at, text_at;            /* of the loader's */
};

static const struct layout layout_32 = { 20, 16, 18, 40, 16, 20, 36, 4,
    32, 20, 28 };
static const struct layout layout_64 = { 24, 16, 18, 72, 24, 32, 64, 8,
    56, 24, 32 };

/* The big-endian number of N bytes at P.  */
static uint64_t
number(const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | *p++;
	return v;
}

static bool
read_at(int fd, void *buf, size_t n, uint64_t at)
{
	ssize_t got;

	if (at > INT32_MAX)
		return false;
	got = pread(fd, buf, n, (off_t)at);
	return got >= 0 && (size_t)got == n;
}

/* The loader section, from malloc, one zero behind it; its length in N.  */
static unsigned char *
read_loader(int fd, const struct layout *l, const unsigned char *head,
    uint64_t *n)
{
	uint64_t at = l->header + number(head + l->opthdr, 2);
	uint64_t sections = number(head + 2, 2);
	unsigned char s[72], *v;

	for (uint64_t i = 0; i < sections && i < MAX_SECTIONS; i++) {
		if (!read_at(fd, s, l->section, at + i * l->section))
			return NULL;
		if ((number(s + l->kind, 4) & 0xffff) != STYP_LOADER)
			continue;
		*n = number(s + l->size, l->word);
		if (*n < l->loader || *n > MAX_LOADER)
			return NULL;
		v = calloc(1, (size_t)*n + 1);
		if (v != NULL && read_at(fd, v, (size_t)*n,
		    number(s + l->offset, l->word)))
			return v;
		free(v);
		return NULL;
	}
	return NULL;
}

/* Names of the modules that are imported from: path, file, member, each ended by
 * a zero; the first is the path to search.  What the kernel exports (/unix) does
 * not make a program dynamic.  */
static void
read_imports(const struct layout *l, const unsigned char *v, uint64_t n,
    struct mx_cmd_xcoff *x)
{
	uint64_t at = number(v + l->import_at, l->word);
	uint64_t length = number(v + 12, 4);
	unsigned part = 0;

	if (at > n || length > n - at)
		return;
	for (uint64_t end = at + length; at < end; part++) {
		const char *name = (const char *)v + at;

		at += strlen(name) + 1;
		if (part < 3 || part % 3 != 1 || *name == '\0' ||
		    *name == '.' || strcmp(name, "unix") == 0)
			continue;
		x->dynamic = true;
		x->threads |= strncmp(name, "libpthread", 10) == 0;
	}
}

static bool
is_malloc(const struct layout *l, const unsigned char *v, uint64_t n,
    const unsigned char *symbol)
{
	uint64_t text = number(v + l->text_at, l->word);
	uint64_t at = number(symbol + (l->word == 8 ? 8 : 4), 4);

	if (l->word == 4 && number(symbol, 4) != 0)
		return memcmp(symbol, "malloc\0", 8) == 0;
	return text < n && at < n - text &&
	    strcmp((const char *)v + text + at, "malloc") == 0;
}

static void
read_symbols(const struct layout *l, const unsigned char *v, uint64_t n,
    struct mx_cmd_xcoff *x)
{
	uint64_t at = l->word == 8 ? number(v + 40, 8) : l->loader;
	uint64_t count = number(v + 4, 4);

	for (uint64_t i = 0; i < count; i++) {
		uint64_t from = at + i * SYMBOL;

		if (at > n || from + SYMBOL > n)
			return;
		if ((v[from + 14] & L_EXPORT) != 0 &&
		    is_malloc(l, v, n, v + from))
			x->own_malloc = true;
	}
}

bool
mx_cmd_xcoff_read(const char *file, struct mx_cmd_xcoff *x)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	const struct layout *l;
	unsigned char head[24], *v;
	unsigned magic, flags;
	uint64_t n = 0;

	*x = (struct mx_cmd_xcoff){ .bits = 0 };
	if (fd < 0)
		return false;
	magic = read_at(fd, head, sizeof head, 0) ?
	    (unsigned)number(head, 2) : 0;
	if (magic != MAGIC_32 && magic != MAGIC_64) {
		close(fd);
		return false;
	}
	x->bits = magic == MAGIC_64 ? 64 : 32;
	l = magic == MAGIC_64 ? &layout_64 : &layout_32;
	flags = (unsigned)number(head + l->flags, 2);
	x->program = (flags & (F_EXEC | F_SHROBJ)) == F_EXEC;
	v = read_loader(fd, l, head, &n);
	if (v != NULL) {
		read_imports(l, v, n, x);
		read_symbols(l, v, n, x);
	}
	free(v);
	close(fd);
	return true;
}

static uint64_t
decimal(const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	for (; n > 0 && *p >= '0' && *p <= '9'; n--)
		v = v * 10 + (uint64_t)(*p++ - '0');
	return v;
}

/* The names of members, from AT to LAST; the end of the list may lie.  */
static bool
find_member(int fd, uint64_t at, uint64_t last, const char *member)
{
	unsigned char m[BIG_MEMBER];
	char name[64];
	size_t n = strlen(member);

	for (int i = 0; i < MAX_MEMBERS && n <= sizeof name; i++) {
		if (!read_at(fd, m, sizeof m, at))
			return false;
		if (decimal(m + BIG_NAME_SIZE, 4) == n &&
		    read_at(fd, name, n, at + sizeof m) &&
		    memcmp(name, member, n) == 0)
			return true;
		if (at == last)
			return false;
		at = decimal(m + BIG_NEXT, 20);
	}
	return false;
}

bool
mx_cmd_xcoff_has_member(const char *file, const char *member)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	unsigned char head[BIG_HEADER];
	bool found;

	if (fd < 0)
		return false;
	found = read_at(fd, head, sizeof head, 0) &&
	    memcmp(head, BIG_MAGIC, sizeof BIG_MAGIC - 1) == 0 &&
	    find_member(fd, decimal(head + BIG_FIRST, 20),
		decimal(head + BIG_LAST, 20), member);
	close(fd);
	return found;
}
