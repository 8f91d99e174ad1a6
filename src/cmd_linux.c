/* cmd_linux.c - preloading on Linux: ELF, LD_PRELOAD, set-user-ID.
 *
 * See cmd_os.h.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cmd_elf.h"
#include "cmd_os.h"
#include "cmd_xcoff.h"

const char *const mx_cmd_os_library[] = {
	".libs/libmemaix.so.0",         /* a build tree */
	"../lib*/libmemaix.so.0",
	"../lib/*/libmemaix.so.0",      /* Debian: one folder per machine */
	NULL
};

const char mx_cmd_os_library_name[] = "libmemaix.so.0";

static const char link_it[] = "link it with -lmemaix instead";
static const char link_static[] = "link it with libmemaix.a instead";

char *
mx_cmd_os_preload(const struct mx_cmd_program *p, const char *file)
{
	(void)p;
	/* LD_PRELOAD has no way to quote these.  */
	if (strpbrk(file, " :$\t\n") != NULL)
		mx_cmd_die("LD_PRELOAD cannot name %s: no space, colon or "
		    "dollar sign may be in it; move the library", file);
	return mx_cmd_text("%s", file);
}

char *
mx_cmd_os_self(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path);

	if (n <= 0 || (size_t)n == sizeof path)
		return NULL;
	return mx_cmd_text("%.*s", (int)n, path);
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

static void
refuse(struct mx_cmd_program *p, char *why, const char *advice)
{
	p->why = why;
	p->advice = advice;
}

/* Would starting FILE change who the process is, or what it may?  Then the
 * loader runs in secure mode, which ignores paths in LD_PRELOAD.  NULL: no.  */
static const char *
privilege(const char *file)
{
	struct stat st;
	struct statvfs fs;

	if (stat(file, &st) != 0)
		return NULL;
	/* The kernel leaves the marks alone in these two cases.  */
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ||
	    (statvfs(file, &fs) == 0 && (fs.f_flag & ST_NOSUID) != 0))
		return NULL;
	if ((st.st_mode & S_ISUID) != 0 && st.st_uid != getuid())
		return "set-user-ID";
	if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
	    st.st_gid != getgid())
		return "set-group-ID";
	if (getuid() != 0 &&
	    getxattr(file, "security.capability", NULL, 0) > 0)
		return "privileged by file capabilities";
	return NULL;
}

/* Is the process itself already such that every loader distrusts it?  */
static bool
is_distrusted(void)
{
	return getuid() != geteuid() || getgid() != getegid();
}

static void
inspect_machine(struct mx_cmd_program *p, const struct mx_cmd_elf *e,
    const char *library)
{
	struct mx_cmd_elf lib;
	char is[64], ours[64];

	if (!mx_cmd_elf_read(library, &lib))
		mx_cmd_die("%s is no shared library", library);
	if (e->bits == lib.bits && e->machine == lib.machine &&
	    e->big_endian == lib.big_endian)
		return;
	refuse(p, mx_cmd_text("%s is a %s program, libmemaix is %s",
	    p->binary, mx_cmd_elf_machine(e, is, sizeof is),
	    mx_cmd_elf_machine(&lib, ours, sizeof ours)),
	    "build memaix for that machine and name it in MEMAIX_LIBRARY");
}

/* The library needs the C library it was built with, and so this command's
 * loader: one for musl does not serve glibc.  */
static void
inspect_loader(struct mx_cmd_program *p, const struct mx_cmd_elf *e)
{
	struct mx_cmd_elf self;

	p->loader = mx_cmd_text("%s", e->loader);
	if (!mx_cmd_elf_read("/proc/self/exe", &self) || !self.dynamic ||
	    self.bits != e->bits || self.machine != e->machine)
		return;
	if (strcmp(base_name(self.loader), base_name(e->loader)) != 0)
		refuse(p, mx_cmd_text("%s uses another C library: its loader "
		    "is %s, that of libmemaix is %s", p->binary, e->loader,
		    self.loader), "build memaix with that C library");
}

/* What is no ELF file.  */
static void
refuse_other(struct mx_cmd_program *p)
{
	struct mx_cmd_xcoff x;

	if (mx_cmd_xcoff_read(p->binary, &x)) {
		p->kind = mx_cmd_text("%u-bit XCOFF, for AIX", x.bits);
		refuse(p, mx_cmd_text("%s is a program for AIX", p->binary),
		    "ask memaix there");
		return;
	}
	p->kind = mx_cmd_text("neither ELF nor a script");
	refuse(p, mx_cmd_text("%s is neither an ELF program nor a script",
	    p->binary), "start what interprets it instead");
}

static void
describe(struct mx_cmd_program *p, const struct mx_cmd_elf *e, const char *mark)
{
	char machine[64];

	(void)mx_cmd_elf_machine(e, machine, sizeof machine);
	p->kind = mx_cmd_text("%s ELF%s%s%s%s", machine, !e->native ? "" :
	    e->dynamic ? ", dynamic, loader " : ", static",
	    e->dynamic ? e->loader : "", mark == NULL ? "" : ", ",
	    mark == NULL ? "" : mark);
}

