# python.py - a program for preload.sh: threads, processes, sqlite3, numbers.
#
# SPDX-License-Identifier: MIT

import array
import collections
import gc
import hashlib
import json
import multiprocessing
import random
import re
import sqlite3
import sys
import threading
import zlib


def digest(x):
    return hashlib.sha256(repr(x).encode()).hexdigest()[:16]


def make(seed, n):
    r = random.Random(seed)
    return {'%x' % r.getrandbits(40):
            [r.random() for _ in range(r.randrange(9))] for _ in range(n)}


def work(seed):
    d = make(seed, 3000)
    text = json.dumps(d, sort_keys=True)
    assert json.loads(text) == d
    data = text.encode()
    assert zlib.decompress(zlib.compress(data, 9)) == data
    return digest(text)


def threads():
    results = {}

    def run(i):
        results[i] = [work(i * 10 + j) for j in range(3)]

    for _ in range(3):
        all_threads = [threading.Thread(target=run, args=(i,))
                       for i in range(8)]
        for t in all_threads:
            t.start()
        for t in all_threads:
            t.join()
    print('threads', digest(sorted(results.items())))


def processes():
    for method in 'fork', 'spawn':
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, digest(pool.map(work, range(12))))


def numbers():
    a, b = 0, 1
    for _ in range(40000):
        a, b = b, a + b
    print('fibonacci', digest(hex(a)))
    print('power', digest(hex(pow(3, 20000) // pow(7, 5000))))


def database():
    db = sqlite3.connect(':memory:')
    db.execute('create table t (id integer primary key, a text, b real)')
    r = random.Random(5)
    db.executemany('insert into t (a, b) values (?, ?)',
                   (('x' * r.randrange(300), r.random())
                    for _ in range(30000)))
    db.execute('create index i on t (a, b)')
    print('sqlite', db.execute(
        'select count(*), sum(length(a)), round(sum(b), 6), count(distinct a)'
        ' from t where b > 0.25').fetchall())


def objects():
    class Node:
        def __init__(self, n):
            self.me = self
            self.children = [Node(n - 1) for _ in range(3)] if n else []

    for _ in range(3):
        Node(7)
        gc.collect()
    words = collections.Counter(re.findall(r'\w+', 'the quick brown ' * 20000))
    numbers = array.array('q', range(300000))
    numbers.extend(numbers)
    print('objects', sorted(words.items()), sum(numbers))


if __name__ == '__main__':
    threads()
    processes()
    numbers()
    database()
    objects()
    sys.stdout.flush()
