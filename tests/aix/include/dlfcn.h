/* dlfcn.h - see aixdecl.h.  SPDX-License-Identifier: MIT  */
#include "aixdecl.h"
