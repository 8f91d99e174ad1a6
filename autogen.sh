#!/bin/sh
# autogen.sh - make configure after a clone.
# SPDX-License-Identifier: MIT
cd "$(dirname "$0")" && exec autoreconf -fi -Wall "$@"
