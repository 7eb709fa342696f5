#!/usr/bin/env python3
"""Runs the model as a test and prints TAP.

    python3 run.py HISTORIES              the rules hold; every mutant is caught
    python3 run.py hunt MUTANT [CLIMATE [FROM]]   looks for a seed that catches MUTANT, for the table below

A mutant's seed is where a search starts, not a promise: after a change of the
model the search goes on from there through its climate, for LIMIT histories.
"""
import itertools
import sys

from model import Model, history

STEP = len(Model.CLIMATES)
LIMIT = 60
VARIANTS = ['floorlast', 'skipunseen', 'onlyhollow', 'nocreateflush', 'createfree',
            'latest']           # different, and right as well
SEEDS = dict(
    nocand=0, nocarry=0, nodurable=7, nohorizon=0, nofk=10, notouch=0, nogone=3634, nogoneclear=9,
    nofloorflush=331, nostub=2, nohollowindex=10, nohollow=3, noallincomplete=10, nooldindex=738,
    nonewindex=6, nokeychange=65, deleteown=7, deletenofloor=108, deleteunflushed=1237,
    deletehollow=11479, wholeown=130, completeunflushed=3000103, nocreatelock=3,
    nocreatefloor=2037, unclean=1017, nofloorcheck=108, notrimcheck=563, tailearly=23, headlate=16,
    floorfirst=56, floorearly=254, snaplate=12, epochearly=89, latefloor=3615, trimfirst=9,
    nokeep=0, keeplate=3, floorbeforerevive=1471, latepublish=0, noreadlock=2363,
    waitnolock=663, waitnohead=2100)


def search(mutant, seed, limit):
    """the first seed that catches the mutant, and how many histories it took"""
    for n in range(limit):
        found, _ = history(seed + n * STEP, mutant)
        if found: return seed + n * STEP, n + 1, found
    return None, limit, None


def hold(bug, seeds):
    for seed in seeds:
        found, _ = history(seed, bug)
        if found: return found
    return None


def report(number, good, claim, note=None):
    print(f'{"ok" if good else "not ok"} {number} - {claim}', flush=True)
    if note: print('#', note)
    return good


def check(histories):
    print(f'1..{1 + len(VARIANTS) + len(SEEDS)}')
    found, number = hold(None, range(histories)), itertools.count(1)
    good = [report(next(number), not found, f'no violation in {histories} histories', found)]
    for v in VARIANTS:
        n = max(6, histories // 20)
        found = hold(v, range(n))
        good.append(report(next(number), not found, f'variant {v} holds in {n} histories', found))
    for mutant, seed in SEEDS.items():
        seen, n, _ = search(mutant, seed, LIMIT)
        good.append(report(next(number), seen is not None, f'mutant {mutant} is caught',
                           None if n == 1 else f'after {n} histories: seed {seen}'))
    return all(good)


if __name__ == '__main__':
    if sys.argv[1] == 'hunt':
        first = int(sys.argv[3]) if len(sys.argv) > 3 else 0
        base = int(sys.argv[4]) if len(sys.argv) > 4 else 0
        seed, n, found = search(sys.argv[2], base - base % STEP + first, 10000)
        print(found or 'not caught', f'({n} histories)')
        sys.exit(0 if found else 1)
    sys.exit(0 if check(int(sys.argv[1])) else 1)
