"""Proves: check.py finds each anomaly in a history made by hand that has it,
and nothing in the same history at a level that allows it.

A transaction is "level begin-end outcome ops"; the levels are C, R and S.
"""
import sys

from check import History

# name: (transactions, final lists, levels: anomalies that are found there)
CASES = {
    "nothing happens": (
        ["0-1 c a 1 1", "2-3 c r 1 1;a 1 2;r 1 1,2", "4-5 c r 1 1,2;r 2 "], {1: "1,2"},
        {"CRS": []}),
    "an aborted read": (
        ["0-1 c a 1 1", "2-9 a a 1 2", "3-4 c r 1 1,2"], {1: "1"},
        {"CRS": ["G1a", "incompatible order"]}),
    "a read of what a savepoint took back": (
        ["0-9 c a 1 1;s;a 1 2;x;a 1 3", "3-4 c r 1 1,2"], {1: "1,3"},
        {"CRS": ["G1a", "incompatible order"]}),
    "a savepoint goes back, as it should": (
        ["0-9 c a 1 1;s;a 1 2;r 1 1,2;x;r 1 1;a 1 3", "10-11 c r 1 1,3"], {1: "1,3"},
        {"CRS": []}),
    "the own aborted append is read": (
        ["0-1 c a 1 1", "2-3 a a 1 2;r 1 1,2", "4-5 c r 1 1"], {1: "1"},
        {"CRS": []}),
    "an intermediate read": (
        ["0-9 c a 1 1;a 1 2", "1-3 c r 1 1"], {1: "1,2"},
        {"C": ["G1b"], "RS": ["G1b", "G-single"]}),
    "an aborted append stays": (
        ["0-1 a a 1 1", "2-3 c a 1 2"], {1: "1,2"},
        {"CRS": ["dirty write"]}),
    "a lost append": (
        ["0-1 c a 1 1", "2-3 c a 1 2"], {1: "1"},
        {"CRS": ["lost append"]}),
    "a duplicate": (
        ["0-1 c a 1 1", "2-3 c r 1 1,1"], {1: "1"},
        {"CRS": ["duplicate", "incompatible order"]}),
    "a duplicate that stays": (
        ["0-1 c a 1 1"], {1: "1,1"},
        {"CRS": ["duplicate"]}),
    "garbage": (
        ["0-1 c a 1 1", "2-3 c r 1 1,7"], {1: "1"},
        {"CRS": ["garbage", "incompatible order"]}),
    "incompatible orders": (
        ["0-1 c a 1 1", "0-1 c a 1 2", "2-3 c r 1 2,1"], {1: "1,2"},
        {"CRS": ["incompatible order"]}),
    "a hole in a list": (
        ["0-1 c a 1 1", "2-3 c a 1 2", "4-5 c a 1 3", "4-5 c r 1 1,3"], {1: "1,2,3"},
        {"CRS": ["incompatible order"]}),
    "the own append is missing": (
        ["0-1 c a 1 1", "2-3 c a 1 2;r 1 1"], {1: "1,2"},
        {"CRS": ["internal"]}),
    "two reads of one list": (
        ["0-9 c r 1 ;r 1 1", "1-2 c a 1 1"], {1: "1"},
        {"C": [], "RS": ["fuzzy read", "G-single"]}),
    "backward in time": (
        ["0-9 c r 1 1;r 1 ", "0-9 c a 1 1"], {1: "1"},
        {"C": ["not monotonic"], "RS": ["fuzzy read", "not monotonic", "G-single"]}),
    "a write cycle": (
        ["0-9 c a 1 1;a 2 2", "0-9 c a 1 3;a 2 4"], {1: "1,3", 2: "4,2"},
        {"CRS": ["G0"]}),
    "appends of two mix": (
        ["0-9 c a 1 1;a 1 3", "0-9 c a 1 2"], {1: "1,2,3"},
        {"CRS": ["G0", "G0"]}),
    "circular information flow": (
        ["0-9 c a 1 1;r 2 2", "0-9 c a 2 2;r 1 1"], {1: "1", 2: "2"},
        {"CRS": ["G1c"]}),
    "read skew": (
        ["0-9 c r 1 ;r 2 2", "1-2 c a 1 1;a 2 2"], {1: "1", 2: "2"},
        {"C": [], "RS": ["G-single"]}),
    "a lost update is none of lists: who appends has read": (
        ["0-9 c r 1 ;a 1 1", "0-9 c r 1 ;a 1 2"], {1: "1,2"},
        {"C": [], "RS": ["G-single"]}),
    "a long fork": (
        ["0-9 c a 1 1", "0-9 c a 2 2", "0-9 c r 1 1;r 2 ", "0-9 c r 1 ;r 2 2"], {1: "1", 2: "2"},
        {"C": [], "RS": ["G-nonadjacent"]}),
    "write skew": (
        ["0-9 c r 1 ;r 2 ;a 1 1", "0-9 c r 1 ;r 2 ;a 2 2"], {1: "1", 2: "2"},
        {"CR": [], "S": ["G2"]}),
    "two anti-dependencies and a reader": (
        ["0-9 c r 1 ;r 2 ;a 1 1", "1-2 c a 2 2", "3-4 c r 1 ;r 2 2"], {1: "1", 2: "2"},
        {"CR": [], "S": ["G2"]}),
    "a commit that a later transaction does not see": (
        ["0-1 c a 1 1", "2-3 c r 1 "], {1: "1"},
        {"C": [], "RS": ["G-single-realtime"]}),
    "the same in one moment": (
        ["0-2 c a 1 1", "2-3 c r 1 "], {1: "1"},
        {"CRS": []}),
    "an order against the clock": (
        ["0-1 c a 1 1", "2-3 c a 1 2"], {1: "2,1"},
        {"CRS": ["G1c-realtime"]}),
    "a read of what has not begun": (
        ["0-1 c r 1 1", "2-3 c a 1 1"], {1: "1"},
        {"CRS": ["G1c-realtime"]}),
    "a commit without an answer, done": (
        ["0-1 u a 1 1", "2-3 c r 1 1", "4-5 c r 1 1"], {1: "1"},
        {"CRS": []}),
    "a commit without an answer, not done, and read": (
        ["0-1 u a 1 1", "2-3 c r 1 1"], {},
        {"CRS": ["G1a", "incompatible order"]}),
}

