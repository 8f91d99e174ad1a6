# limit.py - a program for preload.sh, under a limit of address space: memory
# can be had, runs out with an exception, and can be had again.
#
# SPDX-License-Identifier: MIT

blocks = []
for turn in range(3):
    try:
        while True:
            blocks.append(bytearray(1 << 20))
    except MemoryError:
        pass
    enough = len(blocks) >= 100
    blocks = []
    words = [str(i) * 3 for i in range(200000)]
    print(turn, 'enough' if enough else 'too little', len(set(words)))
    del words
