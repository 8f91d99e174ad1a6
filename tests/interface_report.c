/* interface_report.c - what an allocator says of itself, and the options that
 * programs set.  Part of interface_test.
 *
 * SPDX-License-Identifier: MIT  */

#include <ctype.h>

#include "interface.h"

#define BIG (32 * PLAIN_MIB)

static void
test_mallinfo2(void)
{
	struct mallinfo2 before, with, after;
	void *p;

	if (mallinfo2 == NULL)
		return;
	before = mallinfo2();
	p = p_malloc(BIG);
	memset(p, 1, BIG);
	with = mallinfo2();
	p_free(p);
	after = mallinfo2();
	/* Some put large blocks under hblkhd alone, as glibc does.  */
	CHECK_AT(with.uordblks + with.hblkhd >= before.uordblks +
	    before.hblkhd + BIG, with.uordblks);
	CHECK_AT(after.uordblks + after.hblkhd + BIG / 2 < with.uordblks +
	    with.hblkhd, after.uordblks);
	CHECK_AT(with.arena + with.hblkhd >= with.uordblks, with.arena);
	if (standard)
		return;
	CHECK_AT(with.uordblks >= before.uordblks + BIG, with.uordblks);
	CHECK_AT(after.uordblks + BIG <= with.uordblks, after.uordblks);
}

/* Many small blocks show too.  */
static void
test_mallinfo2_small(void)
{
	enum { MANY = 100000 };
	struct mallinfo2 before, with, after;
	static void *p[MANY];

	if (mallinfo2 == NULL)
		return;
	before = mallinfo2();
	for (int i = 0; i < MANY; i++)
		p[i] = p_malloc(100);
	with = mallinfo2();
	for (int i = 0; i < MANY; i++)
		p_free(p[i]);
	after = mallinfo2();
	CHECK_AT(with.uordblks >= before.uordblks + MANY * 100,
	    with.uordblks - before.uordblks);
	CHECK_AT(with.uordblks <= before.uordblks + MANY * 200,
	    with.uordblks - before.uordblks);
	CHECK_AT(after.uordblks <= before.uordblks + PLAIN_MIB,
	    after.uordblks - before.uordblks);
}

static void
test_mallinfo(void)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	struct mallinfo before, with;
	void *p;

	if (mallinfo == NULL)
		return;
	before = mallinfo();
	p = p_malloc(BIG);
	with = mallinfo();
	p_free(p);
#pragma GCC diagnostic pop
	CHECK(with.uordblks + with.hblkhd >= before.uordblks + before.hblkhd +
	    (int)BIG);
	CHECK(with.uordblks > 0 && with.ordblks >= 0 && with.fordblks >= 0);
}

static void
test_trim(void)
{
	if (malloc_trim == NULL)
		return;
	for (size_t pad = 0; pad < 10 * PLAIN_MIB; pad = pad * 8 + 1) {
		void *p = p_malloc(PLAIN_MIB);
		int answer;

		memset(p, 1, PLAIN_MIB);
		p_free(p);
		answer = malloc_trim(pad);
		CHECK_AT(answer == 0 || answer == 1, pad);
	}
}

static void
test_mallopt(void)
{
	/* The values are glibc's.  */
	static const int options[][2] = {
		{ 1, 64 }, { -1, 131072 }, { -2, 131072 }, { -3, 131072 },
		{ -4, 65536 }, { -5, 0 }, { -6, 0 }, { -7, 2 }, { -8, 4 }
	};

	for (size_t i = 0; mallopt != NULL &&
	    i < sizeof options / sizeof options[0]; i++) {
		int answer = mallopt(options[i][0], options[i][1]);

		CHECK_AT(answer == 0 || answer == 1, i);
	}
	use_and_free(p_malloc(100), 100);
	use_and_free(p_malloc(BIG), BIG);
}

/* Bytes that malloc_stats writes to standard error.  */
static void
test_stats(void)
{
	FILE *f = tmpfile();
	int saved = dup(2);
	off_t n;

	if (malloc_stats == NULL || f == NULL || saved < 0)
		return;
	fflush(stderr);
	dup2(fileno(f), 2);
	malloc_stats();
	fflush(stderr);
	n = lseek(2, 0, SEEK_CUR);
	dup2(saved, 2);
	close(saved);
	fclose(f);
	CHECK_AT(n > 0, (size_t)n);
}

/* One tag behind `<' at P; NULL if it is none.  Opening tags go on the stack
 * of names, closing ones must be on it.  */
static const char *
take_tag(const char *p, const char **names, size_t *depth)
{
	bool closing = *p == '/';
	const char *name = closing ? p + 1 : p;
	size_t n = 0;

	while (isalnum((unsigned char)name[n]) || name[n] == '_' ||
	    name[n] == '-')
		n++;
	p = name + n;
	if (n == 0 || (*p != '>' && *p != '/' && *p != ' ' && *p != '\n'))
		return NULL;
	for (; *p != '>'; p++) {
		if (*p == '\0' || *p == '<')
			return NULL;
		if (*p == '"' && (p = strchr(p + 1, '"')) == NULL)
			return NULL;
	}
	if (closing) {
		if (*depth == 0 || strncmp(names[--*depth], name, n) != 0)
			return NULL;
	} else if (p[-1] != '/') {
		if (*depth == 100)
			return NULL;
		names[(*depth)++] = name;
	}
	return p + 1;
}

/* One element with everything closed, and nothing behind it.  */
static bool
is_well_formed(const char *p)
{
	const char *names[100];
	size_t depth = 0;

	do {
		p = strchr(p, '<');
		if (p == NULL)
			return false;
		p = take_tag(p + 1, names, &depth);
		if (p == NULL)
			return false;
	} while (depth > 0);
	return p[strspn(p, " \n")] == '\0';
}

static void
test_info(void)
{
	static char text[1 << 20];
	FILE *f = tmpfile();
	size_t n;

	CHECK(is_well_formed("<a><b c=\"1>\"/>x<d></d></a>\n"));
	CHECK(!is_well_formed("<a><b></a></b>"));
	CHECK(!is_well_formed("<a><b></b>"));
	if (malloc_info == NULL || f == NULL)
		return;
	CHECK(malloc_info(0, f) == 0);
	rewind(f);
	n = fread(text, 1, sizeof text - 1, f);
	text[n] = '\0';
	fclose(f);
	CHECK_AT(strncmp(text, "<malloc", 7) == 0, n);
	CHECK_AT(is_well_formed(text), n);
	f = tmpfile();
	if (f == NULL)
		return;
	CHECK(malloc_info(1, f) != 0);
	fclose(f);
}

void
interface_report(void)
{
	test_mallinfo2();
	test_mallinfo2_small();
	test_mallinfo();
	test_trim();
	test_mallopt();
	test_stats();
	test_info();
}
