/* xfile.c - files and archives of modules.
 *
 * SPDX-License-Identifier: MIT  */

#include "xload.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "xcoff.h"

static char *
read_file(const char *path)
{
	struct stat st;
	char *v;
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) != 0 || st.st_size < 24)
		rig_die("%s: no module", path);
	v = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return v == MAP_FAILED ? NULL : v;
}

static const char *
archive_member(const char *file, const char *name)
{
	const struct big_archive *a = (const struct big_archive *)file;
	size_t at = strtoul(a->first, NULL, 10);

	while (at != 0) {
		const struct big_member *m =
		    (const struct big_member *)(file + at);
		size_t n = strtoul(m->name_size, NULL, 10);
		const char *text = (const char *)(m + 1);

		if (n == strlen(name) && memcmp(text, name, n) == 0)
			return text + n + (n & 1) + 2;
		at = at == strtoul(a->last, NULL, 10) ? 0 :
		    strtoul(m->next, NULL, 10);
	}
	return NULL;
}

/* BASE in the folders of LIBPATH, unless it has a folder.  */
static char *
find_file(const char *base)
{
	const char *path = getenv("LIBPATH");
	char full[512];
	char *v;

	if (strchr(base, '/') != NULL || path == NULL)
		return read_file(base);
	for (; *path != '\0'; path += strcspn(path, ":"), path += *path == ':') {
		snprintf(full, sizeof full, "%.*s/%s",
		    (int)strcspn(path, ":"), path, base);
		v = read_file(full);
		if (v != NULL)
			return v;
	}
	return NULL;
}

/* "file" or "file(member)" to the bytes of the module.  */
const char *
xload_open(const char *what)
{
	char file[256];
	char member[128] = "";
	const char *v;

	if (sscanf(what, "%255[^(](%127[^)])", file, member) < 1)
		return NULL;
	v = find_file(file);
	if (v == NULL)
		return NULL;
	if (memcmp(v, BIG_MAGIC, 8) == 0) {
		v = archive_member(v, member);
		if (v == NULL)
			return NULL;
	}
	if (((const struct xcoff_file *)v)->magic != XCOFF_MAGIC_64)
		rig_die("%s: not a 64-bit module", what);
	return v;
}
