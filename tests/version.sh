#!/bin/sh
# version.sh - configure.ac, include/memaix.h and the command name one version.
#
# SPDX-License-Identifier: MIT

header=${top_srcdir:-.}/include/memaix.h

number()
{
	sed -n "s/^#define MEMAIX_VERSION_$1 \([0-9][0-9]*\)$/\1/p" "$header"
}

string=$(sed -n 's/^#define MEMAIX_VERSION "\(.*\)"$/\1/p' "$header")
numbers=$(number MAJOR).$(number MINOR).$(number PATCH)
command="memaix $MX_VERSION"
[ "${MX_CROSS:-no}" = yes ] || command=$("$MEMAIX" --version)

echo "configure.ac     $MX_VERSION"
echo "MEMAIX_VERSION   $string"
echo "..._MAJOR etc.   $numbers"
echo "memaix --version $command"
[ "$string" = "$MX_VERSION" ] && [ "$numbers" = "$MX_VERSION" ] &&
    [ "$command" = "memaix $MX_VERSION" ]
