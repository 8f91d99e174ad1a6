/* stdlib.h - see aixdecl.h.  SPDX-License-Identifier: MIT  */
#include "aixdecl.h"

/* H53: another malloc for those who want Linux's, and one whose blocks are aligned
 * to 16 where the compiler has AltiVec on, as Open XL has by default.  */
#if defined(_ALL_SOURCE) && defined(_LINUX_SOURCE_COMPAT)
void *__linux_malloc(size_t);
void *__linux_realloc(void *, size_t);
void *__linux_calloc(size_t, size_t);
void *__linux_valloc(size_t);
# define malloc __linux_malloc
# define calloc __linux_calloc
# define realloc __linux_realloc
# define valloc __linux_valloc
#endif
#ifdef _ALL_SOURCE
void *vec_malloc(size_t);
void *vec_calloc(size_t, size_t);
# if defined(__VEC__) || defined(__AIXVEC)
#  define malloc vec_malloc
#  define calloc vec_calloc
# endif
#endif
