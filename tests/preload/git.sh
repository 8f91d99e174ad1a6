#!/bin/sh
# git.sh - a program for preload.sh: a repository from nothing to packed.
#
# SPDX-License-Identifier: MIT

set -e
rm -rf work copy
mkdir work
cd work
git init -q -b main .
git config user.name tester
git config user.email tester@example.org
i=0
while [ $i -lt 5 ]; do
	i=$((i + 1))
	awk -v turn=$i 'BEGIN {
		srand(turn)
		for (f = 0; f < 400; f++) {
			name = sprintf("d%d/f%d.txt", f % 20, f)
			if (f < 20)
				system("mkdir -p d" f)
			n = 1 + int(rand() * 200)
			for (l = 0; l < n; l++)
				print l * f, "some text " l * turn >name
			close(name)
		}
	}'
	git add -A
	GIT_AUTHOR_DATE="2001-02-03T04:05:0$i +0000" \
	GIT_COMMITTER_DATE="2001-02-03T04:05:0$i +0000" \
		git commit -q -m "turn $i"
done
git log --stat | cksum
git rev-parse HEAD
git clone -q --no-local . ../copy
cd ../copy
git rev-parse HEAD
git -c pack.threads=4 repack -q -a -d -f --depth=50 --window=20
git fsck --full --strict
git grep -c 'text 100' | cksum
git diff HEAD~3 HEAD | cksum
git gc -q --prune=now
git verify-pack .git/objects/pack/*.idx
git archive HEAD | tar tf - | wc -l