void
mx_cmd_os_inspect(struct mx_cmd_program *p, const unsigned char *head,
    size_t n, const char *library)
{
	struct mx_cmd_elf e;
	const char *mark = privilege(p->binary);

	p->variable = "LD_PRELOAD";
	p->reach = "every call in the process, libc's own too";
	if (n < 4 || memcmp(head, "\177ELF", 4) != 0 ||
	    !mx_cmd_elf_read(p->binary, &e)) {
		refuse_other(p);
		return;
	}
	describe(p, &e, mark);
	inspect_machine(p, &e, library);
	if (p->why != NULL)
		return;
	if (!e.dynamic)
		refuse(p, mx_cmd_text("%s is a static program: no loader "
		    "reads LD_PRELOAD", p->binary), link_static);
	else if (mark != NULL)
		refuse(p, mx_cmd_text("%s is %s: its loader ignores "
		    "LD_PRELOAD", p->binary, mark), link_it);
	else if (is_distrusted())
		refuse(p, mx_cmd_text("this process changed its user or group "
		    "when it started: loaders ignore LD_PRELOAD"),
		    "start it as the user it shall run as");
	else if (e.own_malloc)
		refuse(p, mx_cmd_text("%s brings its own malloc, which comes "
		    "before any preloaded one", p->binary), link_it);
	else
		inspect_loader(p, &e);
}

/* The child: the loader lists what it would map, and does not start it.  */
MX_NORETURN static void
list_objects(const struct mx_cmd_program *p, const char *preload, int to)
{
	dup2(to, STDOUT_FILENO);
	dup2(to, STDERR_FILENO);
	setenv(p->variable, preload, 1);
	setenv("LC_ALL", "C", 1);
	unsetenv("LD_DEBUG");
	execl(p->loader, p->loader, "--list", p->binary, (char *)NULL);
	_exit(MX_CMD_NOT_FOUND);
}

/* What the loader said.  */
struct answer {
	bool mapped;            /* the library is in */
	char *complaint;        /* why it does not take the library */
	char *missing;          /* why it cannot start the program at all */
};

/* "object 'LIBRARY' from LD_PRELOAD cannot be preloaded (REASON): ignored." */
static char *
complaint_in(char *line)
{
	char *at = strstr(line, "cannot be preloaded");
	char *open, *close;

	if (at == NULL || (open = strchr(at, '(')) == NULL ||
	    (close = strrchr(open, ')')) == NULL)
		return NULL;
	return mx_cmd_text("%.*s", (int)(close - open - 1), open + 1);
}

/* "PROGRAM: error while loading shared libraries: REASON"  */
static char *
missing_in(char *line)
{
	static const char words[] = "error while loading shared libraries: ";
	char *at = strstr(line, words);

	return at == NULL ? NULL : mx_cmd_text("%s", at + strlen(words));
}

static void
read_answer(FILE *f, const char *library, struct answer *a)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, f) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		if (a->missing == NULL)
			a->missing = missing_in(line);
		if (strstr(line, library) == NULL)
			continue;
		if (strstr(line, " (0x") != NULL)
			a->mapped = true;
		else if (a->complaint == NULL)
			a->complaint = complaint_in(line);
	}
	free(line);
}

/* The loader P->loader is asked what it would map.  */
static void
ask_loader(const struct mx_cmd_program *p, const char *library,
    const char *preload, struct answer *a)
{
	int fd[2];
	pid_t child;
	FILE *f;

	fflush(NULL);
	if (pipe(fd) != 0 || (child = fork()) < 0)
		mx_cmd_die("cannot ask the loader: %s", strerror(errno));
	if (child == 0)
		list_objects(p, preload, fd[1]);
	close(fd[1]);
	f = fdopen(fd[0], "r");
	if (f == NULL)
		mx_cmd_die("cannot ask the loader: %s", strerror(errno));
	read_answer(f, library, a);
	fclose(f);
	waitpid(child, NULL, 0);
}

int
mx_cmd_os_probe(struct mx_cmd_program *p, const char *library,
    const char *preload)
{
	struct answer a = { .mapped = false };
	int status = 0;

	ask_loader(p, library, preload, &a);
	if (!a.mapped && a.missing != NULL) {
		mx_cmd_say("%s: %s", p->binary, a.missing);
		status = MX_CMD_NOT_FOUND;
	} else if (!a.mapped) {
		refuse(p, mx_cmd_text("the loader %s does not take %s%s%s",
		    p->loader, library, a.complaint != NULL ? ": " : "",
		    a.complaint != NULL ? a.complaint : ""), link_it);
	}
	free(a.complaint);
	free(a.missing);
	return status;
}
