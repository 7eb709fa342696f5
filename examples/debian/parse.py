#!/usr/bin/env python3
"""Turns Debian's package catalogue into files for COPY.

usage: parse.py DIRECTORY < catalogue

The catalogue is a list of paragraphs as apt-cache dumpavail prints it and
dpkg's status file holds it.  DIRECTORY receives maintainer.tsv, section.tsv,
package.tsv and dependency.tsv, whose columns are those of the tables in
schema.sql.  Dependencies are resolved by name; what no package of the
catalogue is called (virtual packages, mostly) is left out.
"""

import hashlib
import os
import re
import sys

KINDS = ("Pre-Depends", "Depends", "Recommends", "Suggests")
WANTED = {"Package", "Version", "Maintainer", "Section", "Architecture",
          "Priority", "Installed-Size", "Homepage", "Description", *KINDS}
TERM = re.compile(r"([a-z0-9][a-z0-9+.-]+)(?::[a-z0-9-]+)?\s*(?:\(([^)]*)\))?")
PERSON = re.compile(r'"?(.*?)"?\s*<([^>]*)>')


def paragraphs(lines):
    """Yields each paragraph's wanted fields; of a field, the first line."""
    fields = {}
    for line in lines:
        if line == "\n":
            if fields:
                yield fields
            fields = {}
        elif line[0] not in " \t":
            name, _, value = line.partition(":")
            if name in WANTED:
                fields[name] = value.strip()
    if fields:
        yield fields


def newest(catalogue):
    """One paragraph per package name: the first, which apt prefers."""
    packages = {}
    for fields in catalogue:
        if "Version" in fields:
            packages.setdefault(fields["Package"], fields)
    return packages


def dependencies(fields):
    """Yields kind, position, name, constraint; alternatives share a position."""
    position = 0
    for kind in KINDS:
        for group in filter(None, fields.get(kind, "").split(",")):
            position += 1
            for term in group.split("|"):
                match = TERM.match(term.strip())
                if match:
                    yield kind.lower(), position, match[1], match[2]


def identity(table, key):
    """The uuid of a row: the same in every run, and computable in SQL."""
    return hashlib.md5(f"{table}:{key}".encode()).hexdigest()


class Numbers(dict):
    """Gives each new key the next number from 1."""

    def __missing__(self, key):
        self[key] = len(self) + 1
        return self[key]


def escape(value):
    """A value in COPY's text format."""
    if value is None:
        return r"\N"
    return (str(value).replace("\\", r"\\").replace("\t", r"\t")
            .replace("\n", r"\n").replace("\r", r"\r"))


def write(directory, name, rows):
    """Writes one table's file and returns its number of rows."""
    count = 0
    path = os.path.join(directory, name + ".tsv")
    with open(path, "w", encoding="utf-8") as out:
        for row in rows:
            out.write("\t".join(map(escape, row)) + "\n")
            count += 1
    return count


def package_rows(packages, maintainers, sections):
    """Rows of tb_package, numbering maintainers and sections on the way."""
    for number, (name, fields) in enumerate(sorted(packages.items()), 1):
        yield (number, identity("package", number), name,
               maintainers[fields.get("Maintainer", "nobody")],
               sections[fields.get("Section", "unknown")],
               fields["Version"], fields.get("Architecture"),
               fields.get("Priority"), fields.get("Installed-Size"),
               fields.get("Homepage"), fields.get("Description"))


def dependency_rows(packages):
    """Rows of tb_dependency: one per package, position and target."""
    numbers = {name: n for n, name in enumerate(sorted(packages), 1)}
    count = 0
    for name, number in numbers.items():
        for kind, position, target, constraint in dependencies(packages[name]):
            if target in numbers:
                count += 1
                yield (count, identity("dependency", count), number,
                       numbers[target], kind, position, constraint)


def maintainer_rows(maintainers):
    """Rows of tb_maintainer."""
    for text, number in maintainers.items():
        match = PERSON.fullmatch(text)
        name, email = match.groups() if match else (text, None)
        yield number, identity("maintainer", number), name, email


def section_rows(sections):
    """Rows of tb_section."""
    for name, number in sections.items():
        yield number, identity("section", number), name


def main(directory):
    sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    packages = newest(paragraphs(sys.stdin))
    if not packages:
        sys.exit("parse.py: the catalogue is empty")
    maintainers, sections = Numbers(), Numbers()
    os.makedirs(directory, exist_ok=True)
    counts = {
        "packages": write(directory, "package",
                          package_rows(packages, maintainers, sections)),
        "maintainers": write(directory, "maintainer",
                             maintainer_rows(maintainers)),
        "sections": write(directory, "section", section_rows(sections)),
        "dependencies": write(directory, "dependency",
                              dependency_rows(packages)),
    }
    print(", ".join(f"{count} {what}" for what, count in counts.items()))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
