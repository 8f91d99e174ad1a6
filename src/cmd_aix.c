/* cmd_aix.c - preloading on AIX: XCOFF, LDR_PRELOAD, LDR_PRELOAD64.
 *
 * See cmd_os.h.  Written from IBM's documents; it has not run on AIX yet.
 * There is no ldd-like question to the loader that is safe for every program,
 * so mx_cmd_os_probe takes the format of the file as its proof.
 *
 * SPDX-License-Identifier: MIT  */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd_os.h"

/* The first two bytes of an XCOFF file.  */
#define MAGIC_32 0x01DF
#define MAGIC_64 0x01F7

#define MEMBER "libmemaix.so.0"

const char *const mx_cmd_os_library[] = {
	".libs/libmemaix.a",            /* a build tree */
	"../lib*/libmemaix.a",
	NULL
};

const char mx_cmd_os_library_name[] = "libmemaix.a";

char *
mx_cmd_os_preload(const char *file)
{
	if (strpbrk(file, " :()") != NULL)
		mx_cmd_die("LDR_PRELOAD cannot name %s: no space, colon or "
		    "parenthesis may be in it; move the library", file);
	return mx_cmd_text("%s(" MEMBER ")", file);
}

/* AIX does not tell the name of the running file: look for it as the shell
 * did.  */
char *
mx_cmd_os_self(void)
{
	const char *path = getenv("PATH");

	if (strchr(mx_cmd_name, '/') != NULL)
		return realpath(mx_cmd_name, NULL);
	while (path != NULL && *path != '\0') {
		size_t n = strcspn(path, ":");
		char *file = mx_cmd_text("%.*s/%s", (int)n, path,
		    mx_cmd_name);

		if (access(file, X_OK) == 0)
			return file;
		free(file);
		path += n + (path[n] == ':');
	}
	return NULL;
}

void
mx_cmd_os_inspect(struct mx_cmd_program *p, const unsigned char *head,
    size_t n, const char *library)
{
	unsigned magic = n < 2 ? 0 : (unsigned)head[0] << 8 | head[1];
	unsigned bits = magic == MAGIC_64 ? 64 : 32;

	(void)library;
	p->variable = bits == 64 ? "LDR_PRELOAD64" : "LDR_PRELOAD";
	if (magic != MAGIC_64 && magic != MAGIC_32) {
		p->why = mx_cmd_text("%s is neither an XCOFF program nor a "
		    "script", p->binary);
		p->advice = "start what interprets it instead";
	} else if (bits != 8 * sizeof(void *)) {
		p->why = mx_cmd_text("%s is a %u-bit program, libmemaix is "
		    "%u-bit", p->binary, bits, (unsigned)(8 * sizeof(void *)));
		p->advice = "build memaix for that width and name it in "
		    "MEMAIX_LIBRARY";
	}
}

int
mx_cmd_os_probe(struct mx_cmd_program *p, const char *library,
    const char *preload)
{
	(void)p;
	(void)library;
	(void)preload;
	return 0;
}
