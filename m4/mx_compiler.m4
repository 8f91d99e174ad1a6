# mx_compiler.m4 - what the compiler and the linker accept.
#
# Nothing here changes CFLAGS or LDFLAGS: those belong to the user.
#
# SPDX-License-Identifier: MIT

# MX_COMPILE_FLAGS(VARIABLE, FLAGS)
# ---------------------------------
# Append to VARIABLE each of FLAGS that the compiler takes without a word.
# clang only warns about a flag it does not know, hence -Werror.
AC_DEFUN([MX_COMPILE_FLAGS], [
for mx_flag in $2; do
	AC_MSG_CHECKING([whether $CC accepts $mx_flag])
	mx_save_CFLAGS=$CFLAGS
	CFLAGS="$CFLAGS -Werror $mx_flag"
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
	    [AS_VAR_APPEND([$1], [" $mx_flag"])
	     AC_MSG_RESULT([yes])],
	    [AC_MSG_RESULT([no])])
	CFLAGS=$mx_save_CFLAGS
done
])

# MX_LINK_FLAGS(VARIABLE, FLAGS)
# ------------------------------
# The same for the linker.
AC_DEFUN([MX_LINK_FLAGS], [
for mx_flag in $2; do
	AC_MSG_CHECKING([whether the linker accepts $mx_flag])
	mx_save_LDFLAGS=$LDFLAGS
	LDFLAGS="$LDFLAGS $mx_flag"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
	    [AS_VAR_APPEND([$1], [" $mx_flag"])
	     AC_MSG_RESULT([yes])],
	    [AC_MSG_RESULT([no])])
	LDFLAGS=$mx_save_LDFLAGS
done
])

# MX_FIND_SHARED(VARIABLE, NAMES)
# -------------------------------
# Put into VARIABLE those of the shared libraries NAMES that the compiler's
# search path holds, by their short names.  Only for the report: the benches
# look for themselves.
AC_DEFUN([MX_FIND_SHARED], [
$1=
for mx_lib in $2; do
	case `$CC -print-file-name=$mx_lib 2>/dev/null` in
	*/*)
		mx_short=${mx_lib%%.so*}
		AS_VAR_APPEND([$1], [" ${mx_short@%:@lib}"]) ;;
	esac
done
])
