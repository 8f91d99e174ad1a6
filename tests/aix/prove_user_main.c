/* prove_user_main.c - the program that prove.sh starts with prove_user.c.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* AltiVec's <stdlib.h> makes vec_malloc of it; that one is asked for by itself.  */
#undef malloc
#undef calloc

static void *
thread(void *arg)
{
	free(malloc(100));
	return arg;
}

/* Does a call reach the replacement?  It counts its calls in mallinfo.  */
static void
routed(const char *name, unsigned long before)
{
	struct mallinfo m = mallinfo();

	printf("user.%s=%s\n", name, m.uordblks > before ? "reaches it" :
	    "does not reach it");
	fflush(stdout);
}

int
main(void)
{
	pthread_t t;
	unsigned long before;
	void *p;
	pid_t pid;

	before = mallinfo().uordblks;
	p = malloc(10);
	routed("malloc", before);
	free(p);
	before = mallinfo().uordblks;
	p = strdup("text");
	routed("strdup", before);
	free(p);
	before = mallinfo().uordblks;
	p = valloc(10);
	routed("valloc", before);
	free(p);
#ifdef PROVE_VEC
	{
		extern void *vec_malloc(size_t);

		before = mallinfo().uordblks;
		p = vec_malloc(10);
		routed("vec_malloc", before);
		free(p);
	}
#endif
	if (pthread_create(&t, NULL, thread, NULL) == 0)
		pthread_join(t, NULL);
	pid = fork();
	if (pid == 0)
		_exit(0);
	(void)waitpid(pid, NULL, 0);
	return 0;
}
