/* xload.h - what the parts of the rig share.
 *
 * The rig runs XCOFF64 modules in a big-endian Linux process: xload.c is AIX's
 * loader, shim_*.c are the parts of AIX's libc, libpthreads and kernel that memaix
 * and its tests use.  What a shim does for AIX's sake stands under a comment that
 * names its source, or says "belief".  Sources in short: IBM = ibm.com/docs, AIX
 * 7.x; H53 = AIX 5.3 headers in a public index; rustlibc = rust-lang/libc
 * src/unix/aix; OpenJDK, OMR, gnulib, bdwgc, Go = their repositories; doc/aix.md
 * has them in full.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef XLOAD_H
#define XLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which kernel and libc to be, from RIG in the environment: "name,name=value".
 * Where nobody knows what AIX does, both answers are modes.  */
struct rig {
	enum { DISCLAIM_WORKS, DISCLAIM_FAILS, DISCLAIM_LIES,
	    DISCLAIM_ZEROES } disclaim; /* the last: and keeps the frames */
	bool part_refused;      /* disclaim of a part of a page fails */
	enum { MINCORE_WORKS, MINCORE_FAILS, MINCORE_ALL } mincore;
	bool mprotect_whole;    /* of a part of a page: all of it */
	bool break_mprotect;    /* of the break: 0, and nothing happens */
	bool sus;               /* XPG_SUS_ENV=ON: mapping over a mapping */
	bool page_64k;          /* mappings have 64 KiB pages */
	bool map_64k;           /* MAP_ANON_64K is there (7.3 TL1) */
	bool map_64k_small;     /* and changes nothing */
	bool no_vmgetinfo;      /* and its answer */
	bool no_postfork_child; /* unlock hook is not called in the child */
	bool no_pthreads;       /* a program without libpthreads */
	bool pthreads_early;    /* usable before __malloc_init__ */
	bool no_early_key;      /* no key is made inside __malloc_init__ */
	bool key_mallocs;       /* pthread_setspecific allocates */
	bool hooks_outside;     /* fork hooks around the handlers */
	bool libc_valloc;       /* valloc does not ask the replacement */
	bool libc_vec;          /* nor do vec_malloc and vec_calloc */
	bool late_environ;      /* no environment before libpthreads is up */
	bool no_init;           /* -binitfini routines do not run */
	bool no_getprocs;       /* getprocs64 finds nothing, without an errno */
	bool no_next;           /* dlsym does not know RTLD_NEXT */
	bool report;            /* say what was done, at exit */
	size_t data_limit;      /* RLIMIT_DATA, for sbrk */
	bool limit_maps;        /* and for mappings */
};

extern struct rig rig;

/* A name that a shim defines, by the library it is in on AIX.  */
struct shim {
	const char *library;    /* libc.a, libpthreads.a, or the rig's own */
	const char *name;
	void *value;            /* of a function: its descriptor */
};

#define SHIM(lib, name) { lib, #name, (void *)(uintptr_t)&name }
#define SHIM_AS(lib, name, to) { lib, #name, (void *)(uintptr_t)&to }

extern const struct shim shim_libc[], shim_mem[], shim_pthread[], shim_sys[],
    shim_malloc[], shim_check[];

__attribute__((noreturn, format(printf, 1, 2)))
void rig_die(const char *format, ...);

/* An errno of this system as AIX numbers it.  */
int rig_errno(int e);

/* ---- xload.c ---- */

struct module;

/* Load a module by "file" or "file(member)", with all it needs; NULL if there is
 * no such file.  xload_bind makes it ready to run.  */
struct module *xload_module(const char *what);
void xload_bind(struct module *m);

struct module *xload_nth(int i);
void xload_set_preload(struct module *m);
void *xload_entry(const struct module *m);
void xload_make_stubs(void);

/* The bytes of a module; NULL if there is no such file.  */
const char *xload_open(const char *what);

/* The value of NAME as module M exports it; NULL: it does not.  */
void *xload_export(const struct module *m, const char *name);

/* The same of a shim; LIBRARY NULL: of any library.  */
void *xload_shim(const char *library, const char *name);

/* The definition of NAME behind the module that holds address CALLER.  */
void *xload_next(const void *caller, const char *name);

/* Give the calling thread its copy of every module's thread-local data.  */
void xload_thread_start(void);

/* Run the routines that -binitfini named.  */
void xload_init(void);
void xload_fini(void);

/* ---- shims ---- */

/* Before any module is loaded.  */
void shim_start(void);

/* Bytes in memory of what modules mapped and of the break.  */
size_t shim_mem_resident(void);

/* MALLOCTYPE: find the replacement, and call it as libc does.  */
void malloc_choose(void);
extern bool malloc_is_in_init;
void malloc_fork_hook(bool before, bool child);

/* What the program's libc calls by itself.  */
void *libc_malloc(size_t n);
void libc_free(void *p);

void aix_exit(int status);
extern char **aix_environ;

#endif /* XLOAD_H */
