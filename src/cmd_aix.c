/* cmd_aix.c - preloading on AIX: XCOFF, MALLOCTYPE, LDR_PRELOAD, LDR_PRELOAD64.
 *
 * See cmd_os.h.  MALLOCTYPE=user: is taken where it can be: libc itself then calls
 * memaix for everybody, and nobody's blocks meet another's free.  What a variable
 * of the loader brings in front of libc, libc's own calls do not see (IBM, "Shared
 * objects and runtime linking").
 *
 * UNPROVEN on AIX: written from IBM's documents; tests/aix runs it on XCOFF files
 * elsewhere.  There is no ldd-like question to the loader that is safe for every
 * program, so mx_cmd_os_probe takes the format of the file as its proof.
 *
 * SPDX-License-Identifier: MIT  */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd_os.h"
#include "cmd_xcoff.h"

#define MEMBER "libmemaix.so.0"
#define USER "libmemaix_user.a"
#define BITS (8 * (unsigned)sizeof(void *))

const char *const mx_cmd_os_library[] = {
	".libs/libmemaix.a",            /* a build tree */
	"../lib*/libmemaix.a",
	NULL
};

const char mx_cmd_os_library_name[] = "libmemaix.a";

char *
mx_cmd_os_preload(const struct mx_cmd_program *p, const char *file)
{
	if (p->single)
		return mx_cmd_text("user:" USER);
	if (strpbrk(file, " :()") != NULL)
		mx_cmd_die("%s cannot name %s: no space, colon or "
		    "parenthesis may be in it; move the library", p->variable,
		    file);
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

/* Is the archive for MALLOCTYPE beside LIBRARY, with a module of that width?  LIBPATH
 * names that folder.  */
static bool
has_user_archive(const char *library, unsigned bits)
{
	const char *slash = strrchr(library, '/');
	char *file = mx_cmd_text("%.*s/" USER, slash == NULL ? 1 :
	    (int)(slash - library), slash == NULL ? "." : library);
	char *member = mx_cmd_text("mem%u.o", bits);
	bool found = strpbrk(library, ":") == NULL &&
	    mx_cmd_xcoff_has_member(file, member);

	free(member);
	free(file);
	return found;
}

/* MALLOCTYPE holds one thing: what the user asked of libc there stays.  */
static bool
is_asked_for(void)
{
	const char *type = getenv("MALLOCTYPE");

	return type != NULL && *type != '\0' &&
	    strcmp(type, "user:" USER) != 0;
}

static void
choose(struct mx_cmd_program *p, const struct mx_cmd_xcoff *x,
    const char *library)
{
	p->variable = x->bits == 64 ? "LDR_PRELOAD64" : "LDR_PRELOAD";
	if (is_asked_for()) {
		p->note = "MALLOCTYPE is set already, else it would be used: it "
		    "reaches libc's calls too";
	} else if (!has_user_archive(library, x->bits)) {
		p->note = mx_cmd_text("there is no " USER " with mem%u.o beside "
		    "the library, which would reach libc's calls too", x->bits);
	} else {
		p->variable = "MALLOCTYPE";
		p->single = true;
		p->folders = "LIBPATH";
		p->reach = "every call in the process, libc's own too";
		if (!x->threads)
			p->note = "it does not import from libpthreads: one "
			    "cache, and no statistics at exit";
		return;
	}
	p->reach = "calls of the program and its modules, not libc's own";
}

/* Would starting FILE change who the process is?  Whether AIX then drops these
 * variables no document says; a loader that did not would be a hole.  */
static const char *
privilege(const char *file)
{
	struct stat st;

	if (stat(file, &st) != 0)
		return NULL;
	if ((st.st_mode & S_ISUID) != 0 && st.st_uid != getuid())
		return "set-user-ID";
	if ((st.st_mode & S_ISGID) != 0 && st.st_gid != getgid())
		return "set-group-ID";
	return NULL;
}

static void
refuse(struct mx_cmd_program *p, char *why, const char *advice)
{
	p->why = why;
	p->advice = advice;
}

void
mx_cmd_os_inspect(struct mx_cmd_program *p, const unsigned char *head,
    size_t n, const char *library)
{
	struct mx_cmd_xcoff x;
	const char *mark = privilege(p->binary);

	p->variable = BITS == 64 ? "LDR_PRELOAD64" : "LDR_PRELOAD";
	if (!mx_cmd_xcoff_read(p->binary, &x)) {
		p->kind = mx_cmd_text(n >= 4 && memcmp(head, "\177ELF", 4) ==
		    0 ? "ELF, for another system" : "neither XCOFF nor a "
		    "script");
		refuse(p, mx_cmd_text("%s is neither an XCOFF program nor a "
		    "script", p->binary),
		    "start what interprets it instead");
		return;
	}
	p->kind = mx_cmd_text("%u-bit XCOFF %s, %s%s%s%s", x.bits, x.program ?
	    "program" : "object", x.dynamic ? "dynamic" : "static",
	    x.threads ? ", with threads" : "", mark == NULL ? "" : ", ",
	    mark == NULL ? "" : mark);
	choose(p, &x, library);
	if (!x.program)
		refuse(p, mx_cmd_text("%s is no program", p->binary),
		    "start one that uses it");
	else if (x.bits != BITS && !p->single)
		refuse(p, mx_cmd_text("%s is a %u-bit program, libmemaix is "
		    "%u-bit", p->binary, x.bits, BITS), "build memaix for that "
		    "width and name it in MEMAIX_LIBRARY, or add its member to "
		    USER);
	else if (!x.dynamic)
		refuse(p, mx_cmd_text("%s is a static program: it has a libc "
		    "of its own", p->binary),
		    "link it with libmemaix.a instead");
	else if (mark != NULL)
		refuse(p, mx_cmd_text("%s is %s: the system drops such "
		    "variables", p->binary, mark),
		    "link it with -lmemaix instead");
	else if (x.own_malloc)
		refuse(p, mx_cmd_text("%s brings its own malloc, and is bound "
		    "to it", p->binary), "link it with -lmemaix instead");
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
