# work.py - a large program that allocates, with threads; prints a digest.
#
# Threads are started by _thread: threading waits for ever for one that had no
# memory to begin with.
#
# SPDX-License-Identifier: MIT
import _thread
import hashlib
import json
import os
import sys
import time


def give_up(text):
    os.write(2, text)
    os._exit(1)


def work(seed, out):
    try:
        data = {}
        for i in range(400):
            key = "%d-%d" % (seed, i * 7919 % 1009)
            data[key] = [i] * (i % 70) + [key * (i % 9)]
            if i % 100 == 0:
                data[key] = "x" * (i * 3000)
        text = json.dumps(data, sort_keys=True)
        out[seed] = hashlib.sha256(text.encode()).hexdigest()
    except MemoryError:
        give_up(b"no memory: in a thread\n")


def main():
    out = {}
    for i in range(3):
        _thread.start_new_thread(work, (i, out))
    work(9, out)
    end = time.monotonic() + 5
    while len(out) < 4:
        if time.monotonic() > end:
            give_up(b"no memory: a thread does not end\n")
        time.sleep(0.01)
    text = json.dumps(sorted(out.items()))
    print(hashlib.sha256(text.encode()).hexdigest())


try:
    main()
except (MemoryError, RuntimeError) as e:
    sys.exit("no memory: %s" % e)
