/* override_cxx.c - C++'s operators new and delete, by their mangled names.
 *
 * Owns: names and what the C++ standard says of failure.  From C, so that the
 * library does not depend on libstdc++.  Throwing is C++'s own business: when
 * memory is short the next definition of the same operator (libstdc++'s) is
 * called; it asks malloc, which is ours, again, runs the new-handler and throws
 * bad_alloc.  In a static program there is no next definition, but libstdc++'s
 * two helpers are linked in.
 *
 * This file is compiled with -fexceptions: exceptions pass through it.
 *
 * SPDX-License-Identifier: MIT  */

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

#include "api.h"
#include "panic.h"

/* Itanium mangling: size_t is m (unsigned long) or j (unsigned int).  */
#if __SIZEOF_SIZE_T__ == __SIZEOF_LONG__ && __SIZEOF_LONG__ == 8
# define SZ "m"
# define NAME(a, b) a##m##b
#else
# define SZ "j"
# define NAME(a, b) a##j##b
#endif

struct nothrow;

typedef void handler(void);

/* std::get_new_handler() and std::__throw_bad_alloc().  Weak in the shared
 * library, which may serve a program without C++.  The archive's copy is only
 * linked into programs that use operator new, and there a weak name would not
 * bring the two in.  */
#ifdef PIC
# define MAYBE __attribute__((weak))
#else
# define MAYBE
#endif
extern handler *_ZSt15get_new_handlerv(void) MAYBE;
extern void _ZSt17__throw_bad_allocv(void) MAYBE;

#ifdef PIC
static bool
is_cxx_linked(void)
{
	return _ZSt15get_new_handlerv != NULL &&
	    _ZSt17__throw_bad_allocv != NULL;
}
#endif

static void *
allocate(size_t n, size_t align)
{
	return align == 0 ? mx_malloc(n) : mx_aligned_alloc(align, n);
}

/* The standard's loop, for when libstdc++'s helpers are linked.  */
static void *
new_loop(size_t n, size_t align)
{
	handler *h;
	void *p;

	for (;;) {
		p = allocate(n, align);
		if (p != NULL)
			return p;
		h = _ZSt15get_new_handlerv();
		if (h == NULL)
			_ZSt17__throw_bad_allocv();
		h();
	}
}

#ifdef PIC

/* The definition of NAME behind ours; NULL: there is none.  A library in C++ that a C
 * program loads may bring the C++ library along for itself alone (RTLD_LOCAL), as
 * interpreters' extensions do; RTLD_NEXT does not look there.  The handle stays open:
 * who called us cannot do without that library.  */
static void *
next_operator(const char *name)
{
	static const char *const libraries[] = {
		"libstdc++.so.6", "libc++.so.1"
	};
	void *v = dlsym(RTLD_NEXT, name);
	void *library;

	for (size_t i = 0; v == NULL && i < 2; i++) {
		library = dlopen(libraries[i], RTLD_LAZY | RTLD_NOLOAD);
		if (library != NULL)
			v = dlsym(library, name);
	}
	return v;
}

MX_COLD static void *
new_failed(size_t n, size_t align)
{
	void *(*plain)(size_t);
	void *(*aligned)(size_t, size_t);

	if (is_cxx_linked())
		return new_loop(n, align);
	if (align == 0) {
		*(void **)&plain = next_operator("_Znw" SZ);
		if (plain != NULL)
			return plain(n);
	} else {
		*(void **)&aligned = next_operator("_Znw" SZ "St11align_val_t");
		if (aligned != NULL)
			return aligned(n, align);
	}
	mx_panic("operator new: out of memory, and no C++ library to throw "
	    "bad_alloc", NULL);
}

/* Only C++ can catch what a new-handler throws, so the next definition has to
 * run it; without one the answer is NULL, which nothrow allows.  The archive
 * leaves these forms to libstdc++, whose own call the throwing ones, ours.  */
