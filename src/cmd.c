/* cmd.c - messages of the command.  See cmd.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "cmd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *mx_cmd_name = "memaix";

static void MX_PRINTF(1, 0)
say(const char *format, va_list ap)
{
	fputs("memaix: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
}

void
mx_cmd_say(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(format, ap);
	va_end(ap);
}

void
mx_cmd_die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(format, ap);
	va_end(ap);
	exit(MX_CMD_REFUSED);
}

char *
mx_cmd_text(const char *format, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, format);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	text = n < 0 ? NULL : malloc((size_t)n + 1);
	if (text == NULL)
		mx_cmd_die("no memory");
	va_start(ap, format);
	vsnprintf(text, (size_t)n + 1, format, ap);
	va_end(ap);
	return text;
}

void
mx_cmd_set_env(const char *name, const char *value)
{
	if (setenv(name, value, 1) != 0)
		mx_cmd_die("cannot set %s: %s", name, strerror(errno));
}