# Levels that differ: read committed is held to its own promise, and who is
# serializable among others to repeatable read's.
MIXED = {
    "read skew of a reader at read committed": (
        ["C 0-9 c r 1 ;r 2 2", "R 1-2 c a 1 1;a 2 2"], {1: "1", 2: "2"}, []),
    "read skew of a reader at repeatable read": (
        ["R 0-9 c r 1 ;r 2 2", "C 1-2 c a 1 1;a 2 2"], {1: "1", 2: "2"}, ["G-single"]),
    "read skew over a third": (
        ["S 0-9 c r 1 ;r 3 3", "C 1-2 c a 1 1;a 2 2", "C 3-4 c r 2 2;a 3 3"],
        {1: "1", 2: "2", 3: "3"}, ["G-single"]),
    "write skew, one of them serializable": (
        ["S 0-9 c r 1 ;r 2 ;a 1 1", "R 0-9 c r 1 ;r 2 ;a 2 2"], {1: "1", 2: "2"}, []),
}


def judge(transactions, final):
    lines = []
    for session, text in enumerate(transactions):
        level, times, outcome, *ops = text.split(" ", 3)
        begin, end = times.split("-")
        lines.append(f"T {session} {level} {begin} {end} {outcome} {ops[0]};\n")
    lines += [f"F {key} {values}\n" for key, values in final.items()]
    return [name for name, _, _ in History(lines).check()]


def main():
    number = failures = 0
    cases = [(f"{name}, {level}", [f"{level} {t}" for t in transactions], final, wanted)
             for name, (transactions, final, levels) in CASES.items()
             for some, wanted in levels.items() for level in some]
    cases += [(name, *case) for name, case in MIXED.items()]
    for name, transactions, final, wanted in cases:
        found = judge(transactions, final)
        number += 1
        if found == wanted:
            print(f"ok {number} - {name}: {', '.join(wanted) or 'no anomaly'}")
        else:
            failures += 1
            print(f"not ok {number} - {name}: {found} instead of {wanted}")
    print(f"1..{number}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
