/* stdlib.h - see testdecl.h.  SPDX-License-Identifier: MIT  */
#include "../testdecl.h"
#include "../stdlib.h"
