/* cmd_find.c - finding the program and the library.  See cmd_find.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "cmd_find.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHELL "/bin/sh"

/* As many #! lines as Linux follows.  */
#define MAX_SCRIPTS 5

/* What the kernel reads of a #! line.  */
#define HEAD 256

static int
status_of(int error)
{
	return error == ENOENT || error == ENOTDIR ? MX_CMD_NOT_FOUND :
	    MX_CMD_NOT_EXECUTABLE;
}

/* 0, or why FILE cannot be started.  */
static int
try_file(const char *file)
{
	struct stat st;

	if (stat(file, &st) != 0)
		return errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	return access(file, X_OK) == 0 ? 0 : errno;
}

/* Search PATH for P->name.  Like execvp: the first file that may be executed
 * wins; one that may not is only remembered.  */
static int
search_path(struct mx_cmd_program *p)
{
	const char *path = getenv("PATH");
	int error = ENOENT;

	if (path == NULL)
		path = "/bin:/usr/bin";
	for (;;) {
		size_t n = strcspn(path, ":");
		char *file = mx_cmd_text("%.*s/%s", n == 0 ? 1 : (int)n,
		    n == 0 ? "." : path, p->name);
		int e = try_file(file);

		if (e == 0) {
			p->path = file;
			return 0;
		}
		if (status_of(e) == MX_CMD_NOT_EXECUTABLE && e != EISDIR)
			error = e;
		free(file);
		if (path[n] == '\0')
			return error;
		path += n + 1;
	}
}

static int
find_path(struct mx_cmd_program *p)
{
	int error;

	if (p->name[0] == '\0')
		return ENOENT;
	if (strchr(p->name, '/') == NULL)
		return search_path(p);
	error = try_file(p->name);
	if (error == 0)
		p->path = mx_cmd_text("%s", p->name);
	return error;
}

/* The first bytes of FILE into HEAD, zeros behind; how many, or -1.  */
static ssize_t
read_head(const char *file, char head[HEAD + 1])
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	memset(head, 0, HEAD + 1);
	if (fd < 0)
		return -1;
	n = read(fd, head, HEAD);
	close(fd);
	return n;
}

/* The interpreter that the first line HEAD of a script names, in HEAD itself;
 * NULL when it names none.  */
static char *
interpreter(char *head)
{
	char *at = head + 2 + strspn(head + 2, " \t");

	at[strcspn(at, " \t\n")] = '\0';
	return *at == '\0' ? NULL : at;
}

/* Follow #! lines from P->path to what the system really loads.  N is then the
 * number of bytes in HEAD.  Answers 0 or an exit code.  */
static int
follow(struct mx_cmd_program *p, char head[HEAD + 1], ssize_t *n)
{
	p->binary = mx_cmd_text("%s", p->path);
	for (int i = 0; i < MAX_SCRIPTS; i++) {
		const char *next = SHELL;
		int error;

		*n = read_head(p->binary, head);
		if (*n < 0) {
			p->why = mx_cmd_text("%s cannot be read: %s",
			    p->binary, strerror(errno));
			p->advice = "make it readable";
			return 0;
		}
		if (head[0] == '#' && head[1] == '!')
			next = interpreter(head);
		else if (*n > 0 && memchr(head, '\0', (size_t)*n) != NULL)
			return 0;
		/* Text without a #! line: execvp gives it to the shell.  */
		error = next == NULL ? ENOEXEC : try_file(next);
		if (error != 0) {
			mx_cmd_say("%s: its interpreter %s: %s", p->binary,
			    next == NULL ? "" : next, strerror(error));
			return status_of(error);
		}
		free(p->binary);
		p->binary = mx_cmd_text("%s", next);
	}
	mx_cmd_say("%s: too many interpreters", p->path);
	return MX_CMD_NOT_EXECUTABLE;
}

int
mx_cmd_find_program(struct mx_cmd_program *p, const char *library)
{
	char head[HEAD + 1];
	ssize_t n = 0;
	int error = find_path(p);
	int status;

	if (error != 0) {
		mx_cmd_say("%s: %s", p->name, error == ENOENT &&
		    strchr(p->name, '/') == NULL ? "not found in PATH" :
		    strerror(error));
		return status_of(error);
	}
	status = follow(p, head, &n);
	if (status != 0 || p->why != NULL)
		return status;
	mx_cmd_os_inspect(p, (const unsigned char *)head, (size_t)n, library);
	return 0;
}

/* The first readable file that PATTERN in FOLDER matches, or NULL.  */
static char *
match(const char *folder, const char *pattern)
{
	char *all = mx_cmd_text("%s/%s", folder, pattern);
	char *found = NULL;
	glob_t g;

	if (glob(all, 0, NULL, &g) == 0) {
		for (size_t i = 0; i < g.gl_pathc && found == NULL; i++)
			if (access(g.gl_pathv[i], R_OK) == 0)
				found = realpath(g.gl_pathv[i], NULL);
		globfree(&g);
	}
	free(all);
	return found;
}

static char *
match_near(void)
{
	char *folder = mx_cmd_os_self();
	char *slash = folder == NULL ? NULL : strrchr(folder, '/');
	char *found = NULL;

	if (slash != NULL) {
		*slash = '\0';
		for (size_t i = 0; mx_cmd_os_library[i] && !found; i++)
			found = match(folder, mx_cmd_os_library[i]);
	}
	free(folder);
	return found;
}

char *
mx_cmd_find_library(void)
{
	const char *wish = getenv("MEMAIX_LIBRARY");
	char *found;

	if (wish != NULL && *wish != '\0') {
		found = realpath(wish, NULL);
		if (found == NULL || access(found, R_OK) != 0)
			mx_cmd_die("MEMAIX_LIBRARY: %s: %s", wish,
			    strerror(errno));
		return found;
	}
	found = match_near();
	if (found == NULL)
		found = match(MX_LIBDIR, mx_cmd_os_library_name);
	if (found == NULL)
		mx_cmd_die("cannot find %s near this command or in %s; "
		    "name the file in MEMAIX_LIBRARY", mx_cmd_os_library_name,
		    MX_LIBDIR);
	return found;
}