MX_COLD static void *
new_nothrow_failed(size_t n, size_t align, const struct nothrow *t)
{
	void *(*plain)(size_t, const struct nothrow *);
	void *(*aligned)(size_t, size_t, const struct nothrow *);

	if (align == 0) {
		*(void **)&plain = next_operator("_Znw" SZ "RKSt9nothrow_t");
		return plain != NULL ? plain(n, t) : NULL;
	}
	*(void **)&aligned = next_operator("_Znw" SZ
	    "St11align_val_tRKSt9nothrow_t");
	return aligned != NULL ? aligned(n, align, t) : NULL;
}

#else

MX_COLD static void *
new_failed(size_t n, size_t align)
{
	return new_loop(n, align);
}

#endif

MX_INLINE void *
new_(size_t n)
{
	void *p = mx_malloc(n);

	return MX_LIKELY(p != NULL) ? p : new_failed(n, 0);
}

MX_INLINE void *
new_aligned(size_t n, size_t align)
{
	void *p = mx_aligned_alloc(align, n);

	return MX_LIKELY(p != NULL) ? p : new_failed(n, align);
}

#ifdef PIC
MX_INLINE void *
new_nothrow(size_t n, const struct nothrow *t)
{
	void *p = mx_malloc(n);

	return MX_LIKELY(p != NULL) ? p : new_nothrow_failed(n, 0, t);
}

MX_INLINE void *
new_aligned_nothrow(size_t n, size_t align, const struct nothrow *t)
{
	void *p = mx_aligned_alloc(align, n);

	return MX_LIKELY(p != NULL) ? p : new_nothrow_failed(n, align, t);
}
#endif

#define NEW(name, parameters, call) \
	MX_EXPORT void *name parameters; \
	MX_EXPORT MX_HOT void *name parameters { return call; }

#define DELETE(name, parameters, call) \
	MX_EXPORT void name parameters; \
	MX_EXPORT MX_HOT void name parameters { call; }

#define DELETE_NAME "operator delete"

NEW(NAME(_Znw,), (size_t n), new_(n))
NEW(NAME(_Zna,), (size_t n), new_(n))
NEW(NAME(_Znw, St11align_val_t), (size_t n, size_t align),
    new_aligned(n, align))
NEW(NAME(_Zna, St11align_val_t), (size_t n, size_t align),
    new_aligned(n, align))
#ifdef PIC
NEW(NAME(_Znw, RKSt9nothrow_t), (size_t n, const struct nothrow *t),
    new_nothrow(n, t))
NEW(NAME(_Zna, RKSt9nothrow_t), (size_t n, const struct nothrow *t),
    new_nothrow(n, t))
NEW(NAME(_Znw, St11align_val_tRKSt9nothrow_t),
    (size_t n, size_t align, const struct nothrow *t),
    new_aligned_nothrow(n, align, t))
NEW(NAME(_Zna, St11align_val_tRKSt9nothrow_t),
    (size_t n, size_t align, const struct nothrow *t),
    new_aligned_nothrow(n, align, t))
#endif

DELETE(_ZdlPv, (void *p), mx_free(p))
DELETE(_ZdaPv, (void *p), mx_free(p))
DELETE(_ZdlPvRKSt9nothrow_t, (void *p, const struct nothrow *t),
    (void)t; mx_free(p))
DELETE(_ZdaPvRKSt9nothrow_t, (void *p, const struct nothrow *t),
    (void)t; mx_free(p))
DELETE(NAME(_ZdlPv,), (void *p, size_t n), mx_free_sized(DELETE_NAME, p, n))
DELETE(NAME(_ZdaPv,), (void *p, size_t n), mx_free_sized(DELETE_NAME, p, n))
DELETE(_ZdlPvSt11align_val_t, (void *p, size_t align),
    (void)align; mx_free(p))
DELETE(_ZdaPvSt11align_val_t, (void *p, size_t align),
    (void)align; mx_free(p))
DELETE(NAME(_ZdlPv, St11align_val_t), (void *p, size_t n, size_t align),
    mx_free_checked(DELETE_NAME, p, align, n))
DELETE(NAME(_ZdaPv, St11align_val_t), (void *p, size_t n, size_t align),
    mx_free_checked(DELETE_NAME, p, align, n))
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t,
    (void *p, size_t align, const struct nothrow *t),
    (void)align; (void)t; mx_free(p))
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t,
    (void *p, size_t align, const struct nothrow *t),
    (void)align; (void)t; mx_free(p))
