/* sys/stat.h - see testdecl.h.  SPDX-License-Identifier: MIT  */
#include "../../testdecl.h"
