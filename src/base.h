/* base.h - the words every other file is written in.
 *
 * Owns: attributes, branch hints, alignment arithmetic and the three prices of
 * assertion.  Must not know: any other file of memaix, nor the system.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_BASE_H
#define MX_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MX_LIKELY(x)    __builtin_expect(!!(x), 1)
#define MX_UNLIKELY(x)  __builtin_expect(!!(x), 0)
#define MX_COLD         __attribute__((cold, noinline))
/* Begins on a cache line.  Worth it: with malloc at other offsets the same
 * instructions took 1.6 times as long in glibc-simple (16-byte blocks, Zen 5),
 * since branch predictors go by lines.  */
#define MX_HOT          __attribute__((hot, aligned(64)))
#define MX_NOINLINE     __attribute__((noinline))
#define MX_INLINE       static inline __attribute__((always_inline))
#define MX_NORETURN     __attribute__((noreturn))
#define MX_EXPORT       __attribute__((visibility("default")))
/* Zero, unless another file of the same library says what it begins as.  */
#define MX_COMMON       __attribute__((common))
#define MX_ALIGNED(n)   __attribute__((aligned(n)))
#define MX_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* -DMX_CHECKS=0 leaves out the tests for misuse on the hit paths.  There to be
 * measured against, not to be used.  */
#ifndef MX_CHECKS
# define MX_CHECKS 1
#endif

#if defined __SANITIZE_THREAD__
# define MX_TSAN 1
#elif defined __has_feature
# if __has_feature(thread_sanitizer)
#  define MX_TSAN 1
# endif
#endif

/* X is not what the function answers, and not to lie where answers go: gcc takes that
 * register for what it sees first, and copies the answer in the end.  */
#if defined __GNUC__ && defined __x86_64__
# define MX_NO_RESULT(x) __asm__("" : "+d"(x))
#else
# define MX_NO_RESULT(x) ((void)0)
#endif

/* Data that two threads write lies this far apart.  POWER's lines are 128
 * bytes; x86 fetches 64-byte lines in pairs.  */
#define MX_CACHE_LINE   128

#if defined __BYTE_ORDER__ && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
# define MX_BIG_ENDIAN 1
#else
# define MX_BIG_ENDIAN 0
#endif

#define MX_KIB          ((size_t)1 << 10)
#define MX_MIB          ((size_t)1 << 20)
#define MX_GIB          ((size_t)1 << 30)

/* A is a power of two in the four below.  */
MX_INLINE bool
mx_is_pow2(size_t a)
{
	return a != 0 && (a & (a - 1)) == 0;
}

MX_INLINE size_t
mx_align_up(size_t n, size_t a)
{
	return (n + (a - 1)) & ~(a - 1);
}

MX_INLINE size_t
mx_align_down(size_t n, size_t a)
{
	return n & ~(a - 1);
}

MX_INLINE bool
mx_is_aligned(size_t n, size_t a)
{
	return (n & (a - 1)) == 0;
}

MX_INLINE size_t
mx_min(size_t a, size_t b)
{
	return a < b ? a : b;
}

MX_INLINE size_t
mx_max(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* Position of the highest set bit; N is not 0.  */
MX_INLINE unsigned
mx_log2(size_t n)
{
	return (unsigned)(8 * sizeof(size_t) - 1) -
	    (unsigned)(sizeof(size_t) == 8 ? __builtin_clzll(n) :
	    __builtin_clz((unsigned)n));
}

/* Assertions, cheapest first.  mx_assert: one compare, debug builds.
 * mx_assert_slow: a walk, debug builds with --enable-debug=slow.  What must be
 * seen in release builds is not an assertion but mx_misuse (misuse.h).  */
MX_NORETURN void mx_assert_fail(const char *file, int line, const char *what);

#ifdef MX_DEBUG
# define mx_assert(x) \
	((x) ? (void)0 : mx_assert_fail(__FILE__, __LINE__, #x))
#else
# define mx_assert(x) ((void)sizeof((x) ? 1 : 0))
#endif

#if defined MX_DEBUG && MX_DEBUG >= 2
# define mx_assert_slow(x) mx_assert(x)
#else
# define mx_assert_slow(x) ((void)sizeof((x) ? 1 : 0))
#endif

/* __atomic built-ins rather than <stdatomic.h>: clang for AIX has no such
 * header.  Every use names its order.  */
#define mx_load(p, order)       __atomic_load_n(p, __ATOMIC_##order)
#define mx_store(p, v, order)   __atomic_store_n(p, v, __ATOMIC_##order)

/* A relaxed load of an aligned word for one use.  gcc makes it a part of the
 * instruction that uses it, which it never does with an atomic one: three
 * instructions less in free.  mx_poke: the store for it.  */
#ifdef MX_TSAN
# define mx_peek(p)             mx_load(p, RELAXED)
# define mx_poke(p, v)          mx_store(p, v, RELAXED)
#else
# define mx_peek(p)             (*(p))
# define mx_poke(p, v)          ((void)(*(p) = (v)))
#endif

#define mx_add(p, v, order)     __atomic_add_fetch(p, v, __ATOMIC_##order)
#define mx_sub(p, v, order)     __atomic_sub_fetch(p, v, __ATOMIC_##order)
#define mx_swap(p, v, order)    __atomic_exchange_n(p, v, __ATOMIC_##order)
#define mx_cas_weak(p, old, v, order, fail) \
	__atomic_compare_exchange_n(p, old, v, true, \
	    __ATOMIC_##order, __ATOMIC_##fail)

#endif /* MX_BASE_H */
