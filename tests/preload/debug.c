/* debug.c - for preload.sh: a program to be looked at with a debugger.
 *
 * SPDX-License-Identifier: MIT  */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
	struct node *next;
	int value;
	char name[16];
};

static int
leaf(const struct node *n, int depth)
{
	return n->value + depth;
}

static int
walk(const struct node *n, int depth)
{
	if (n->next == NULL)
		return leaf(n, depth);
	return walk(n->next, depth + 1) + n->value;
}

int
main(void)
{
	struct node *list = NULL;
	int sum;

	for (int i = 0; i < 5; i++) {
		struct node *n = malloc(sizeof *n);

		if (n == NULL)
			return 1;
		n->next = list;
		n->value = i * 11;
		snprintf(n->name, sizeof n->name, "node %d", i);
		list = n;
	}
	sum = walk(list, 0);
	printf("sum %d\n", sum);
	return 0;
}
