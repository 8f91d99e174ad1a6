# objects.py - work for a Python interpreter: dictionaries, lists, strings,
# JSON, instances.  Its argument is the number of rounds.
#
# SPDX-License-Identifier: MIT
import json
import sys


class Account:
    def __init__(self, number, owner):
        self.number = number
        self.owner = owner
        self.history = []

    def post(self, amount, text):
        self.history.append((amount, text))

    def balance(self):
        return sum(amount for amount, _ in self.history)


def numbers(seed):
    while True:
        seed = (seed * 1103515245 + 12345) & 0x7fffffff
        yield seed >> 8


def accounts(random, n):
    table = {}
    for i in range(n):
        name = "owner-%d" % (next(random) % (n * 4))
        table.setdefault(name, []).append(Account(i, name))
    for owned in table.values():
        for account in owned:
            for k in range(next(random) % 8):
                account.post(next(random) % 1000 / 10, "entry %d" % k)
    return sum(a.balance() for owned in table.values() for a in owned)


def texts(random, n):
    words = ["".join(chr(97 + next(random) % 26)
                     for _ in range(2 + next(random) % 9)) for _ in range(n)]
    count = {}
    for word in (" ".join(words) + " " + " ".join(reversed(words))).split():
        count[word] = count.get(word, 0) + 1
    lines = "\n".join("%s=%d" % item for item in sorted(count.items()))
    return len(lines.replace("a", "aa").upper())


def documents(random, n):
    data = [{"id": i, "tags": ["t%d" % (next(random) % 50) for _ in range(5)],
             "value": next(random) / 7, "sub": {"name": "n" * (i % 30)}}
            for i in range(n)]
    back = json.loads(json.dumps(data))
    return len(json.dumps(back, sort_keys=True, indent=1))


def main():
    random = numbers(1)
    kept = []
    for turn in range(int(sys.argv[1])):
        kept.append([accounts(random, 1500), texts(random, 2500),
                     documents(random, 800)])
        kept[turn].extend([x * turn] for x in range(5000))
    print([line[:3] for line in kept])


main()
