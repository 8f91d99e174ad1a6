/* calls.c - a program that only allocates, between two marks, for syscalls.sh.
 *
 *   calls nothing|one|threads|fork|foreign
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/wait.h>

#include "../plain.h"

/* Seen in a trace: nobody else writes to descriptor -1.  */
static void
mark(const char *text)
{
	if (write(-1, text, strlen(text)) >= 0)
		abort();
}

static void *
work(void *arg)
{
	static __thread char *p[1000];
	uint64_t state = (uintptr_t)arg;
	size_t n;

	for (int i = 0; i < 30000; i++) {
		size_t k = plain_below(&state, 1000);

		n = plain_size(&state, i % 50 ? 12 : 24);
		switch (plain_below(&state, 5)) {
		case 0:
			free(p[k]);
			p[k] = calloc(1, n);
			break;
		case 1:
			free(p[k]);
			p[k] = memalign(4096, n);
			break;
		case 2:
			free(p[k]);
			p[k] = malloc(n);
			break;
		default:
			p[k] = realloc(p[k], n + 1);
			break;
		}
		if (p[k] != NULL)
			memset(p[k], 1, malloc_usable_size(p[k]) < 4096 ?
			    malloc_usable_size(p[k]) : 4096);
	}
	for (int k = 0; k < 1000; k++)
		free(p[k]);
	malloc_trim(0);
	return NULL;
}

extern void *__libc_malloc(size_t);

enum { FOREIGN = 20 };

/* Blocks of libc's; half of them are freed by another thread.  */
static void *foreign[2 * FOREIGN];

static void *
free_foreign(void *arg)
{
	for (int i = 0; i < FOREIGN; i++)
		free(((void **)arg)[i]);
	return NULL;
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	pthread_t t[3];

	/* What was refused before main is not main's.  */
	if (strcmp(what, "errno") == 0)
		return errno;
	for (int i = 0; i < 2 * FOREIGN; i++)
		foreign[i] = __libc_malloc(100);
	mark("begin\n");
	if (strcmp(what, "foreign") == 0)
		(void)free_foreign(foreign);
	if (strcmp(what, "one") == 0)
		(void)work((void *)1);
	if (strcmp(what, "threads") == 0 || strcmp(what, "fork") == 0) {
		for (uintptr_t i = 0; i < 3; i++)
			if (pthread_create(&t[i], NULL, work, (void *)i) != 0)
				return 99;
		for (int i = 0; strcmp(what, "fork") == 0 && i < 20; i++) {
			pid_t pid = fork();
			int status;

			if (pid == 0) {
				free(malloc(100000));
				_exit(0);
			}
			if (waitpid(pid, &status, 0) != pid || status != 0)
				return 1;
		}
		for (int i = 0; i < 3; i++)
			pthread_join(t[i], NULL);
	}
	mark("end\n");
	if (strcmp(what, "foreign") == 0 &&
	    (pthread_create(t, NULL, free_foreign, foreign + FOREIGN) != 0 ||
	    pthread_join(t[0], NULL) != 0))
		return 99;
	return 0;
}
