/* cxx_load.c - a C program that loads C++: cxx_test.cc as a library, and with it the
 * C++ library, seen by nobody else.  So interpreters load their extensions.
 *
 * SPDX-License-Identifier: MIT  */

#include <dlfcn.h>
#include <stdio.h>

int
main(int argc, char **argv)
{
	void *library = argc < 2 ? NULL :
	    dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
	int (*run)(void);

	if (library == NULL) {
		fprintf(stderr, "cxx_load: %s\n", dlerror());
		return 99;
	}
	*(void **)&run = dlsym(library, "main");
	return run == NULL || run == (int (*)(void))main ? 99 : run();
}
