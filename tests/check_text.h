/* check_text.h - what a test needs to read what the core prints.
 *
 * Owns: one buffer of text, filled through a sink or from a file descriptor that
 * is diverted into a file for a while.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef CHECK_TEXT_H
#define CHECK_TEXT_H

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "out.h"

static char text[16384];
static size_t text_used;
static FILE *text_file;
static int text_saved_fd;

static inline void
text_clear(void)
{
	text_used = 0;
	text[0] = '\0';
}

/* A sink for mx_out_init.  */
static inline void
text_take(void *arg, const char *s, size_t n)
{
	(void)arg;
	ck_assert_uint_lt(text_used + n, sizeof text);
	memcpy(text + text_used, s, n);
	text_used += n;
	text[text_used] = '\0';
}

/* From here on what goes to standard error goes into a file.  */
static inline void
text_divert(void)
{
	text_file = tmpfile();
	ck_assert_ptr_nonnull(text_file);
	text_saved_fd = dup(STDERR_FILENO);
	ck_assert_int_ge(text_saved_fd, 0);
	ck_assert_int_ge(dup2(fileno(text_file), STDERR_FILENO), 0);
}

/* And from here on no more; `text' has it.  */
static inline void
text_restore(void)
{
	ck_assert_int_ge(dup2(text_saved_fd, STDERR_FILENO), 0);
	close(text_saved_fd);
	rewind(text_file);
	text_used = fread(text, 1, sizeof text - 1, text_file);
	text[text_used] = '\0';
	fclose(text_file);
}

static inline void
text_has(const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no `%s' in: %s", part,
	    text);
}

static inline void
text_has_not(const char *part)
{
	ck_assert_msg(strstr(text, part) == NULL, "`%s' in: %s", part, text);
}

static inline size_t
text_lines(void)
{
	size_t n = 0;

	for (const char *p = text; *p != '\0'; p++)
		n += *p == '\n';
	return n;
}

#endif /* CHECK_TEXT_H */
