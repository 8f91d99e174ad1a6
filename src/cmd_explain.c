/* cmd_explain.c - memaix explain: what a numbered message means.
 *
 * SPDX-License-Identifier: MIT  */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd_verbs.h"
#include "cmd.h"
#include "messages.h"

const char mx_cmd_explain_help[] =
"Tell what the message CODE (such as M001) means, what usually causes it, and\n"
"what to do. Without CODE: list all messages.\n";

struct message {
	int number;
	const char *brief;
	const char *full;
};

#define MESSAGE(number, name, brief, full) { number, brief, full },

static const struct message messages[] = { MX_MESSAGES(MESSAGE) };

enum { N_MESSAGES = sizeof messages / sizeof messages[0] };

/* "M001", "m1" and "1" are the same.  */
static int
parse(const char *code)
{
	char *end;
	long n;

	if (*code == 'M' || *code == 'm')
		code++;
	n = isdigit((unsigned char)*code) ? strtol(code, &end, 10) : 0;
	return n > 0 && n < 1000 && *end == '\0' ? (int)n : 0;
}

int
mx_cmd_explain_main(int argc, char **argv)
{
	int number;

	if (argc > 2)
		mx_cmd_die("explain takes one code");
	if (argc < 2) {
		for (int i = 0; i < N_MESSAGES; i++)
			printf("M%03d  %s\n", messages[i].number,
			    messages[i].brief);
		return EXIT_SUCCESS;
	}
	number = parse(argv[1]);
	for (int i = 0; i < N_MESSAGES; i++) {
		if (messages[i].number == number) {
			printf("M%03d: %s\n\n%s", number, messages[i].brief,
			    messages[i].full);
			return EXIT_SUCCESS;
		}
	}
	mx_cmd_die("no message %s; 'memaix explain' lists them", argv[1]);
}
