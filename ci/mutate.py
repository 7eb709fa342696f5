#!/usr/bin/env python3
"""Reads mutants: files test/mutants/NAME.mutant.

mutate.py apply FILE TREE   takes the mutant's rule out of the sources in TREE
mutate.py tests FILE        prints the tests that catch it, one a line
mutate.py check FILE...     says which mutants do not apply to the sources here

A mutant's file has these parts; lines that begin with "#" are comments:

    rule: what holds in the sources and not in the mutant
    caught by: SUITE:TEST [VARIABLE=VALUE...]   (one or more, cheapest first)
    file: src/dir/name.c                        (one or more replacements)
    <<<
    text as it is now
    ===
    text of the mutant
    >>>

Each text must stand in its file exactly once: a mutant that does not apply any
more is an error, so that it cannot rot.
"""
import os
import sys


class Wrong(Exception):
    pass


def read(path):
    """Returns (rule, tests, replacements)."""
    rule, tests, replacements = None, [], []
    name, part, texts = None, None, None
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            text = line.rstrip("\n")
            if part is None and text == "<<<" and name:
                part, texts = 0, ["", ""]
            elif part == 0 and text == "===":
                part = 1
            elif part == 1 and text == ">>>":
                replacements.append((name, texts[0], texts[1]))
                part = None
            elif part is not None:
                texts[part] += line
            elif text.startswith("rule: "):
                rule = text[len("rule: "):]
            elif text.startswith("caught by: "):
                tests.append(text[len("caught by: "):])
            elif text.startswith("file: "):
                name = text[len("file: "):]
            elif text and not text.startswith("#"):
                raise Wrong(f"line {number} is not understood: {text}")
    if part is not None:
        raise Wrong("a replacement does not end")
    if not rule or not tests or not replacements:
        raise Wrong("rule, caught by and a replacement are needed")
    return rule, tests, replacements


def mutate(replacements, tree):
    """Returns the changed files' texts by name."""
    sources = {}
    for name, old, new in replacements:
        path = os.path.join(tree, name)
        if not os.path.exists(path):
            raise Wrong(f"there is no file {name}")
        if name not in sources:
            with open(path, encoding="utf-8") as file:
                sources[name] = file.read()
        found = sources[name].count(old) if old else 0
        if found != 1:
            first = old.strip().split("\n")[0].strip()
            raise Wrong(f"{name} has the text {found} times: {first}")
        sources[name] = sources[name].replace(old, new)
    return sources


def apply(replacements, tree):
    """Replaces the texts in the tree's files."""
    for name, text in mutate(replacements, tree).items():
        with open(os.path.join(tree, name), "w", encoding="utf-8") as file:
            file.write(text)


def check(paths):
    """Prints which mutants do not apply; the exit status."""
    status = 0
    for path in paths:
        try:
            mutate(read(path)[2], ".")
        except (Wrong, UnicodeDecodeError) as problem:
            print(f"{path}: {problem}")
            status = 1
    return status


def main(arguments):
    if arguments[0] == "check":
        return check(arguments[1:])
    try:
        _, tests, replacements = read(arguments[1])
        if arguments[0] == "apply":
            apply(replacements, arguments[2])
        else:
            print("\n".join(tests))
    except (Wrong, UnicodeDecodeError) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
